/// Soft Q imitation: what its updates learn from, that it reads no reward, and that it comes to do what the expert
/// does.
module Rl.Tests.Algorithms.Imitation.SqilTests

open System
open System.Threading
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Wrappers
open Rl.Tests.Algorithms
open Xunit

/// Pushes the pole back: 500 steps in every episode.
let private balances: Expert =
    {
        Name = "balances"
        Act =
            ExpertActions(fun rows observations _ actions ->
                for row in 0 .. rows - 1 do
                    let o = observations.Slice(4 * row, 4)
                    let leans = o[2] + 0.4f * o[3] + 0.05f * o[0] + 0.1f * o[1]
                    actions[row] <- if leans > 0.0f then 1.0f else 0.0f)
    }

let private poles copies = (Registry.make "CartPole-v1").Vectorise copies

let private shown (learner: Learner) =
    let episodes = Demonstrations.record balances (poles 2) 2 (Rng.create 4UL) CancellationToken.None
    LearnerData.Give(Recordings.replayFor learner episodes, learner)

let private learnerOf pairs (environment: BatchEnvironment) =
    Sqil.create (SqilOptions.ofPairs pairs) environment (new Workers(1)) |> shown

let private after transitions (learner: Learner) =
    Seq.fold
        (fun state _ ->
            let struct (next, _) = learner.Transition state
            next)
        (learner.Initialise(Rng.create 1UL))
        (seq { 1..transitions })

[<Fact>]
let ``an update has the expert's share of its transitions, paid 1, and the policy's own, paid 0`` () =
    let environment = (Registry.make "Pendulum-v1").Vectorise 1
    let space, actions = environment.ObservationSpace, environment.ActionSpace
    let learner = Sqil.create SqilOptions.defaults environment (new Workers(1))
    let columns = TransitionColumns.ofEnvironment environment
    let key number = Rng.create (uint64 number)
    let expert = Recordings.replayFor learner (Recordings.random environment 300 (key 1))
    let own = Recordings.replayFor learner (Recordings.random environment 250 (key 2))
    let size, count, discount = 10, 3, 0.9
    let transitions = ExpertTransitions("sqil", columns, size, count, discount, space, actions)
    transitions.Show expert
    let companion = transitions.Companion
    let plain = Learners.start Layout.empty environment false false
    let draft = Draft(plain.Initialise companion.Arrays (key 3))
    companion.Load draft
    let batch = TransitionBatch(columns, [], size, 1, discount)
    let drawnBefore = batch.Draw(own, key 4)
    let before = batch.Samples[columns.Observations] |> Array.copy
    let next = companion.Amend batch.Samples drawnBefore
    Assert.NotEqual(drawnBefore, next)
    let after = batch.Samples[columns.Observations]
    let width = columns.Observations.Numbers
    Assert.Equal<float32[]>(before[.. 7 * width - 1], after[.. 7 * width - 1])
    let rewards = [| for row in 0 .. size - 1 -> if row < 7 then 0.0f else 1.0f |]
    Assert.Equal<float32[]>(rewards, batch.Samples[columns.Rewards])

    // The others are what the same draw of the expert's steps alone gives, whole rows of them.
    let alone = TransitionBatch(columns, [], count, 1, discount)
    Assert.Equal(next, alone.Draw(expert, drawnBefore))

    for column in [ columns.Observations; columns.Actions; columns.NextObservations; columns.Continues ] do
        let first = 7 * column.Numbers
        Assert.Equal<float32[]>(alone.Samples[column], batch.Samples[column][first..])

    Assert.Equal<float32[]>(alone.Samples[DrawnColumns.discounts], batch.Samples[DrawnColumns.discounts][7..])

[<Fact>]
let ``the environment's rewards are not read`` () =
    let learned scale =
        let environment = Wrapper.apply [ Wrapper.ClipReward(scale, scale + 1.0) ] (poles 2)
        let options = [ "LearningStarts", "20"; "BatchSize", "16"; "RoundSteps", "40"; "Hidden", "16" ]
        (after 3 (learnerOf options environment)).Parameters

    Assert.Equal<float32[]>(learned 0.0, learned -50.0)

[<Theory; InlineData(1UL); InlineData(2UL)>]
let ``it comes to balance a pole without a reward`` (seed: uint64) =
    let options = [ "TotalSteps", "6000"; "LearningStarts", "200"; "RoundSteps", "500"; "Hidden", "64x64" ]

    let environment = poles 4
    let learner = learnerOf options environment
    let mutable state = learner.Initialise(Rng.create seed)

    while state.Steps < 6_000L do
        let struct (next, _) = learner.Transition state
        state <- next

    let evaluation =
        Rl.Core.Training.Evaluate.run (learner.Policy state) (poles 8) 20 true (Rng.create 9UL) CancellationToken.None

    Assert.InRange(Array.average evaluation.Returns, 400.0, 500.0)

[<Fact>]
let ``its memory holds what it did itself, and its states note which steps the expert's were`` () =
    let options = [ "LearningStarts", "20"; "BatchSize", "16"; "RoundSteps", "40"; "Hidden", "16" ]
    let learner = learnerOf options (poles 2)
    let state = after 2 learner
    Assert.Equal(state.Steps, (Option.get state.Replay).Appended)
    Assert.False(LearnerData.IsAll state)
    let bare = Sqil.create (SqilOptions.ofPairs options) (poles 2) (new Workers(1))
    let error = Assert.Throws<ArgumentException>(fun () -> bare.Transition state |> ignore)
    Assert.Contains("sqil learns from recorded data, and has none", error.Message)
    let others = Recordings.random (poles 1) 60 (Rng.create 8UL)
    LearnerData.Give(Recordings.replayFor bare others, bare) |> ignore
    let error = Assert.Throws<ArgumentException>(fun () -> bare.Transition state |> ignore)
    Assert.Contains("Give the same episodes", error.Message)

[<Fact>]
let ``shares that leave one side out, and masks, are refused`` () =
    for share in [ "0"; "1"; "0.001" ] do
        let options = SqilOptions.ofPairs [ "DemonstrationShare", share ]
        let error = Assert.Throws<ArgumentException>(fun () -> SqilOptions.validate options)
        Assert.Contains("DemonstrationShare is " + share, error.Message)

    let taxi = (Registry.make "Taxi-v3").Vectorise 1
    Assert.True taxi.HasActionMasks

    let error =
        Assert.Throws<ArgumentException>(fun () -> Sqil.create SqilOptions.defaults taxi (new Workers(1)) |> ignore)

    Assert.Contains("action masks", error.Message)
