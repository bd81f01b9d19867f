/// Goals of environments: a step pays what they are worth, within wrappers too, and who cannot say so says why.
[<FsCheck.Xunit.Properties(Replay = "(4719251,4719253)", MaxTest = 20)>]
module Rl.Tests.Environments.Goals.GoalTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Environments.Goals
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Wrappers
open Xunit
open Rl.Tests.Environments.Goals.GoalWalks

let private withGoals = Registry.ids |> List.filter (fun id -> Result.isOk ((Registry.make id).Vectorise 1).Goals)

[<Property>]
let ``a step pays what the goals that it led to are worth`` (seed: uint64) =
    let known = [ "ArmReach-v0"; "BitFlipping-v0"; "PointReach-v0"; "PointReachDense-v0"; "ReacherGoal-v0" ]
    Assert.Equal<string list>(known, withGoals)

    withGoals
    |> List.forall (fun id ->
        let batch = (Registry.make id).Vectorise 3
        let task = batch.RequireGoals()
        walk 120 seed batch task |> List.forall (isWorth task))

[<Fact>]
let ``the tasks with goals have the observations of Gymnasium-Robotics`` () =
    for id in withGoals do
        let batch = (Registry.make id).Vectorise 1
        let names = batch.ObservationSpace.Parts |> List.map fst
        Assert.Equal<string list>([ "observation"; GoalSpace.AchievedName; GoalSpace.DesiredName ], names)
        Assert.Equal(GoalSpace.ofSpace batch.ObservationSpace, batch.RequireGoals().Space)

let private few () : BatchEnvironment = Vectorised(BitFlipping { BitFlipping.V0 with Bits = 2 }, 3)

/// Wrappers within which goals are told.
let private passing: Wrapper list list =
    [
        [ Wrapper.TimeLimit 1 ]
        [ Wrapper.RecordEpisodeStatistics ]
        [ Wrapper.StickyAction(0.3, 1, 2) ]
        [ Wrapper.PassiveEnvironmentChecker ]
        [ Wrapper.FlattenObservation ]
        [ Wrapper.FlattenObservation; Wrapper.ReshapeObservation [| 2; 3 |] ]
        [ Wrapper.FlattenObservation; Wrapper.TimeAwareObservation(true, true) ]
        [ Wrapper.TimeAwareObservation(false, false) ]
        [ Wrapper.TimeAwareObservation(false, false); Wrapper.FilterObservation [ "obs" ] ]
        [ Wrapper.FilterObservation [ "desired_goal"; "achieved_goal" ] ]
        [ Wrapper.FilterObservation [ "desired_goal"; "achieved_goal"; "observation" ] ]
        [ Wrapper.ClipReward(-0.5, 10.0) ]
        [ Wrapper.transformReward "shifted" (fun reward -> 3.0 * reward + 1.0); Wrapper.ClipReward(-9.0, 0.5) ]
    ]

[<Property>]
let ``within these wrappers a step pays what the goals are worth`` (seed: uint64) =
    passing
    |> List.forall (fun wrappers ->
        let batch = Wrapper.apply wrappers (few ())
        let task = batch.RequireGoals()
        let seen = walk 40 seed batch task
        List.forall (isWorth task) seen && seen |> List.exists _.Terminated)

[<Fact>]
let ``a reward that a function makes infinite is refused for goals too`` () =
    let inverse = Wrapper.transformReward "inverse" (fun reward -> 1.0 / reward)
    let task = (Wrapper.apply [ inverse ] (few ())).RequireGoals()
    let one, other = [| 1.0f; 1.0f |], [| 0.0f; 1.0f |]
    Assert.Equal(-1.0f, task.Reward.Invoke(ReadOnlySpan other, ReadOnlySpan one))

    let error =
        Assert.Throws<ArgumentException>(fun () -> task.Reward.Invoke(ReadOnlySpan one, ReadOnlySpan one) |> ignore)

    Assert.Contains("inverse", error.Message)

let private continuous: Wrapper list list =
    [
        [ Wrapper.ClipAction ]
        [ Wrapper.RescaleAction([| -3.0 |], [| 3.0 |]) ]
        [ Wrapper.DiscretizeAction([| 3 |], false) ]
        [ Wrapper.transformAction "halved" None (RowTransform(fun source result -> source.CopyTo result)) ]
    ]

[<Property>]
let ``wrappers of actions leave goals alone`` (seed: uint64) =
    continuous
    |> List.forall (fun wrappers ->
        let batch = Wrapper.apply wrappers (Vectorised(PointReach PointReach.DenseV0, 2))
        let task = batch.RequireGoals()
        walk 60 seed batch task |> List.forall (isWorth task))

[<Fact>]
let ``within other wrappers goals are withheld, and the reason names the wrapper`` () =
    let flat = [ Wrapper.FlattenObservation ]

    let withheld =
        [
            [], Wrapper.NormalizeObservation 1e-8
            [], Wrapper.NormalizeReward(0.9, 1e-8)
            [], Wrapper.MaxAndSkipObservation 2
            [], Wrapper.RepeatAction 2
            [], Wrapper.NextStepAutoreset
            [], Wrapper.FilterObservation [ "observation"; "achieved_goal" ]
            [], Wrapper.FilterObservation [ "observation"; "desired_goal" ]
            flat, Wrapper.RescaleObservation([| -1.0 |], [| 1.0 |])
            flat, Wrapper.FrameStackObservation(2, FramePadding.Reset)
            flat, Wrapper.DelayObservation 1
            flat, Wrapper.DiscretizeObservation([| 2 |], true)
            flat, Wrapper.transformObservation "negated" None (RowTransform(fun source row -> source.CopyTo row))
        ]

    for below, wrapper in withheld do
        // What stands above does not bring them back.
        for above in [ []; [ Wrapper.TimeLimit 5 ] ] do
            if above.IsEmpty || wrapper <> Wrapper.NextStepAutoreset then
                let batch = Wrapper.apply (below @ [ wrapper ] @ above) (few ())
                let error = Assert.Throws<ArgumentException>(fun () -> batch.RequireGoals() |> ignore)
                let name = (string wrapper).Split('(')[0]
                Assert.Contains(name, error.Message)
                Assert.Contains("BitFlipping-v0", error.Message)

[<Fact>]
let ``an environment without goals says what to take instead`` () =
    let batch = (Registry.make "CartPole-v1").Vectorise 1
    let error = Assert.Throws<ArgumentException>(fun () -> batch.RequireGoals() |> ignore)
    Assert.Contains("CartPole-v1", error.Message)
    Assert.Contains("IGoalEnvironment", error.Message)

/// What is wrong with a `Walker`.
type private Fault =
    | None = 0
    | OtherReward = 1
    | OtherEnd = 2
    | Throws = 3
    | NotFinite = 4
    | Silent = 5
    | OtherShape = 6

/// A user's mutable environment: an integer from 3 on that goes up or down, to be brought to another one.
type private Walker(fault: Fault) =
    let size = 5
    let mutable place, goal = 0, 0

    let observe (observation: Span<float32>) =
        observation[0] <- float32 place
        observation[1] <- float32 place
        observation[2] <- float32 goal

    let worth (achieved: float32) (desired: float32) = -float(abs (achieved - desired))

    interface IMutableEnvironment with
        member _.ObservationSpace =
            let goal = Space.discreteFrom 3 size
            let desired = if fault = Fault.OtherShape then Space.discreteFrom 3 (size + 1) else goal
            Space.dict [ "observation", goal; "achieved_goal", goal; "desired_goal", desired ]

        member _.ActionSpace = Space.discrete 2
        member _.MaxEpisodeSteps = 12

        member _.Reset(seed, observation) =
            let struct (first, key) = Rng.below size (Rng.create seed)
            let struct (second, _) = Rng.below size key
            place <- 3 + first
            goal <- 3 + second
            observe observation

        member _.Step(action, observation) =
            place <- Math.Clamp(place + (if action[0] = 1.0f then 1 else -1), 3, 2 + size)
            observe observation
            let paid = worth (float32 place) (float32 goal) - (if fault = Fault.OtherReward then 0.5 else 0.0)
            { Reward = paid; Terminated = (place = goal && fault <> Fault.OtherEnd); Truncated = false }

    interface IGoalEnvironment with
        member _.HasGoals = fault <> Fault.Silent

        member _.ComputeReward(achieved, desired) =
            Assert.Equal((1, 1), (achieved.Length, desired.Length))

            match fault with
            | Fault.Throws when achieved[0] = desired[0] -> invalidOp "nobody wanted to know"
            | Fault.NotFinite when achieved[0] = desired[0] -> -infinity
            | _ -> worth achieved[0] desired[0]

        member _.ComputeTerminated(achieved, desired) = achieved[0] = desired[0]

let private walkers fault count : BatchEnvironment =
    External("Walker", nan, count, fun _ -> Walker fault :> IMutableEnvironment)

[<Property>]
let ``a user's function sees integers, where learners see them one-hot`` (seed: uint64) =
    let batch = walkers Fault.None 2
    let task = batch.RequireGoals()
    let seen = walk 30 seed batch task
    let oneHot index = Array.init 5 (fun place -> if place = index then 1.0f else 0.0f)

    task.Space = { Achieved = 5; Desired = 10; Size = 5 }
    && List.forall (isWorth task) seen
    && task.Reward.Invoke(oneHot 4, oneHot 1) = -3.0f
    && task.Terminates.Invoke(oneHot 2, oneHot 2)
    && not (task.Terminates.Invoke(oneHot 2, oneHot 3))

[<Fact>]
let ``goals of two shapes are refused when the batch is made`` () =
    let error = Assert.Throws<ArgumentException>(fun () -> walkers Fault.OtherShape 1 |> ignore)

    for part in [ "ObservationSpace"; "Walker"; "Discrete(6, start 3)"; "give both the same space" ] do
        Assert.Contains(part, error.Message)

[<Fact>]
let ``a reward of goals that throws or is not finite is the environment's failure`` () =
    for fault, part in [ Fault.Throws, "nobody wanted to know"; Fault.NotFinite, "finite" ] do
        let task = (walkers fault 1).RequireGoals()
        let goal = [| 0.0f; 1.0f; 0.0f; 0.0f; 0.0f |]
        let failure = Assert.Throws<EnvironmentFailure>(fun () -> task.Reward.Invoke(goal, goal) |> ignore)
        Assert.Equal("Walker", failure.EnvironmentId)
        Assert.Contains("ComputeReward", failure.Message)
        Assert.Contains(part, failure.Message)

[<Fact>]
let ``the check of a contract tells what is wrong with goals, in one finding`` () =
    let check fault = Environment.checkBatch { Environment.contractDefaults with Steps = 60 } (walkers fault)

    Assert.Empty(check Fault.None)

    let expected =
        [
            Fault.OtherReward, false, "the step paid"
            Fault.OtherEnd, false, "did not terminate"
            Fault.Throws, false, "nobody wanted to know"
            Fault.NotFinite, false, "must be finite"
            Fault.Silent, true, "nothing says what they are worth"
        ]

    for fault, isAdvice, part in expected do
        let finding = Assert.Single(check fault)
        Assert.Equal(ContractRule.Goals, finding.Rule)
        Assert.Equal(isAdvice, finding.IsAdvice)
        Assert.Contains(part, finding.Problem)
        Assert.NotEmpty finding.Remedy

    Assert.Contains(check Fault.OtherShape, fun finding -> finding.Problem.Contains "give both the same space")

[<Property>]
let ``hindsight takes an environment's own goals: an episode that is told again ends at its goal`` (seed: uint64) =
    let bits = 6
    let batch: BatchEnvironment = Vectorised(BitFlipping { BitFlipping.V0 with Bits = bits }, 1)
    let columns = TransitionColumns.ofEnvironment batch
    let steps = 40
    let buffers = batch.AllocateBuffers()
    let key = Rng.create seed
    let observation = Array.zeroCreate<float32> batch.ObservationSize
    batch.Reset key
    batch.Observe(Span observation)
    let mutable actionKey = Rng.create (seed + 1UL)

    // A replay of random play.
    let rows =
        [|
            for _ in 1..steps do
                let action = [| 0.0f |]
                actionKey <- batch.ActionSpace.Sample(actionKey, Span action)
                let before = Array.copy observation
                batch.StepAll(action, buffers)
                let terminated, truncated = buffers.Terminated.Span[0], buffers.Truncated.Span[0]
                let isEnd = terminated || truncated
                let next = (if isEnd then buffers.FinalObservations else buffers.Observations).ToArray()
                buffers.Observations.Span.CopyTo(Span observation)
                yield before, action, buffers.Rewards.Span[0], terminated, next, isEnd
        |]

    let flag value = if value then 1.0f else 0.0f

    let data =
        [
            columns.Observations, rows |> Array.collect (fun (before, _, _, _, _, _) -> before)
            columns.Actions, rows |> Array.collect (fun (_, action, _, _, _, _) -> action)
            columns.Rewards, rows |> Array.map (fun (_, _, paid, _, _, _) -> paid)
            columns.Continues, rows |> Array.map (fun (_, _, _, terminated, _, _) -> flag (not terminated))
            columns.NextObservations, rows |> Array.collect (fun (_, _, _, _, next, _) -> next)
            columns.Ends, rows |> Array.map (fun (_, _, _, _, _, isEnd) -> flag isEnd)
        ]

    let replay = Replay.ofPlan (TransitionColumns.plan batch columns) 1 steps |> Replay.append data
    let drawn = TransitionBatch(columns, [], replay.Count, 1, 0.9)
    drawn.Read(replay, ReadOnlySpan(Array.init replay.Count id))

    Hindsight(columns, batch.RequireGoals(), GoalChoice.Final, 1.0).Relabel(drawn, replay, key)
    |> ignore

    let rewards = drawn.Samples[columns.Rewards]
    let nexts = drawn.Samples[columns.NextObservations]

    rows
    |> Array.indexed
    |> Array.forall (fun (row, (_, _, paid, _, next, isEnd)) ->
        let desired = Array.sub nexts (row * 3 * bits + 2 * bits) bits

        if (replay.WholeEpisode row).IsNone then
            rewards[row] = paid
        else
            // The goal is the last state, and only what leads to it pays 0.
            rewards[row] = (if Array.take bits next = desired then 0.0f else -1.0f)
            && (not isEnd || rewards[row] = 0.0f))
