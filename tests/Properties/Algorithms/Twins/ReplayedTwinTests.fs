/// The learners from replayed steps against their twins, round by round: θ, targets, moments, streams, what is
/// remembered, reports.
module Rl.Tests.Algorithms.Twins.ReplayedTwinTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

let private options =
    { DqnOptions.defaults with
        Values.Plan.TotalSteps = 600L
        Values.OffPolicy.LearningStarts = 20
        Values.OffPolicy.TrainFrequency = 3
        Values.OffPolicy.GradientSteps = 2
        Values.OffPolicy.BatchSize = 12
        Values.OffPolicy.BufferSize = 90
        Values.OffPolicy.Discount = 0.9
        Values.OffPolicy.RoundSteps = 60
        Values.Network.Hidden = [ 4 ]
        Values.Network.Activation = Activation.Tanh
        Values.Rate.LearningRate = RateSchedule.linear 0.01 0.0
        Values.TargetUpdateInterval = 25
        Values.Exploration.ExplorationRate = RateSchedule.Linear(1.0, 0.05, 0.5)
        Values.MaxGradientNorm = 0.5
    }

/// Rounds of a learner and of its twin from the same states, of which the first is prepared: the second round's memory
/// is full.
let agreeFrom
    prepare
    create
    (plain: TwinView -> Expected * PlainMemory)
    (task: int -> BatchEnvironment)
    copies
    threads
    =
    use workers = new Workers(threads)
    use learner: Learner = create (task copies) workers
    let environment = task copies
    let mutable state = Agreement.prime learner 21UL
    // The target network is another one.
    let other = Agreement.prime learner 33UL

    let arrays =
        state.Arrays
        |> List.map (fun (name, values) ->
            name,
            (if name = "target" then
                 Array.truncate values.Length other.Parameters
             else
                 values))

    state <- prepare { state with Arrays = arrays }

    for round in 1..3 do
        let view = { Network = PlainNetwork.ofSearcher learner; State = state; Environment = environment }
        let expected, memory = plain view
        let struct (next, report) = learner.Transition state
        // Recurrent states are float32's, and seen by what is learned from them.
        let exact (memory: PlainMemory) = memory.Steps |> List.map (fun step -> { step with Memory = [||] })
        let remembered = PlainMemory.ofReplay next.Replay.Value
        Assert.Equal<PlainTransition list>(exact memory, exact remembered)

        for plain, own in List.zip memory.Steps remembered.Steps do
            Array.iter2 (fun (plain: float) own -> Assert.Equal(plain, own, 1e-4)) plain.Memory own.Memory

        Agreement.same learner state expected next report
        Assert.True(round < 3 || memory.Steps |> List.exists _.Terminated)
        Assert.True(round < 3 || memory.Steps |> List.exists (fun step -> step.Ended && not step.Terminated))
        state <- next

let private agreeOn create plain task copies threads = agreeFrom id create plain task copies threads

let private agree (options: DqnOptions) task copies threads =
    agreeOn (Dqn.create options) (PlainDqn.transition options) task copies threads

[<Fact>]
let ``a round of DQN is that of plain DQN`` () =
    agree { options with Target = ValueTarget.Maximum } TwinTasks.choices 1 1
    agree options TwinTasks.choices 5 2

    agree
        { options with Loss = ValueError.Squared; Values.MaxGradientNorm = 0.0; Values.Dueling = true }
        TwinTasks.choices
        4
        3

    agree
        { options with
            Values.OffPolicy.ReturnSteps = 3
            Values.TargetRate = 0.3
            Values.TargetUpdateInterval = 1
        }
        TwinTasks.choices
        3
        1

    agree
        { options with
            Target = ValueTarget.Munchausen
            MunchausenTemperature = 0.3
            Values.Network.NormaliseObservations = true
            Values.Rate.LearningRate = RateSchedule.linear 0.01 0.0
            Values.OffPolicy.GradientSteps = -1
            Values.OffPolicy.TrainFrequency = 1
            Values.OffPolicy.RoundSteps = 20
        }
        TwinTasks.choices
        2
        2

[<Fact>]
let ``a round of DQN from returns mixed by λ is that of plain DQN, which follows their definition`` () =
    let mixed = { options with Values.OffPolicy.ReturnSteps = 4; Values.OffPolicy.ReturnLambda = 0.7 }
    agree mixed TwinTasks.choices 1 1
    agree { mixed with Target = ValueTarget.Maximum; Loss = ValueError.Squared } TwinTasks.choices 5 2

    agree
        { mixed with Values.OffPolicy.ReturnLambda = 0.0; Values.Network.NormaliseObservations = true }
        TwinTasks.choices
        3
        2

    agree { mixed with Values.Dueling = true } TwinTasks.branches 4 3
    agree mixed TwinTasks.maskedChoices 2 1

    agree
        { mixed with Values.OffPolicy.PriorityExponent = 0.7; Values.OffPolicy.RoundSteps = 30 }
        TwinTasks.maskedChoices
        2
        2

[<Fact>]
let ``a round of greedy DQN sees observations as the newest statistics have them`` () =
    agree
        { options with
            Values.Exploration.ExplorationRate = RateSchedule.Constant 0.0
            Values.Network.NormaliseObservations = true
            Values.OffPolicy.LearningStarts = 0
            Values.OffPolicy.TrainFrequency = 1
            Values.OffPolicy.GradientSteps = 1
        }
        TwinTasks.choices
        4
        2

[<Fact>]
let ``a round of DQN from prioritised replay is that of plain DQN`` () =
    // Short rounds: weights below 1 move little, and float32 is seen against that.
    let prioritised =
        { options with
            Values.OffPolicy.PriorityExponent = 0.7
            Values.OffPolicy.ImportanceExponent = RateSchedule.linear 0.3 1.0
            Values.OffPolicy.RoundSteps = 30
        }

    agree { prioritised with Values.OffPolicy.RoundSteps = 60 } TwinTasks.choices 3 2

    agree
        { prioritised with Values.OffPolicy.PriorityExponent = 1.0; Values.OffPolicy.ReturnSteps = 3 }
        TwinTasks.choices
        1
        1

    agree { prioritised with Values.OffPolicy.ReturnSteps = 2 } TwinTasks.maskedChoices 2 1

[<Fact>]
let ``a round of DQN with masks is that of plain DQN`` () =
    for target in [ ValueTarget.Maximum; ValueTarget.Double ] do
        agree { options with Target = target; Values.Dueling = true } TwinTasks.maskedChoices 5 2
        agree { options with Target = target; Values.OffPolicy.ReturnSteps = 2 } TwinTasks.maskedChoices 2 1

[<Fact>]
let ``a round of DQN with several choices at once is that of plain DQN`` () =
    agree { options with Target = ValueTarget.Maximum } TwinTasks.branches 1 1
    agree { options with Values.Dueling = true; Values.OffPolicy.ReturnSteps = 3 } TwinTasks.branches 4 3
    agree { options with Loss = ValueError.Squared; Values.TargetUpdateInterval = 1000 } TwinTasks.maskedBranches 5 2

    agree
        { options with
            Values.Dueling = true
            Values.OffPolicy.PriorityExponent = 0.7
            Values.OffPolicy.RoundSteps = 30
            Values.Network.NormaliseObservations = true
        }
        TwinTasks.maskedBits
        2
        1

    let noisy = { options with Values.NoisyNetworks = NoisyNetworks.Factorised; Values.OffPolicy.RoundSteps = 30 }
    agree noisy TwinTasks.branches 2 2

/// A dueling network whose target network stays another one, so that it matters which of them chooses.
let private apart (values: ValueOptions) = { values with Dueling = true; TargetUpdateInterval = 1000 }

let private c51: C51Options =
    {
        Values = { options.Values with OffPolicy.RoundSteps = 30 }
        Double = false
        Atoms = 7
        LowestReturn = -1.5
        HighestReturn = 2.0
        LogProbability = LogProbability.Exact
    }

[<Fact>]
let ``a round of C51 is that of plain C51`` () =
    let agree (options: C51Options) task copies threads =
        agreeOn (C51.create options) (PlainDistributional.c51 options) task copies threads

    agree c51 TwinTasks.choices 1 1
    agree { c51 with Double = true; Values = { apart c51.Values with OffPolicy.ReturnSteps = 3 } } TwinTasks.choices 4 3
    agree { c51 with Double = true; Values = apart c51.Values; Atoms = 2 } TwinTasks.maskedChoices 5 2

    agree
        { c51 with
            Values.OffPolicy.PriorityExponent = 0.7
            Values.Network.NormaliseObservations = true
            Values.Rate.LearningRate = RateSchedule.linear 0.01 0.0
        }
        TwinTasks.maskedChoices
        2
        1

let private qrDqn: QrDqnOptions =
    {
        Values = { options.Values with OffPolicy.RoundSteps = 30 }
        Double = false
        Quantiles = 5
        HuberThreshold = 0.4
    }

[<Fact>]
let ``a round of QR-DQN is that of plain QR-DQN`` () =
    let agree (options: QrDqnOptions) task copies threads =
        agreeOn (QrDqn.create options) (PlainDistributional.qrDqn options) task copies threads

    agree qrDqn TwinTasks.choices 1 1

    agree
        { qrDqn with Double = true; Values = { apart qrDqn.Values with OffPolicy.ReturnSteps = 3 } }
        TwinTasks.choices
        4
        3

    agree { qrDqn with Double = true; Values = apart qrDqn.Values; Quantiles = 1 } TwinTasks.maskedChoices 5 2

    agree
        { qrDqn with
            Values.OffPolicy.PriorityExponent = 0.7
            Values.OffPolicy.RoundSteps = 30
            HuberThreshold = 0.0
        }
        TwinTasks.maskedChoices
        2
        1

let private iqn: IqnOptions =
    {
        Values =
            { options.Values with
                // Few updates: θ moves little, and float32 is seen against that.
                OffPolicy.RoundSteps = 30
                OffPolicy.BatchSize = 8
                OffPolicy.GradientSteps = 1
                Network.Hidden = [ 4; 3 ]
            }
        Double = false
        Quantiles = 3
        TargetQuantiles = 4
        // Of an even number cosines at opposite levels cancel while biases are 0, and all values are equal.
        ChoiceQuantiles = 5
        Cosines = 3
        HuberThreshold = 0.4
    }

[<Fact>]
let ``a round of IQN is that of plain IQN`` () =
    let agree (options: IqnOptions) task copies threads =
        agreeOn (Iqn.create options) (PlainDistributional.iqn options) task copies threads

    agree iqn TwinTasks.choices 1 1
    agree { iqn with Double = true; Values = { apart iqn.Values with OffPolicy.ReturnSteps = 3 } } TwinTasks.choices 4 3

    agree
        { iqn with Double = true; Values = { apart iqn.Values with Network.Hidden = [ 5 ] } }
        TwinTasks.maskedChoices
        5
        2

    agree
        { iqn with Values.OffPolicy.PriorityExponent = 0.7; Quantiles = 1; HuberThreshold = 0.0 }
        TwinTasks.maskedChoices
        2
        1

    agree { iqn with Values.NoisyNetworks = NoisyNetworks.Factorised; Values.Dueling = true } TwinTasks.choices 2 2

let private fqf: FqfOptions =
    {
        Values = iqn.Values
        Double = false
        Fractions = 4
        Cosines = 3
        HuberThreshold = 0.4
        FractionLearningRate = RateSchedule.linear 0.02 0.0
        FractionOptimiser = FractionOptimiser.RmsProp
        FractionSlope = FractionSlope.Ordered
        FractionEntropy = RateSchedule.Constant 0.1
    }

[<Fact>]
let ``a round of FQF is that of plain FQF`` () =
    let agree (options: FqfOptions) task copies threads =
        agreeOn (Fqf.create options) (PlainDistributional.fqf options) task copies threads

    agree fqf TwinTasks.choices 1 1
    agree { fqf with Double = true; Values = { apart fqf.Values with OffPolicy.ReturnSteps = 3 } } TwinTasks.choices 4 3
    let signed = { fqf with FractionSlope = FractionSlope.Signed; FractionOptimiser = FractionOptimiser.Adam }

    agree
        { signed with Double = true; Values = { apart fqf.Values with Network.Hidden = [ 5 ] } }
        TwinTasks.maskedChoices
        5
        2

    agree
        { signed with Fractions = 2; Values.OffPolicy.PriorityExponent = 0.7; HuberThreshold = 0.0 }
        TwinTasks.maskedChoices
        2
        1

    agree
        { fqf with
            Values.Rate.LearningRate = RateSchedule.Constant 0.01
            FractionLearningRate = RateSchedule.Constant 0.02
            Values.Dueling = true
            FractionEntropy = RateSchedule.Constant 0.0
            Fractions = 7
        }
        TwinTasks.choices
        2
        2

let private r2d2: R2d2Options =
    {
        Values =
            { apart options.Values with
                OffPolicy.RoundSteps = 30
                OffPolicy.BatchSize = 5
                OffPolicy.ReturnSteps = 2
            }
        Recurrence = Some RecurrentCell.Gru
        RecurrentUnits = 3
        SequenceLength = 4
        BurnIn = 2
        PriorityMaximum = 0.6
        Loss = ValueError.Squared
        ValueRescaling = true
    }

[<Fact>]
let ``a round of R2D2 is that of plain R2D2`` () =
    let agree (options: R2d2Options) task copies threads =
        agreeOn (R2d2.create options) (PlainR2d2.transition options) task copies threads

    agree r2d2 TwinTasks.choices 1 1

    agree
        { r2d2 with Recurrence = Some RecurrentCell.Lstm; Values.OffPolicy.PriorityExponent = 0.7 }
        TwinTasks.choices
        2
        2

    agree
        { r2d2 with BurnIn = 0; Values.OffPolicy.ReturnSteps = 9; Loss = ValueError.Huber }
        TwinTasks.maskedChoices
        4
        3

    agree
        { r2d2 with
            Recurrence = Some RecurrentCell.Tanh
            SequenceLength = 1
            ValueRescaling = false
            Values.Dueling = false
            Values.TargetUpdateInterval = 25
            Values.Network.NormaliseObservations = true
            Values.Rate.LearningRate = RateSchedule.linear 0.01 0.0
            Values.OffPolicy.PriorityExponent = 1.0
        }
        TwinTasks.maskedChoices
        3
        1

[<Theory; InlineData("factorised"); InlineData("independent")>]
let ``a round with noisy networks is that of plain ones`` (kind: string) =
    let kind =
        if kind = "factorised" then
            NoisyNetworks.Factorised
        else
            NoisyNetworks.Independent

    let noisy =
        { options with
            Values.NoisyNetworks = kind
            Values.OffPolicy.GradientSteps = 1
            Values.OffPolicy.RoundSteps = 30
        }

    agree noisy TwinTasks.choices 1 1
    agree { noisy with Values.Dueling = true; Values.OffPolicy.GradientSteps = 2 } TwinTasks.maskedChoices 4 3
    let qrDqn = { qrDqn with Values = noisy.Values }
    agreeOn (QrDqn.create qrDqn) (PlainDistributional.qrDqn qrDqn) TwinTasks.choices 2 2

[<Fact>]
let ``a round of Rainbow is that of plain C51 with all that belongs to it`` () =
    let rainbow: RainbowOptions =
        { RainbowOptions.defaults with
            Values =
                { apart c51.Values with
                    OffPolicy.ReturnSteps = 3
                    OffPolicy.PriorityExponent = 0.5
                    OffPolicy.TrainFrequency = 2
                    OffPolicy.RoundSteps = 20
                    Dueling = false
                    NoisyNetworks = NoisyNetworks.Factorised
                }
            Atoms = c51.Atoms
            LowestReturn = c51.LowestReturn
            HighestReturn = c51.HighestReturn
        }

    let plain: C51Options = { c51 with Values = { rainbow.Values with Dueling = true }; Double = true }

    agreeOn (Rainbow.create rainbow) (PlainDistributional.c51 plain) TwinTasks.choices 1 1
    agreeOn (Rainbow.create rainbow) (PlainDistributional.c51 plain) TwinTasks.maskedChoices 3 2
