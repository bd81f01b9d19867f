/// What MBPO imagines: rollouts from real states with the task's rewards, each step where the one before it led.
module Rl.Tests.Algorithms.ModelBased.MbpoTests

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Xunit

// Of Pendulum: s, a, r, continues, s′.
let private width = 3 + 1 + 2 + 3

let private options =
    [
        "LearningStarts", "60"
        "RoundSteps", "90"
        "GradientSteps", "-1"
        "BatchSize", "16"
        "Hidden", "8"
        "Members", "3"
        "Elites", "2"
        "ModelHidden", "16"
        "ModelInterval", "90"
        "ModelEpochs", "20"
        "RolloutsPerStep", "3"
        "RolloutLength", "3"
    ]

/// A state after some steps and its imagined rows.
let private imagined changes steps =
    use workers = new Workers(1)

    use learner =
        Mbpo.create (MbpoOptions.ofPairs (options @ changes)) ((Registry.make "Pendulum-v1").Vectorise 1) workers

    let mutable state = learner.Initialise(Rng.create 7UL)
    let mutable metrics = [||]

    while state.Steps < steps do
        let struct (next, report) = learner.Transition state
        state <- next
        metrics <- report.Metrics

    let rows = state.Array "imagined" |> Array.chunkBySize width
    state, rows, int (state.Array "imaginedPlaces").[0], dict [ for struct (name, value) in metrics -> name, value ]

[<Fact>]
let ``rollouts begin at real states, go on where they led, and have the rewards of the task`` () =
    let state, rows, count, metrics = imagined [] 90L
    // 3 rollouts a step for 90 steps, of 3 steps each.
    Assert.Equal(810, count)
    Assert.Equal(810, rows.Length)
    Assert.Equal(810.0, metrics["imagined"])
    Assert.Equal(3.0, metrics["rolloutLength"])
    let replay = state.Replay.Value
    let columns = TransitionColumns.ofSizes 3 1
    let seen = Array.zeroCreate<float32>(3 * replay.Count)
    replay.Read(columns.Observations, ReadOnlySpan [| 0 .. replay.Count - 1 |], Span seen)
    let real = set (Array.chunkBySize 3 seen)
    let starts = rows[..269] |> Array.map (fun row -> row[..2])
    Assert.All(starts, (fun start -> Assert.Contains(start, real)))
    Assert.True((Array.distinct starts).Length > 40)

    for index in 0..539 do
        Assert.Equal<float32[]>(rows[index][6..8], rows[index + 270][0..2])

    let task = KnownTasks.find "Pendulum-v1"

    for row in rows do
        // Actions are the policy's, in (−1, 1); the environment's are twice as large.
        Assert.InRange(row[3], -1.0f, 1.0f)
        let action = [| 2.0f * row[3] |]
        let reward = task.Reward.Value.Invoke(ReadOnlySpan row[0..2], ReadOnlySpan action, ReadOnlySpan row[6..8])
        Assert.Equal(reward, float row[4], 1e-3)
        Assert.Equal(1.0f, row[5])

    // The model knows roughly how a pendulum moves: no more than one step's speed.
    let moves = rows |> Array.averageBy (fun row -> abs (float row[8] - float row[2]))
    Assert.InRange(moves, 0.05, 2.0)

[<Fact>]
let ``rollouts of several fits are kept, the oldest make place, and rewards that are not known are learnt`` () =
    let _, rows, count, _ = imagined [ "RolloutsKept", "3"; "RolloutLength", "1" ] 90L
    // Fits after 61 and 90 steps.
    Assert.Equal((810, 540), (rows.Length, count))
    let _, _, count, _ = imagined [ "RolloutsKept", "3"; "RolloutLength", "1" ] 360L
    Assert.Equal(810, count)
    let state, rows, _, _ = imagined [ "ImaginedRewards", "learnt"; "ModelEpochs", "200"; "RolloutLength", "1" ] 360L
    let task = KnownTasks.find "Pendulum-v1"

    let errors =
        rows
        |> Array.map (fun row ->
            let action = [| 2.0f * row[3] |]
            let reward = task.Reward.Value.Invoke(ReadOnlySpan row[0..2], ReadOnlySpan action, ReadOnlySpan row[6..8])
            abs (reward - float row[4]))

    // Rewards lie between −16.3 and 0.
    Assert.True(Array.average errors < 1.5, $"{Array.average errors}")
    Assert.Equal(360L, state.Steps)

[<Fact>]
let ``elites that are more than members, and actions without bounds, are refused by name`` () =
    let error =
        Assert.Throws<ArgumentException>(fun () -> MbpoOptions.validate (MbpoOptions.ofPairs [ "Elites", "6" ]))

    Assert.Contains("Elites is 6; it must be at most Members, 5", error.Message)
    use workers = new Workers(1)
    let make () = Mbpo.create MbpoOptions.defaults ((Registry.make "CartPole-v1").Vectorise 1) workers |> ignore
    let error = Assert.Throws<ArgumentException> make
    Assert.Contains("mbpo needs a Box action space", error.Message)
