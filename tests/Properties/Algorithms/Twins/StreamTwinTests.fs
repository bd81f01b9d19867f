/// Streaming learners against their plain twins: two transitions, with terminal states, time limits, masks, exploring
/// actions, several copies and several threads; and what else holds of them.
module Rl.Tests.Algorithms.Twins.StreamTwinTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

/// 5 copies of 6 steps.
let private stream = { StreamOptions.defaults with Discount = 0.9; Lambda = 0.7; Sparsity = 0.5; RoundSteps = 28 }

let private network (options: NetworkOptions) =
    { options with Hidden = [ 4 ]; Activation = Activation.Tanh; NormaliseObservations = false }

let private q =
    let d = StreamQOptions.defaults

    { d with
        Plan.TotalSteps = 100L
        Stream = stream
        Network = network d.Network
        Exploration.ExplorationRate = RateSchedule.Linear(0.9, 0.2, 0.8)
    }

let private ac =
    let d = StreamAcOptions.defaults

    { d with
        Plan.TotalSteps = 100L
        Stream = stream
        Network = network d.Network
        EntropyCoefficient = RateSchedule.Constant 0.1
    }

let private checkQ options task copies threads =
    Agreement.transitions 2 (StreamQ.create options) task copies threads (PlainStream.q options)

let private checkAc options task copies threads =
    Agreement.transitions 2 (StreamAc.create options) task copies threads (PlainStream.actorCritic options)

[<Fact>]
let ``a transition of Stream Q is that of plain Stream Q`` () =
    checkQ q TwinTasks.choices 5 1
    checkQ { q with Network.NormaliseObservations = true; Network.Hidden = [ 3; 4 ] } TwinTasks.choices 5 2
    checkQ { q with Stream.NormaliseRewards = false; Stream.LayerNormalisation = false } TwinTasks.choices 3 3

    checkQ
        { q with OvershootingFactor = 0.4; Rate = { LearningRate = RateSchedule.linear 0.05 0.0 } }
        TwinTasks.choices
        1
        1

[<Fact>]
let ``a transition of Stream Q with masks is that of plain Stream Q`` () =
    checkQ q TwinTasks.maskedChoices 5 2
    checkQ { q with Stream.Lambda = 1.0; Network.NormaliseObservations = true } TwinTasks.maskedChoices 1 1

[<Fact>]
let ``a transition of Stream AC is that of plain Stream AC`` () =
    checkAc ac TwinTasks.choices 5 1
    checkAc ac TwinTasks.numbers 5 2

    checkAc
        { ac with Network.NormaliseObservations = true; EntropyCoefficient = RateSchedule.Constant 0.0 }
        TwinTasks.mixed
        3
        3

    checkAc
        { ac with
            Stream.NormaliseRewards = false
            Stream.LayerNormalisation = false
            PolicyOvershootingFactor = 0.3
            ValueOvershootingFactor = 0.6
            Rate = { LearningRate = RateSchedule.linear 0.05 0.0 }
        }
        TwinTasks.maskedChoices
        1
        1

[<Fact>]
let ``how many steps make a transition changes nothing that is learned`` () =
    let learned roundSteps transitions =
        use workers = new Workers(1)
        let options = { q with Network.NormaliseObservations = true; Stream.RoundSteps = roundSteps }
        use learner = StreamQ.create options (TwinTasks.choices 2) workers
        let mutable state = learner.Initialise(Rng.create 3UL)

        for _ in 1..transitions do
            let struct (next, _) = learner.Transition state
            state <- next

        state

    let few, many = learned 8 6, learned 48 1
    Assert.Equal(48L, few.Steps)
    Assert.Equal(48L, many.Steps)
    Assert.Equal<float32[]>(few.Parameters, many.Parameters)
    Assert.Equal<(string * float32[]) list>(few.Arrays, many.Arrays)
    Assert.Equal<float[]>(few.Observations.Mean, many.Observations.Mean)

[<Fact>]
let ``new episodes begin without traces, with what was learned`` () =
    use workers = new Workers(1)
    let environment = TwinTasks.choices 3
    use learner = StreamAc.create ac environment workers
    let struct (old, _) = learner.Transition(Agreement.prime learner 5UL)
    let anew = TrainingState.startAnew environment old
    let traces (state: TrainingState) = state.Arrays |> List.filter (fst >> ArrayNames.isOfEpisodes)
    Assert.Equal(6, (traces old).Length)
    Assert.Contains(traces old, (fun (_, values) -> Array.exists ((<>) 0.0f) values))
    Assert.All(traces anew, (fun (_, values) -> Assert.All(values, (fun value -> Assert.Equal(0.0f, value)))))
    Assert.Equal<float32[]>(old.Parameters, anew.Parameters)

[<Fact>]
let ``weights of both networks start sparse`` () =
    let options = { StreamAcOptions.defaults with Network.Hidden = [ 20; 10 ] }
    let network = StreamAc.network options (Space.unbounded [| 30 |]) (Space.discrete 3)
    let layout = ActorCritic.layout network
    let struct (values, _) = Layout.initialise (Rng.create 1UL) layout
    let isWeight (block: Block) = block.Name.EndsWith("/weight", StringComparison.Ordinal)
    let weights = layout.Blocks |> Seq.filter isWeight |> Seq.toList
    Assert.Equal(6, weights.Length)

    for block in weights do
        let inputs = block.Shape[0]
        let zeros = int (ceil (0.9 * float inputs))
        let own = Array.sub values block.Offset block.Count
        Assert.Equal(zeros * block.Shape[1], own |> Array.filter ((=) 0.0) |> Array.length)

[<Fact>]
let ``actions that are no single choice are refused by Stream Q`` () =
    use workers = new Workers(1)

    let error =
        Assert.ThrowsAny<ArgumentException>(fun () -> StreamQ.create q (TwinTasks.numbers 1) workers |> ignore)

    Assert.Contains("Discrete", error.Message)
