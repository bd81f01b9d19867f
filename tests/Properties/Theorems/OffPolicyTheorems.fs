/// Laws 2 and 4 off policy: estimates from another policy's trajectories have the policy's own values and gradient as exact expectation.
module Rl.Tests.Theorems.OffPolicyTheorems

open System
open Rl.Core.Autodiff
open Rl.Core.Mdp
open Rl.Core.Objectives
open Xunit

let private tolerance = 1e-9

/// Every trajectory of a behaviour μ, with its ratios ρ = π / μ [T, N] (1 outside trajectories).
type private OffPolicy =
    {
        Data: Enumerated
        Behaviour: TabularPolicy
        Ratios: float[]
        /// The product of the ratios up to and with each step.
        Cumulative: float[]
        /// The product of the ratios before each step.
        Before: float[]
    }

let private collect (instance: Instance) =
    let struct (behaviour, _) = Instance.other instance
    let data = Enumerated.under behaviour instance
    let count = data.Batch.Count

    let logarithms (policy: TabularPolicy) =
        data
        |> Enumerated.tabulate (fun _ at ->
            if data.Batch.Mask[at] = 0.0 then
                0.0
            else
                log policy[data.Batch.States[at], data.Batch.Actions[at]])

    let ratios, cumulative = Array.zeroCreate<float> data.Traces.Length, Array.zeroCreate<float> data.Traces.Length
    let target, drawn = logarithms data.Policy, logarithms behaviour
    Corrections.Ratios(target, drawn, ratios)
    Corrections.CumulativeRatios(count, ratios, data.Traces, cumulative)

    {
        Data = data
        Behaviour = behaviour
        Ratios = ratios
        Cumulative = cumulative
        Before = Array.init ratios.Length (fun at -> if at < count then 1.0 else cumulative[at - count])
    }

/// The ratio of a trajectory is that of its last step.
let private wholeRatio (sample: OffPolicy) column =
    let batch = sample.Data.Batch
    let inside time = batch.Mask[time * batch.Count + column] = 1.0
    sample.Cumulative[Seq.findBack inside (seq { 0 .. batch.Steps - 1 }) * batch.Count + column]

let private zeros (sample: OffPolicy) = Array.zeroCreate<float> sample.Ratios.Length

// --- Law 2 --------------------------------------------------------------------------------------------------------------

[<Theorem>]
let ``law 2, off policy: the whole return weighted by the ratio of the trajectory`` (instance: Instance) =
    let sample = collect instance
    let data = sample.Data
    let count = data.Batch.Count
    let full = zeros sample
    Returns.FullTrajectory<float>(count, Enumerated.rewardsToGo data, data.Traces, full)

    let weights =
        data
        |> Enumerated.tabulate (fun _ at ->
            data.Batch.Mask[at] * data.Probabilities[at % count] * wholeRatio sample (at % count))

    let gradient =
        data
        |> Enumerated.ascent weights (fun logProbability -> PolicyGradients.score logProbability (Expr.vector full))

    Expect.close tolerance "∇J" (Enumerated.analytic data) gradient

let private perDecision (sample: OffPolicy) =
    let data, result = sample.Data, zeros sample
    let nothing = zeros sample

    Corrections.PerDecision(
        data.Batch.Count,
        sample.Ratios,
        data.Batch.Rewards,
        data.Batch.Discounts,
        nothing,
        data.Traces,
        result
    )

    result

[<Theorem>]
let ``law 2, off policy: rewards to go weighted decision by decision`` (instance: Instance) =
    let sample = collect instance
    let gradient = Enumerated.gradientOf (Array.map2 (*) sample.Before (perDecision sample)) sample.Data
    Expect.close tolerance "∇J" (Enumerated.analytic sample.Data) gradient

[<Theorem>]
let ``law 2, off policy: the importance ratio times the true advantage`` (instance: Instance) =
    let sample = collect instance
    let data = sample.Data
    let advantages = Array.map2 (-) (Enumerated.actionValues data) (Enumerated.values data)

    let old =
        data
        |> Enumerated.tabulate (fun _ at -> log sample.Behaviour[data.Batch.States[at], data.Batch.Actions[at]])

    let gradient =
        data
        |> Enumerated.ascent (Array.map2 (*) (Enumerated.weights data) sample.Before) (fun logProbability ->
            -(PolicyGradients.ratio logProbability (Expr.vector old) * Expr.vector advantages))

    Expect.close tolerance "∇J" (Enumerated.analytic data) gradient

[<Fact>]
let ``law 2 has teeth: data of another policy without weights are biased`` () =
    let instance = { Seed = 5UL; Shape = Dense; States = 2; Actions = 2; Horizon = 2; Discount = 0.9 }
    let data = (collect instance).Data
    let gradient = Enumerated.gradientOf (Enumerated.rewardsToGo data) data
    Assert.True(Expect.distance (Enumerated.analytic data) gradient > 1e-2)

// --- Values -------------------------------------------------------------------------------------------------------------

/// E_μ[f of the first step | s₁] [S], and what it is compared with, 0 where no trajectory starts.
let private fromStarts (estimates: float[]) (sample: OffPolicy) =
    let data = sample.Data
    let total = Array.zeroCreate<float> data.Mdp.States

    for column in 0 .. data.Batch.Count - 1 do
        let start = data.Batch.States[column]
        total[start] <- total[start] + data.Probabilities[column] * estimates[column]

    total

let private startWeighted (sample: OffPolicy) (values: float[]) =
    values |> Array.mapi (fun state value -> sample.Data.Mdp.Start.Span[state] * value)

[<Theorem>]
let ``ordinary importance sampling has the objective as expectation`` (instance: Instance) =
    let sample = collect instance
    let data = sample.Data
    let count = data.Batch.Count
    let toGo = Enumerated.rewardsToGo data

    // Each trajectory as one episode of its own, counted p(τ) · N times: the mean over N episodes is the expectation.
    let weights = Array.init count (fun column -> wholeRatio sample column * data.Probabilities[column] * float count)

    let returns = Array.take count toGo
    Expect.closeNumber tolerance "J" data.Evaluation.Objective (Corrections.Ordinary(weights, returns))

[<Theorem>]
let ``per-decision importance sampling has the values of the policy as expectation`` (instance: Instance) =
    let sample = collect instance
    let expected = startWeighted sample sample.Data.Evaluation.Values[0]
    Expect.close tolerance "V" expected (fromStarts (perDecision sample) sample)

[<Theorem>]
let ``doubly robust estimates have the values of the policy as expectation, whatever q̂ they lean on``
    (instance: Instance)
    =
    let sample = collect instance
    let data = sample.Data
    let actions = data.Mdp.Actions
    let guesses = Instance.normals 0 (data.Mdp.States * actions) instance

    let guess =
        data
        |> Enumerated.tabulate (fun _ at -> guesses[data.Batch.States[at] * actions + data.Batch.Actions[at]])

    let mean =
        data
        |> Enumerated.tabulate (fun _ at ->
            let state = data.Batch.States[at]

            [| 0 .. actions - 1 |]
            |> Array.sumBy (fun action -> data.Policy[state, action] * guesses[state * actions + action]))

    let result, nothing = zeros sample, zeros sample

    Corrections.DoublyRobust(
        data.Batch.Count,
        sample.Ratios,
        data.Batch.Rewards,
        data.Batch.Discounts,
        mean,
        guess,
        nothing,
        data.Traces,
        result
    )

    Expect.close tolerance "V" (startWeighted sample data.Evaluation.Values[0]) (fromStarts result sample)

// --- Law 4: fixed points --------------------------------------------------------------------------------------------------

/// V-trace errors of the values of `judged` over the horizon.
let private vTrace (clip: float) (lambda: float) (judged: TabularPolicy) (sample: OffPolicy) =
    let evaluation = FiniteHorizon.evaluate sample.Data.Mdp sample.Data.Horizon judged
    let data = { sample.Data with Evaluation = evaluation }
    let result = zeros sample
    let values, nextValues = Enumerated.values data, Enumerated.nextValues data
    let traces = data.Traces |> Array.map (fun trace -> lambda * trace)

    Corrections.VTrace<float>(
        data.Batch.Count,
        clip,
        sample.Ratios,
        data.Batch.Rewards,
        values,
        data.Batch.Discounts,
        nextValues,
        traces,
        result
    )

    result

[<Theorem>]
let ``law 4: V-trace with clip ρ̄ rests at the values of the policy ∝ min(ρ̄ μ, π), for any λ`` (instance: Instance) =
    let sample = collect instance
    let states, actions = sample.Data.Mdp.States, sample.Data.Mdp.Actions

    for clip in [ 0.5; 1.0; 1e6 ] do
        let between =
            Array.init states (fun state ->
                let row =
                    Array.init actions (fun action ->
                        min (clip * sample.Behaviour[state, action]) sample.Data.Policy[state, action])

                row |> Array.map (fun weight -> weight / Array.sum row))
            |> Array.concat
            |> TabularPolicy.create states actions

        for lambda in [ 0.0; 0.6; 1.0 ] do
            let errors = fromStarts (vTrace clip lambda between sample) sample
            Expect.close tolerance $"ρ̄ = {clip}, λ = {lambda}" (Array.zeroCreate states) errors

[<Theorem>]
let ``law 4: on policy and with λ = 1, V-trace targets are the rewards to go`` (instance: Instance) =
    let data = Enumerated.onPolicy instance
    let ones = Array.create data.Traces.Length 1.0
    let sample = { Data = data; Behaviour = data.Policy; Ratios = ones; Cumulative = ones; Before = ones }
    let targets = Array.map2 (+) (vTrace 1.0 1.0 data.Policy sample) (Enumerated.values data)
    let inside (values: float[]) = Array.map2 (*) data.Batch.Mask values
    Expect.close 1e-12 "targets" (inside (Enumerated.rewardsToGo data)) (inside targets)

/// How a kind of return is computed: of v′, q′ and traces [T, N] into the result.
type private Estimator = OffPolicy -> float[] -> float[] -> float[] -> float[] -> unit

/// |E_μ[Gₜ of the first step | s, a] − Q(0, s, a)| of each pair that occurs, and the largest |Q̂ − Q|, where the estimator is given
/// Q̂ = Q + `noise` times a random table of each time.
let private distances (noise: float) (lambda: float) (estimate: Estimator) (instance: Instance) =
    let sample = collect instance
    let data = sample.Data
    let count, states, actions = data.Batch.Count, data.Mdp.States, data.Mdp.Actions

    let perturbed =
        data.Evaluation.ActionValues
        |> Array.mapi (fun time values ->
            Array.map2 (fun value shift -> value + noise * shift) values (Instance.normals time values.Length instance))

    let averaged (values: float[]) =
        Array.init states (fun state ->
            [| 0 .. actions - 1 |]
            |> Array.sumBy (fun action -> data.Policy[state, action] * values[state * actions + action]))

    let guess =
        { data with
            Evaluation =
                { data.Evaluation with
                    ActionValues = perturbed
                    Values = Array.append (Array.map averaged perturbed) [| Array.zeroCreate states |]
                }
        }

    let shifted (values: float[]) =
        Array.init values.Length (fun at -> if at + count < values.Length then values[at + count] else 0.0)

    let result = zeros sample
    let traces = data.Traces |> Array.map (fun trace -> lambda * trace)
    estimate sample (Enumerated.nextValues guess) (shifted (Enumerated.actionValues guess)) traces result
    let total, weight = Array.zeroCreate<float>(states * actions), Array.zeroCreate<float>(states * actions)

    for column in 0 .. count - 1 do
        let pair = data.Batch.States[column] * actions + data.Batch.Actions[column]
        total[pair] <- total[pair] + data.Probabilities[column] * result[column]
        weight[pair] <- weight[pair] + data.Probabilities[column]

    let after =
        Array.init total.Length (fun pair ->
            if weight[pair] = 0.0 then
                0.0
            else
                abs (total[pair] / weight[pair] - data.Evaluation.ActionValues[0].[pair]))

    let before =
        Array.map2
            (Array.map2 (fun (guessed: float) exact -> abs (guessed - exact)))
            perturbed
            data.Evaluation.ActionValues

    struct (Array.max after, before |> Array.map Array.max |> Array.max)

let private restsAtQ (estimate: Estimator) instance =
    for lambda in [ 0.0; 0.5; 1.0 ] do
        let struct (after, _) = distances 0.0 lambda estimate instance
        Expect.closeNumber tolerance $"the distance from Q at λ = {lambda}" 0.0 after

let private contracts (estimate: Estimator) (instance: Instance) =
    for lambda in [ 0.0; 0.5; 1.0 ] do
        let struct (after, before) = distances 1.0 lambda estimate instance

        if after > instance.Discount * before + tolerance then
            failwith $"At λ = {lambda} the distance {before} from Q became {after}."

/// The ratios of the next actions, [T, N].
let private nextRatios (sample: OffPolicy) =
    let count = sample.Data.Batch.Count
    Array.append (Array.skip count sample.Ratios) (Array.create count 1.0)

let private retrace: Estimator =
    fun sample nextValues nextActionValues traces result ->
        let batch, ratios = sample.Data.Batch, nextRatios sample

        Corrections.Retrace(
            batch.Count,
            batch.Rewards,
            batch.Discounts,
            nextValues,
            nextActionValues,
            ratios,
            traces,
            result
        )

let private treeBackup: Estimator =
    fun sample nextValues nextActionValues traces result ->
        let batch, policy = sample.Data.Batch, sample.Data.Policy
        let last = batch.Mask.Length - batch.Count

        let probabilities =
            Array.init batch.Mask.Length (fun at ->
                if at < last then
                    policy[batch.States[at + batch.Count], batch.Actions[at + batch.Count]]
                else
                    1.0)

        Corrections.TreeBackup(
            batch.Count,
            batch.Rewards,
            batch.Discounts,
            nextValues,
            nextActionValues,
            probabilities,
            traces,
            result
        )

let private importanceSampled: Estimator =
    fun sample nextValues nextActionValues traces result ->
        let batch = sample.Data.Batch
        let weighted = Array.map2 (*) traces (nextRatios sample)

        Corrections.GeneralOffPolicy<float>(
            batch.Count,
            batch.Rewards,
            batch.Discounts,
            nextValues,
            nextActionValues,
            weighted,
            result
        )

[<Theorem>]
let ``law 4: Retrace rests at Q of the policy, for any λ`` (instance: Instance) = restsAtQ retrace instance

[<Theorem>]
let ``law 4: tree-backup rests at Q of the policy, for any λ`` (instance: Instance) = restsAtQ treeBackup instance

[<Theorem>]
let ``law 4: importance sampling of what follows rests at Q of the policy`` (instance: Instance) =
    restsAtQ importanceSampled instance

[<Theorem>]
let ``law 4: Retrace is a γ-contraction towards Q, whatever the behaviour (Munos et al. 2016)`` (instance: Instance) =
    contracts retrace instance

[<Theorem>]
let ``law 4: tree-backup is a γ-contraction towards Q, whatever the behaviour`` (instance: Instance) =
    contracts treeBackup instance

[<Theorem>]
let ``law 4: with full ratios and λ = 1, no guess of Q is left in the expectation`` (instance: Instance) =
    // The last guess, of what follows the horizon, is 0; every other is corrected away.
    let struct (after, _) = distances 1.0 1.0 importanceSampled instance
    Expect.closeNumber tolerance "the distance from Q" 0.0 after
