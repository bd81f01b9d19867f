/// Learners and their twins side by side: from the same state, both make a transition, and what they leave is compared.
module Rl.Tests.Algorithms.Twins.Agreement

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

/// What float32 may lose, as a share of what moved.
[<Literal>]
let private Share = 1e-5

let private requireNear (what: string) (size: float) (expected: float) (actual: float) =
    Assert.True(
        abs (actual - expected) <= Share * size + 4e-7 * abs expected,
        $"{what} is {actual}; its twin has {expected}, and they may differ by {Share} of {size}."
    )

let private largest (values: float[]) = values |> Array.map abs |> Array.max

/// Numbers that moved from `before` are where the twin has them.
let private sameMove what (before: float[]) (expected: float[]) (actual: float32[]) =
    Assert.Equal(expected.Length, actual.Length)
    let size = Array.map2 (-) expected before |> largest
    Array.iteri2 (fun i expected actual -> requireNear $"{what}[{i}]" size expected (float actual)) expected actual

let private sameStatistics what (expected: PlainStatistics) (actual: RunningStatistics) =
    Assert.Equal(expected.Seen, actual.Count)
    let found = PlainStatistics.ofRunning actual

    for i in 0 .. expected.Mean.Length - 1 do
        requireNear $"the mean of {what} {i}" 1.0 expected.Mean[i] found.Mean[i]
        requireNear $"the variance of {what} {i}" 1.0 expected.Variance[i] found.Variance[i]

/// Actors followed by critics of observation and action.
let private actorCritics = [ "crossq"; "ddpg"; "droq"; "redq"; "sac"; "steve"; "td3"; "tqc"; "xqc" ]

/// Everything that a twin expects is so. θ is compared block by block, so that a small one does not hide behind others.
let same (learner: Learner) (state: TrainingState) (expected: Expected) (next: TrainingState) (report: Report) =
    for block in learner.Layout.Blocks do
        let cut (values: 'T[]) = Array.sub values block.Offset block.Count
        let before = Array.map float (cut state.Parameters)
        sameMove block.Name before (cut expected.Theta) (cut next.Parameters)

    for name, values in expected.Arrays do
        sameMove name (state.Array name |> Array.map float) values (next.Array name)

    sameStatistics "observation" expected.Observations next.Observations
    sameStatistics "reward" expected.Rewards next.Rewards

    Array.iter2 (requireNear "a discounted return" 1.0) expected.DiscountedReturns next.DiscountedReturns

    Assert.Equal(expected.Key, next.Key)
    Assert.Equal<Rng[]>(expected.ActionKeys, next.ActionKeys)
    let known = dict [ for struct (name, value) in report.Metrics -> name, value ]

    for name, value in expected.Metrics do
        let actual = if name = "steps" then float (next.Steps - state.Steps) else known[name]
        requireNear $"the metric {name}" (1.0 + abs value) value actual

/// A first state far from where training starts: no network is near 0, no moment is 0, so that no term is hidden.
let prime (learner: Learner) (seed: uint64) : TrainingState =
    let state = learner.Initialise(Rng.create seed)
    let mutable rng = Rng.create (seed + 1UL)

    let normal () =
        let struct (value, next) = Rng.normal rng
        rng <- next
        value

    let primed (name: string, values: float32[]) =
        let fill f = Array.map (fun (value: float32) -> float32 (f (float value))) values

        name,
        match name.Split('/') |> Array.last with
        | "count" -> fill (fun _ -> 3.0)
        | "firstMoment" -> fill (fun _ -> 0.05 * normal ())
        | "secondMoment" -> fill (fun _ -> 0.01 + 0.005 * abs (normal ()))
        | "auxiliaryHead" -> fill (fun _ -> 0.3 * normal ())
        | "eligibilityTrace" -> fill (fun _ -> 0.05 * normal ())
        | "deviation" -> fill (fun value -> value * (0.5 + 0.2 * abs (normal ())))
        | _ -> values

    let moved = state.Parameters |> Array.map (fun value -> value + float32 (0.4 * normal ()))

    // Statistics stay what statistics can be.
    for block in learner.Layout.Blocks do
        let fill f =
            for place in block.Offset .. block.Offset + block.Count - 1 do
                moved[place] <- f state.Parameters[place] moved[place]

        if BatchRenormalisation.isStatistic block then
            match block.Name.Split('/') |> Array.last with
            | "variance" -> fill (fun _ value -> 0.3f + abs value)
            | "batches" -> fill (fun before _ -> before)
            | _ -> ()

    { state with Parameters = moved; Arrays = List.map primed state.Arrays }

/// A learner's transitions, one after the other, against those of its twin from the same states, the first as `prepare`
/// makes it.
let transitionsFrom
    (prepare: TrainingState -> TrainingState)
    count
    (create: BatchEnvironment -> Workers -> Learner)
    (task: int -> BatchEnvironment)
    copies
    threads
    (twin: TwinView -> Expected)
    =
    use workers = new Workers(threads)
    use learner = create (task copies) workers
    let environment = task copies

    let network =
        if List.contains learner.Algorithm ([ "cem"; "ars"; "es"; "pqn"; "stream-q" ] @ actorCritics) then
            PlainNetwork.ofSearcher learner
        else
            PlainNetwork.ofLearner learner

    let mutable state = prepare (prime learner 21UL)

    for _ in 1..count do
        let expected = twin { Network = network; State = state; Environment = environment }
        let struct (next, report) = learner.Transition state
        same learner state expected next report
        Assert.Equal(state.Updates + 1L, next.Updates)
        Assert.NotEqual<float32[]>(state.Parameters, next.Parameters)
        state <- next

/// `transitionsFrom` the first state as it is.
let transitions count create task copies threads twin = transitionsFrom id count create task copies threads twin
