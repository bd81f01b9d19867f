/// How learners of values from replayed steps explore: ε that falls with the steps, random actions, noise in networks.
module Rl.Tests.Algorithms.OffPolicy.ExplorationTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms
open Xunit

let private dqn changes id copies workers = LearnerLaws.make "dqn" changes id copies workers

[<Fact>]
let ``noisy networks act by new noise after each update, by their means at first and when they are evaluated`` () =
    use workers = new Workers(1)

    use learner =
        dqn
            [
                "NoisyNetworks", "independent"
                "LearningStarts", "8"
                "TrainFrequency", "1"
                "RoundSteps", "4"
                "InitialExploration", "1"
                "FinalExploration", "1"
            ]
            "CartPole-v1"
            4
            workers

    let layout = Actor.layout learner.Network
    let means (state: TrainingState) = state.Parameters[.. layout.Count - 1]
    let start = learner.Initialise(Rng.create 5UL)
    Assert.Equal<float32[]>(means start, start.Array "acting")
    let random, _ = LearnerLaws.run learner start 2
    Assert.Equal<float32[]>(means random, random.Array "acting")
    let once, _ = LearnerLaws.run learner random 1
    let twice, _ = LearnerLaws.run learner once 1
    // The means move by a learning rate at most, the noise by σ₀/√inputs and more.
    let distance (a: float32[]) (b: float32[]) = Array.map2 (fun x y -> abs (float (x - y))) a b |> Array.max
    Assert.InRange(distance (means once) (means twice), 0.0, 0.01)
    Assert.InRange(distance (means once) (once.Array "acting"), 0.1, 10.0)
    Assert.InRange(distance (once.Array "acting") (twice.Array "acting"), 0.1, 10.0)
    // Whatever ε is, it acts greedily by what it acts by.
    let replay = twice.Replay.Value
    Assert.Equal(16, replay.Count)

    let observations, actions =
        let columns = TransitionColumns.ofEnvironment learner.Environment

        let read (column: Column) =
            let values = Array.zeroCreate<float32>(4 * column.Numbers)
            replay.Read(column, ReadOnlySpan [| 12; 13; 14; 15 |], Span values)
            values

        read columns.Observations, read columns.Actions

    let outputs =
        Actor.policy
            learner.Network
            (Parameters.create layout (Expr.constant (Tensor.vector (Array.map float (once.Array "acting")))))
            (Expr.constant (Tensor.create [| 4; 4 |] (Array.map float observations)))
        |> Reference.evaluate

    for copy in 0..3 do
        let q = outputs.ToArray()[2 * copy .. 2 * copy + 1]
        Assert.Equal((if q[1] > q[0] then 1.0f else 0.0f), actions[copy])

[<Fact>]
let ``the exploration rate follows the total number of steps, whoever took them`` () =
    let options: EpsilonGreedyOptions = { ExplorationRate = RateSchedule.Linear(1.0, 0.2, 0.5) }

    let rate steps = EpsilonGreedyOptions.after { TotalSteps = 1000L } steps options

    Assert.Equal(1.0, rate 0L)
    Assert.Equal(0.6, rate 250L, 12)
    Assert.Equal(0.2, rate 500L)
    Assert.Equal(0.2, rate 5000L)

    use workers = new Workers(1)

    use learner =
        dqn [ "TotalSteps", "1000"; "ExplorationFraction", "1"; "FinalExploration", "0" ] "CartPole-v1" 4 workers

    let half, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 2

    use other =
        dqn [ "TotalSteps", "1000"; "ExplorationFraction", "1"; "FinalExploration", "0" ] "CartPole-v1" 4 workers

    let struct (_, report) = other.Transition half

    let rate =
        report.Metrics
        |> Array.pick (fun (struct (name, value)) -> if name = "explorationRate" then Some value else None)

    Assert.Equal(1.0 - float report.Steps / 1000.0, rate, 12)

[<Fact>]
let ``each component of an action is explored by a draw of its own`` () =
    let distribution = BranchingGreedyPolicy.create false [ 3; 2 ]
    let outputs = [| 0.0f; 2.0f; 1.0f; 5.0f; 4.0f |]
    let action = Array.zeroCreate<float32> 2
    let mutable rng = Rng.create 3UL
    let other = Array.zeroCreate<int> 4

    for _ in 1..4000 do
        rng <- EpsilonGreedyActions.choose 0.3 distribution outputs ReadOnlySpan<bool>.Empty action rng
        let first, second = (if action[0] <> 1.0f then 1 else 0), (if action[1] <> 0.0f then 1 else 0)
        other[2 * first + second] <- other[2 * first + second] + 1

    // Another than the best choice: 0.3 · ⅔ and 0.3 · ½, independently.
    let shares = other |> Array.map (fun count -> float count / 4000.0)
    let near (expected: float) actual = Assert.InRange(actual, expected - 0.025, expected + 0.025)
    List.iter2 near [ 0.8 * 0.85; 0.8 * 0.15; 0.2 * 0.85; 0.2 * 0.15 ] (List.ofArray shares)

[<Fact>]
let ``random actions are possible and reach every choice`` () =
    let space =
        Space.tuple
            [ Space.discreteFrom 5 3; Space.multiDiscreteFrom [| 0; 0 |] [| 2; 3 |]; Space.boxOf -2.0 4.0 [| 1 |] ]

    let possible = [| true; false; true; false; true; true; true; false |]
    let action = Array.zeroCreate<float32> 4
    let mutable rng = Rng.create 8UL
    let seen = Collections.Generic.HashSet<struct (int * int)>()

    for _ in 1..200 do
        rng <- UniformActions.draw ActionScaling.Bounds space possible action rng
        Assert.True(action[0] = 0.0f || action[0] = 2.0f)
        Assert.Equal(1.0f, action[1])
        Assert.True(action[2] < 2.0f)
        Assert.InRange(action[3], -1.0f, 1.0f)
        seen.Add(struct (int action[0], int action[2])) |> ignore

    Assert.Equal(4, seen.Count)

    let thrust = Space.boxOf 10.0 12.0 [| 1 |]

    for _ in 1..20 do
        rng <- UniformActions.draw ActionScaling.None thrust ReadOnlySpan<bool>.Empty (action.AsSpan(0, 1)) rng
        Assert.InRange(action[0], 10.0f, 12.0f)
