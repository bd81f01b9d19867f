/// Planners at work: they act in environments, the user's own too, and are evaluated like any policy.
module Rl.Tests.Planning.PlanningPlayerTests

open System
open System.Threading
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Planning
open Rl.Core.Training
open Xunit

let private evaluateWith
    threads
    (id: string)
    (options: (string * string) list)
    (environment: BatchEnvironment)
    episodes
    =
    let choice = (Planners.find id).Choose options
    use workers = new Workers(threads)

    Evaluate.play
        (fun copy -> choice.Create (environment.RequireSimulator choice.Places) copy)
        environment
        episodes
        (Rng.create 1UL)
        workers
        CancellationToken.None

let private evaluate id options (environment: string) episodes =
    evaluateWith 1 id options ((Registry.make environment).Vectorise episodes) episodes

[<Fact>]
let ``the cross-entropy method swings Pendulum up`` () =
    let result = evaluate "cem" [ "Horizon", "20"; "Population", "100"; "Iterations", "3" ] "Pendulum-v1" 3
    Assert.All(result.Returns, fun value -> Assert.InRange(value, -300.0, 0.0))

[<Fact>]
let ``path-integral control and UCT balance CartPole`` () =
    let byPaths = evaluate "mppi" [ "Population", "100" ] "CartPole-v1" 1
    Assert.Equal<float[]>([| 500.0 |], byPaths.Returns)
    let byTree = evaluate "uct" [ "Simulations", "150"; "Horizon", "40" ] "CartPole-v1" 1
    Assert.InRange(byTree.Returns[0], 450.0, 500.0)

[<Fact>]
let ``threads and copies of an evaluation do not change what is planned`` () =
    let run threads =
        let environment = (Registry.make "FrozenLake-v1").Vectorise 3
        (evaluateWith threads "shooting" [ "Population", "30"; "Particles", "4" ] environment 6).Returns

    Assert.Equal<float[]>(run 1, run 2)

/// Counts to ten; it pays where the action is what it counts to, modulo two.
type private Counting(start: int) =
    let mutable count = start

    interface ICloneableEnvironment with
        member _.ObservationSpace = Space.unbounded [| 1 |]
        member _.ActionSpace = Space.discrete 2
        member _.MaxEpisodeSteps = 0

        member _.Reset(_, observation) =
            count <- 0
            observation[0] <- 0.0f

        member _.Step(action, observation) =
            let isRight = int action[0] = count % 2
            count <- count + 1
            observation[0] <- float32 count
            { Reward = (if isRight then 1.0 else 0.0); Terminated = (count = 10); Truncated = false }

        member _.Clone() = Counting count

let private counting copies = External("Counting", nan, copies, Func<_, _>(fun _ -> Counting 0 :> IMutableEnvironment))

[<Fact>]
let ``users' environments that clone themselves are planned in, by sequences and by trees`` () =
    for id in [ "shooting"; "cem"; "icem"; "mppi"; "uct"; "puct" ] do
        let quick = if id.EndsWith "uct" then [ "Simulations", "60" ] else [ "Population", "60" ]
        let result = evaluateWith 1 id (("Horizon", "4") :: quick) (counting 1) 2
        Assert.Equal<float[]>([| 10.0; 10.0 |], result.Returns)

[<Fact>]
let ``a function is planned with in the place of the environment`` () =
    let transition =
        TransitionFunction(fun state action next ->
            next[0] <- state[0] + 1.0f
            let isRight = int action[0] = int state[0] % 2
            { Reward = (if isRight then 1.0 else 0.0); Terminated = (next[0] = 10.0f); Truncated = false })

    let environment = counting 1
    let choice = (Planners.find "cem").Choose [ "Horizon", "4" ]

    let simulator =
        FunctionSimulator("a model", environment.ObservationSpace, environment.ActionSpace, transition, choice.Places)

    use workers = new Workers(1)

    let result = Evaluate.play (choice.Create simulator) environment 2 (Rng.create 1UL) workers CancellationToken.None

    Assert.Equal<float[]>([| 10.0; 10.0 |], result.Returns)

[<Fact>]
let ``whoever cannot be cloned is named, with what to do`` () =
    let plain =
        { new IMutableEnvironment with
            member _.ObservationSpace = Space.unbounded [| 1 |]
            member _.ActionSpace = Space.discrete 2
            member _.MaxEpisodeSteps = 5
            member _.Reset(_, _) = ()
            member _.Step(_, _) = { Reward = 0.0; Terminated = false; Truncated = false }
        }

    let environment = External("Plain", nan, 1, Func<_, _>(fun _ -> plain))
    let error = Assert.Throws<ArgumentException>(fun () -> environment.RequireSimulator 3 |> ignore)
    Assert.Contains("No planner can think ahead in Plain: it cannot be cloned; let it implement", error.Message)
    let error = Assert.Throws<ArgumentException>(fun () -> (Planners.find "bfs") |> ignore)
    Assert.Contains("There is no planner \"bfs\"; there are shooting, cem", error.Message)
    let error = Assert.Throws<ArgumentException>(fun () -> (Planners.find "cem").Choose [ "Depth", "3" ] |> ignore)
    Assert.Contains("Depth", error.Message)

[<Fact>]
let ``planners play as policies do: a picture a step, alike for the same key`` () =
    let played () =
        let environment = (Registry.make "CartPole-v1").Vectorise 1
        let choice = (Planners.find "shooting").Choose [ "Population", "20"; "Horizon", "10" ]
        let player = choice.Create (environment.RequireSimulator choice.Places) 0
        Playback.run player environment 1 (Rng.create 1UL) |> Array.ofSeq

    let first, second = played (), played ()
    Assert.Equal(first.Length, second.Length)
    Assert.Equal(float (first.Length - 1), (Array.last first).Return)
    // Chance alone lasts some twenty steps.
    Assert.True(first.Length > 60)
