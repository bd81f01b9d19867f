/// What acts and what learns are one policy: before anything is learned, no ratio π/π_old differs from 1, whatever the
/// policy draws, remembers or must not do. And what belongs to an episode ends with it.
module Rl.Tests.Algorithms.OnePolicyTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Tests.Algorithms.Twins
open Xunit

let private metric name (report: Report) =
    let struct (_, value) = report.Metrics |> Array.find (fun struct (known, _) -> known = name)
    value

/// One step of learning on all samples of a rollout.
let private options =
    { PpoOptions.defaults with
        Rollout.RolloutSteps = 27
        Network.Hidden = [ 6 ]
        Epochs = 1
        MinibatchSize = 1_000_000
        ClipRange = RateSchedule.Constant 0.001
        RecurrentUnits = 5
        SequenceLength = 1
    }

let private remembering cell sequence = { options with Recurrence = Some cell; SequenceLength = sequence }

let private cases: (string * PpoOptions * (int -> BatchEnvironment)) list =
    [
        "one of several choices", options, TwinTasks.choices
        "numbers", options, TwinTasks.numbers
        "bits, some of them forced", options, TwinTasks.maskedBits
        "all kinds, some impossible", options, TwinTasks.mixed
        "numbers with noise that the features carry",
        { options with
            StateDependentExploration = true
            ExplorationSteps = 4
            Exploration.InitialLogStandardDeviation = -0.7
        },
        TwinTasks.numbers
        "a tanh memory", remembering Rl.Core.Networks.RecurrentCell.Tanh 9, TwinTasks.choices
        "a GRU over whole rollouts", remembering Rl.Core.Networks.RecurrentCell.Gru 27, TwinTasks.mixed
        "an LSTM and normalised observations",
        { remembering Rl.Core.Networks.RecurrentCell.Lstm 9 with Network.NormaliseObservations = true },
        TwinTasks.numbers
    ]

[<Fact>]
let ``before anything is learned no ratio differs from 1`` () =
    for name, options, task in cases do
        use workers = new Workers(2)
        use learner = Ppo.create options (task 5) workers
        let mutable state = Agreement.prime learner 5UL

        // The second rollout begins within episodes, with what was remembered of them.
        for _ in 1..2 do
            let struct (next, report) = learner.Transition state
            Assert.NotEmpty report.Episodes
            let divergence, clipped = metric "approximateKl" report, metric "clipFraction" report
            Assert.True(abs divergence < 1e-9 && clipped = 0.0, $"{name}: {divergence} from itself, {clipped} clipped.")
            state <- next

[<Fact>]
let ``new episodes begin without memories, with what was learned`` () =
    use workers = new Workers(1)
    let options = { remembering Rl.Core.Networks.RecurrentCell.Lstm 9 with Rollout.NormaliseRewards = true }
    let environment = TwinTasks.numbers 5
    use learner = Ppo.create options environment workers
    let struct (old, _) = learner.Transition(Agreement.prime learner 5UL)
    let anew = TrainingState.startAnew environment old
    let ofEpisodes name = name = ArrayNames.RecurrentStates
    Assert.Contains(old.Array ArrayNames.RecurrentStates, (fun value -> value <> 0.0f))
    Assert.All(anew.Array ArrayNames.RecurrentStates, (fun value -> Assert.Equal(0.0f, value)))
    Assert.Contains(old.DiscountedReturns, (fun value -> value <> 0.0))
    Assert.All(anew.DiscountedReturns, (fun value -> Assert.Equal(0.0, value)))
    let learned (state: TrainingState) = state.Arrays |> List.filter (fst >> ofEpisodes >> not)
    Assert.Equal<(string * float32[]) list>(learned old, learned anew)
    Assert.Equal<float32[]>(old.Parameters, anew.Parameters)
    Assert.Equal<float[]>(old.Rewards.Mean, anew.Rewards.Mean)
    Assert.Equal(old.Steps, anew.Steps)
    Assert.NotEqual(old.Key, anew.Key)

    let shown (state: TrainingState) =
        environment.Restore state.Environments
        let observations = Array.zeroCreate<float32> 10
        environment.Observe(Span observations)
        observations

    Assert.NotEqual<float32[]>(shown old, shown anew)
