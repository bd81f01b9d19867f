/// Law 4 for off-policy corrections: identities between them, and fixed points on chains whose values are known.
[<FsCheck.Xunit.Properties(Replay = "(2718281,828459)")>]
module Rl.Tests.Objectives.CorrectionsTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Objectives
open Rl.Tests.Objectives.CorrectionRollouts
open Xunit

[<Property>]
let ``V-trace on policy is the λ-return`` (seed: uint64) =
    let r = rollout seed
    near (advantages r 0.8) (leaky r 1.0 1.0 (ones r) 0.8)

[<Property>]
let ``V-trace on policy with λ = 1 is the n-step return to the end of the rollout`` (seed: uint64) =
    let r = rollout seed

    let targets = filled r (fun result -> Returns.NStep(r.Steps 1.0, r.Count, result))

    near targets (Array.map2 (+) r.Values (leaky r 1.0 1.0 (ones r) 1.0))

[<Property>]
let ``V-trace follows its definition as a sum of discounted products`` (seed: uint64) =
    let r = rollout seed
    let errors = leaky r 1.0 1.7 r.Ratios 0.9
    let traces = r.Traces 0.9

    let expected start =
        let mutable total, weight, index = 0.0, 1.0, start

        while index < r.Count do
            let error = r.Rewards[index] + r.Discounts[index] * r.NextValues[index] - r.Values[index]
            total <- total + weight * min 1.7 r.Ratios[index] * error
            weight <- weight * r.Discounts[index] * traces[index] * min 1.0 r.Ratios[index]
            index <- index + r.Columns

        total

    near (Array.init r.Count expected) errors

[<Property>]
let ``leaky V-trace at α = 0 uses the whole ratio: per-decision importance sampling of the errors`` (seed: uint64) =
    let r = rollout seed

    let errors =
        filled r (fun result -> ImportanceSampling.ImportanceCorrectedErrors(r.Steps 0.7, r.Values, r.Ratios, result))

    near errors (leaky r 0.0 1.0 r.Ratios 0.7)

[<Property>]
let ``the advantage of V-trace on policy is that of the λ-return`` (seed: uint64) =
    let r = rollout seed
    let errors = leaky r 1.0 1.0 (ones r) 0.8
    let estimates, advantages' = Array.zeroCreate<float> r.Count, Array.zeroCreate<float> r.Count
    Corrections.VTraceAdvantages(r.Steps 0.8, r.Values, ones r, errors, 1.0, 1.0, estimates, advantages')
    near (lambdaReturns r 0.8) estimates
    near (advantages r 0.8) advantages'

[<Property>]
let ``per-decision importance sampling with ratios of 1 is the λ-return`` (seed: uint64) =
    let r = rollout seed

    filled r (fun result -> ImportanceSampling.PerDecision(r.Steps 0.6, ones r, result))
    |> near (lambdaReturns r 0.6)

[<Property>]
let ``doubly robust estimates of exact values on a deterministic chain do not depend on the ratios`` (seed: uint64) =
    // v̂ = q̂ = r + γ v′ of its own successor: every correction is ρ · 0.
    let r = rollout seed
    let v = lambdaReturns r 1.0

    let next =
        Array.init r.Count (fun i ->
            if r.Ends[i] = 0.0 && i + r.Columns < r.Count then
                v[i + r.Columns]
            else
                r.NextValues[i])

    filled r (fun result ->
        let steps = Steps<float>(r.Columns, r.Rewards, r.Discounts, next, r.Traces 1.0)
        ImportanceSampling.DoublyRobust(steps, v, v, r.Ratios, result))
    |> near v

[<Property>]
let ``traces of 0 give expected Sarsa, whatever the action values`` (seed: uint64) =
    let r = rollout seed

    let oneStep =
        Array.map3 (fun reward discount value -> reward + discount * value) r.Rewards r.Discounts r.NextValues

    near oneStep (general r r.Values (Array.zeroCreate r.Count))

[<Property>]
let ``where q′ is v′ the general off-policy return is the λ-return`` (seed: uint64) =
    let r = rollout seed
    near (lambdaReturns r 0.7) (general r r.NextValues (r.Traces 0.7))

[<Property>]
let ``Retrace and tree-backup stand still at a function that satisfies the Bellman equation along the data``
    (seed: uint64)
    =
    let r = rollout seed
    // With qₜ = rₜ + γₜ v′ₜ every error is 0, so no trace may change the return.
    let q = Array.map3 (fun reward discount value -> reward + discount * value) r.Rewards r.Discounts r.NextValues
    let next = Array.init r.Count (fun i -> if i + r.Columns < r.Count then q[i + r.Columns] else 0.0)
    let apply method' = filled r (fun result -> method' result)

    apply (fun result -> Corrections.Retrace(r.Steps 1.0, next, r.Ratios, result)) |> near q

    let probabilities = r.Ratios |> Array.map (fun ratio -> ratio / 3.0)

    apply (fun result -> Corrections.TreeBackup(r.Steps 1.0, next, probabilities, result)) |> near q

[<Property>]
let ``Retrace does not tell ratios above 1 apart`` (seed: uint64) =
    let r = rollout seed

    let run (ratios: float[]) = filled r (fun result -> Corrections.Retrace(r.Steps 0.9, r.Values, ratios, result))

    near (run (r.Ratios |> Array.map (min 1.0))) (run r.Ratios)

[<Property>]
let ``UPGO is at least the one-step target when values are pessimistic, and is it when they are optimistic``
    (seed: uint64)
    =
    let r = rollout seed

    let run (values: float[]) = filled r (fun result -> ActionValues.Upgo(r.Steps 1.0, values, result))

    near (lambdaReturns r 1.0) (run (Array.create r.Count -100.0))
    near (lambdaReturns r 0.0) (run (Array.create r.Count 100.0))

[<Property>]
let ``Q(λ) and Sarsa(λ) agree where the action taken is the best`` (seed: uint64) =
    let r = rollout seed
    let actions = 3
    let mutable rng = Rng.create (seed + 1UL)
    let q = uniform -1.0 1.0 (r.Count * actions) &rng
    let best = q |> Array.chunkBySize actions |> Array.map (fun row -> Array.findIndex ((=) (Array.max row)) row)

    let sarsa =
        filled r (fun result ->
            ActionValues.SarsaLambda<float>(r.Columns, actions, r.Rewards, r.Discounts, q, best, r.Traces 0.8, result))

    filled r (fun result ->
        ActionValues.QLambda<float>(r.Columns, actions, r.Rewards, r.Discounts, q, r.Traces 0.8, result))
    |> near sarsa

[<Property>]
let ``differential returns of a constant reward are 0 at its own average`` (seed: uint64) (level: int8) =
    let r = rollout seed
    let rewards = Array.create r.Count (float level)

    filled r (fun result ->
        ActionValues.Differential<float>(
            r.Columns,
            float level,
            rewards,
            Array.zeroCreate<float> r.Count,
            r.Traces 1.0,
            result
        ))
    |> near (Array.zeroCreate r.Count)

[<Property>]
let ``weighted importance sampling is exact for equal returns, and ordinary scales with the weights`` (seed: uint64) =
    let mutable rng = Rng.create seed
    let weights, equal = uniform 0.1 2.0 7 &rng, Array.create 7 3.0
    near [| 3.0 |] [| ImportanceSampling.Weighted<float>(weights, equal) |]
    near [| 3.0 * Array.average weights |] [| ImportanceSampling.Ordinary<float>(weights, equal) |]

[<Property>]
let ``the weight of an episode's last step is the product of its ratios`` (seed: uint64) =
    let r = rollout seed

    let weights =
        filled r (fun result -> ImportanceSampling.CumulativeRatios<float>(r.Columns, r.Ratios, r.Traces 1.0, result))

    let expected index =
        let rec back i =
            if i < r.Columns || r.Ends[i - r.Columns] = 1.0 then
                r.Ratios[i]
            else
                r.Ratios[i] * back (i - r.Columns)

        back index

    near (Array.init r.Count expected) weights

[<Property>]
let ``the unrolled recurrence is the one on data`` (seed: uint64) =
    let r = rollout seed
    let shape = [| r.Count / r.Columns; r.Columns |]
    let matrix values = Expr.constant (Tensor.create shape values)
    let last = Array.skip (r.Count - r.Columns) r.NextValues

    let unrolled =
        Unrolled.lambda
            (matrix r.Rewards)
            (matrix r.Discounts)
            (matrix r.NextValues)
            (matrix (r.Traces 0.8))
            (Expr.vector last)

    near (lambdaReturns r 0.8) ((Reference.evaluate unrolled).ToArray())

[<Property>]
let ``V-trace from flags is V-trace from a discount per step, bit for bit, and allocates nothing`` (seed: uint64) =
    let mutable rng = Rng.create seed

    let next draw =
        let struct (value, after) = draw rng
        rng <- after
        value

    let rows, columns = 1 + next (Rng.below 12), 1 + next (Rng.below 40)
    let size = rows * columns
    let normals count = Array.init count (fun _ -> next Rng.normal)
    let rewards, values, lastValues, finalValues = normals size, normals size, normals columns, normals size
    let ratios = normals size |> Array.map exp
    let terminated = Array.init size (fun _ -> next (Rng.bernoulli 0.05))
    let truncated = Array.init size (fun at -> next (Rng.bernoulli 0.05) && not terminated[at])
    let r = RandomRollouts.build columns 0.97 0.8 rewards values terminated truncated lastValues finalValues
    let expected, result = Array.zeroCreate<float> size, Array.zeroCreate<float> size

    let estimates, credit = Array.zeroCreate<float> size, Array.zeroCreate<float> size
    let credited = Array.zeroCreate<float> size

    Corrections.VTrace(r.Steps, values, ratios, 1.2, expected)
    Corrections.VTraceAdvantages(r.Steps, values, ratios, expected, 1.0, 0.9, estimates, credit)

    let run () =
        let rollout =
            RolloutSteps<float>(columns, 0.97, 0.8, rewards, values, lastValues, terminated, truncated, finalValues)

        Corrections.RolloutVTrace(rollout, ratios, 1.2, result)
        Corrections.RolloutVTraceAdvantages(rollout, ratios, result, 0.9, credited)

    run ()
    result = expected && credited = credit && Rl.Tests.Kernels.KernelMemory.allocated run = 0L

[<Fact>]
let ``V-trace allocates nothing and float32 agrees with float64`` () =
    let r = rollout 5UL
    let single = Array.map float32
    let rewards, values, discounts, next = single r.Rewards, single r.Values, single r.Discounts, single r.NextValues
    let ratios, traces, result = single r.Ratios, single (r.Traces 0.9), Array.zeroCreate<float32> r.Count

    let run () =
        let steps = Steps<float32>(r.Columns, rewards, discounts, next, traces)
        Corrections.VTrace(steps, values, ratios, 1.0f, result)

    run ()
    let before = GC.GetAllocatedBytesForCurrentThread()
    run ()
    Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread())
    let expected = leaky r 1.0 1.0 r.Ratios 0.9
    Array.iter2 (fun (e: float) (a: float32) -> Assert.InRange(abs (e - float a), 0.0, 1e-4)) expected result

[<Property>]
let ``what learners call in float32 agrees with float64`` (seed: uint64) =
    let r = rollout seed
    let single = Array.map float32
    let values, ratios, probabilities = single r.Values, single r.Ratios, r.Ratios |> Array.map (fun x -> x / 3.0)
    let rewards, discounts, next = single r.Rewards, single r.Discounts, single r.NextValues
    let traces = single (r.Traces 0.9)

    let check (expected: float[] -> unit) (actual: float32[] -> unit) =
        let result = Array.zeroCreate<float32> r.Count
        actual result

        Array.iter2
            (fun (e: float) (a: float32) -> Assert.InRange(abs (e - float a), 0.0, 1e-4 * (1.0 + abs e)))
            (filled r expected)
            result

    check (fun result -> Corrections.Retrace(r.Steps 0.9, r.Values, r.Ratios, result)) (fun result ->
        Corrections.Retrace(Steps<float32>(r.Columns, rewards, discounts, next, traces), values, ratios, result))

    check (fun result -> Corrections.TreeBackup(r.Steps 0.9, r.Values, probabilities, result)) (fun result ->
        let steps = Steps<float32>(r.Columns, rewards, discounts, next, traces)
        Corrections.TreeBackup(steps, values, single probabilities, result))

    check
        (fun result ->
            let errors, estimates = leaky r 0.7 1.2 r.Ratios 0.9, Array.zeroCreate<float> r.Count
            Corrections.VTraceAdvantages(r.Steps 0.9, r.Values, r.Ratios, errors, 0.7, 1.5, estimates, result))
        (fun result ->
            let errors, estimates = Array.zeroCreate<float32> r.Count, Array.zeroCreate<float32> r.Count
            let steps = Steps<float32>(r.Columns, rewards, discounts, next, traces)
            Corrections.LeakyVTrace(steps, values, ratios, 0.7f, 1.2f, errors)
            Corrections.VTraceAdvantages(steps, values, ratios, errors, 0.7f, 1.5f, estimates, result))

    check
        (fun result -> ImportanceSampling.DoublyRobust(r.Steps 0.9, r.Values, r.NextValues, r.Ratios, result))
        (fun result ->
            let steps = Steps<float32>(r.Columns, rewards, discounts, next, traces)
            ImportanceSampling.DoublyRobust(steps, values, next, ratios, result))

    check
        (fun result ->
            ActionValues.QLambda<float>(r.Columns, 1, r.Rewards, r.Discounts, r.Values, r.Traces 0.9, result))
        (fun result -> ActionValues.QLambda<float32>(r.Columns, 1, rewards, discounts, values, traces, result))

[<Fact>]
let ``empty trajectories and unequal lengths are refused by name`` () =
    let refused (name: string) (action: unit -> unit) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> action ())
        Assert.Equal(name, error.ParamName)

    let five, four, none, result =
        Array.create 5 1.0, Array.create 4 1.0, Array.zeroCreate<float> 0, Array.zeroCreate<float> 5

    let two, chosen = Array.zeroCreate<float> 2, [| 0; 2 |]
    let steps columns (values: float[]) : unit = Steps<float>(columns, values, values, values, values).Count |> ignore

    let trace (values: float[]) (ratios: float[]) (result: float[]) =
        Corrections.VTrace(Steps<float>(1, five, five, five, five), values, ratios, 1.0, result)

    refused "rewards" (fun () -> steps 1 none)
    refused "rewards" (fun () -> steps 2 five)
    refused "columns" (fun () -> steps 0 five)
    refused "discounts" (fun () -> Steps<float>(1, five, four, five, five).Count |> ignore)
    refused "nextValues" (fun () -> Steps<float>(1, five, five, four, five).Count |> ignore)
    refused "traces" (fun () -> Steps<float>(1, five, five, five, four).Count |> ignore)
    refused "weights" (fun () -> ImportanceSampling.Ordinary<float>(none, none) |> ignore)
    refused "ratios" (fun () -> trace five four result)
    refused "values" (fun () -> trace four five result)
    refused "result" (fun () -> trace five five four)

    refused "nextRatios" (fun () -> Corrections.Retrace(Steps<float>(1, five, five, five, five), five, four, result))

    refused "chosen" (fun () -> ActionValues.Chosen<float>(2, four, chosen, two))
    refused "averageReward" (fun () -> ActionValues.Differential<float>(1, nan, five, five, five, result))
    // What was never made holds no steps.
    refused "columns" (fun () -> Returns.Lambda(Steps<float>(), ReadOnlySpan.Empty, result))

    refused "columns" (fun () -> Returns.RolloutAdvantages(RolloutSteps<float>(), result))

    refused "rewards" (fun () ->
        let empty = Expr.zeros [| 0; 2 |]
        Unrolled.lambda empty empty empty empty (Expr.zeros [| 2 |]) |> ignore)
