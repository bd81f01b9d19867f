/// The loop that acts, through its sinks: transitions against rollouts of the same steps, and replays to go on from.
module Rl.Tests.Experience.CollectTests

open System
open System.IO
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Rl.Tests.Algorithms
open Xunit

let private make (id: string) (copies: int) (limit: int) =
    (if id = "Match-v0" then AnyEnvironment.Pack(Match()) else Registry.make id).Vectorise(copies, limit)

let private networkOf (environment: BatchEnvironment) =
    OnPolicy.network (NetworkOptions.defaults [ 6 ]) { InitialLogStandardDeviation = -0.5 } environment

let private startOf (environment: BatchEnvironment) network =
    (Learners.start (ActorCritic.layout network) environment false false).Initialise [] (Rng.create 9UL)

[<Theory;
  InlineData("CartPole-v1", 1);
  InlineData("CartPole-v1", 3);
  InlineData("Pendulum-v1", 2);
  InlineData("Match-v0", 2)>]
let ``transitions are the steps of a rollout, with the true observation after each`` (id: string) (threads: int) =
    use workers = new Workers(threads)
    let copies, steps = 5, 40
    let environment = make id copies 13
    let network = networkOf environment
    let state = startOf environment network
    let options: CollectorOptions = { Steps = steps; Normalise = false; SequenceLength = 1; ExplorationSteps = 0 }
    let struct (rollout, acted) = Collector(network, environment, options, workers).Collect state

    let source =
        TransitionSource(
            network.Actor,
            ActorCritic.layout network,
            make id copies 13,
            Explorer.Sample 0,
            false,
            steps,
            workers
        )

    let struct (data, moved) = source.Collect state
    let column (column: Column) = data |> List.find (fun (known, _) -> known.Name = column.Name) |> snd
    let c = source.Columns
    Assert.Equal<float32[]>(rollout.Observations, column c.Observations)
    Assert.Equal<float32[]>(rollout.Actions, column c.Actions)
    Assert.Equal<float32[]>(rollout.Rewards, column c.Rewards)
    Assert.Equal<Rng[]>(acted.ActionKeys, moved.ActionKeys)
    Assert.Equal<byte[]>(acted.Environments.Bytes, moved.Environments.Bytes)
    let size, next = c.Observations.Numbers, column c.NextObservations
    let mutable cuts = 0

    for row in 0 .. steps * copies - 1 do
        let ended = rollout.Terminated[row] || rollout.Truncated[row]
        Assert.Equal((if rollout.Terminated[row] then 0.0f else 1.0f), (column c.Continues).[row])
        Assert.Equal((if ended then 1.0f else 0.0f), (column c.Ends).[row])
        let own = next[row * size .. row * size + size - 1]

        if not ended && row + copies < steps * copies then
            let following = (row + copies) * size
            Assert.Equal<float32[]>(rollout.Observations[following .. following + size - 1], own)
        elif rollout.Truncated[row] then
            // Its value is the one that the rollout bootstraps from.
            cuts <- cuts + 1
            let x = Rl.Core.Autodiff.Tensor.create [| 1; size |] (Array.map float own)
            let theta = Rl.Core.Autodiff.Expr.vector (Array.map float state.Parameters)
            let parameters = Parameters.create (ActorCritic.layout network) theta
            let value = ActorCritic.value network parameters (Rl.Core.Autodiff.Expr.constant x)
            Assert.Equal((Rl.Core.Autodiff.Reference.evaluate value).[0], float rollout.NextValues[row], 1e-4)

    if id <> "Match-v0" then Assert.True(cuts > 0)

/// Some rounds of collecting into a replay, each with a draw from it, as an off-policy algorithm makes them.
let private rounds (source: TransitionSource) (state: TrainingState) count =
    let round (state: TrainingState) _ =
        let struct (data, acted) = source.Collect state
        let replay = state.Replay |> Option.defaultValue (source.Replay 300) |> Replay.append data
        let struct (rows, key) = Replay.draw 8 replay state.Key
        let sum = (Replay.take rows replay).[source.Columns.Rewards] |> Array.sum
        let theta = state.Parameters |> Array.map (fun value -> value + 0.001f * sum)
        { acted with Replay = Some replay; Key = key; Parameters = theta; Updates = state.Updates + 1L }

    List.fold round state [ 1..count ]

[<Fact>]
let ``run (n + m) = resume (save (run n)) m with a replay, and a branch leaves the trunk alone`` () =
    use workers = new Workers(2)
    let environment = make "CartPole-v1" 3 20
    let network = networkOf environment
    let layout = ActorCritic.layout network

    let sourceOf () =
        TransitionSource(network.Actor, layout, make "CartPole-v1" 3 20, Explorer.Sample 0, false, 25, workers)

    let source = sourceOf ()
    let start = startOf environment network
    let half = rounds source start 3
    let whole = rounds source half 4

    let checkpoint =
        {
            Algorithm = "test"
            EnvironmentId = environment.Id
            Seed = 1UL
            ObservationSpace = environment.ObservationSpace
            ActionSpace = environment.ActionSpace
            Network = network.Actor
            Options = []
            Notes = []
            Wrapping =
                {
                    Wrappers = []
                    ObservationSpace = environment.ObservationSpace
                    ActionSpace = environment.ActionSpace
                }
            State = half
        }

    let read = (Checkpoint.ofBytes "agent.rl" (Checkpoint.toBytes checkpoint)).State
    Assert.Equal(half.Replay, read.Replay)

    for resumed in [ rounds (sourceOf ()) read 4; rounds source half 4 ] do
        Assert.Equal<float32[]>(whole.Parameters, resumed.Parameters)
        Assert.Equal(whole.Replay, resumed.Replay)
        Assert.Equal(whole.Key, resumed.Key)
