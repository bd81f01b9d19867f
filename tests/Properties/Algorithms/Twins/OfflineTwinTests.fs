/// The learners from recorded steps against their twins, transition by transition: θ, targets, moments, statistics,
/// streams, reports.
module Rl.Tests.Algorithms.Twins.OfflineTwinTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms
open Rl.Tests.Algorithms.Twins.PlainOffline
open Xunit

let private replayed = { RecordedOptions.replayed with BatchSize = 9; RoundSteps = 2; Discount = 0.9 }

/// Two transitions of a learner and of its twin from the same states, of 60 recorded steps of several episodes.
let private check create (task: int -> BatchEnvironment) threads (plain: OfflineView -> Expected) =
    use workers = new Workers(threads)
    use bare: Learner = create (task 1) workers
    let data = Recordings.replayFor bare (Recordings.random (task 1) 60 (Rng.create 8UL))
    use learner = LearnerData.Give(data, bare)
    let memory = PlainMemory.ofReplay data
    Assert.Contains(memory.Steps, (fun step -> step.Terminated))
    Assert.Contains(memory.Steps, (fun step -> step.Ended && not step.Terminated))
    let mutable state = Agreement.prime learner 21UL

    for _ in 1..2 do
        let expected = plain { Learner = learner; Data = memory; State = state }
        let struct (next, report) = learner.Transition state
        Agreement.same learner state expected next report
        Assert.NotEqual<float32[]>(state.Parameters, next.Parameters)
        state <- next

let private weighted =
    { WeightedOptions.defaults with
        Plan.TotalSteps = 100L
        Replayed = replayed
        Network.Hidden = [ 4 ]
        Network.Activation = Activation.Tanh
        Rate.LearningRate = RateSchedule.Constant 0.02
        CriticLearningRate = RateSchedule.Constant 0.03
        TargetRate = 0.2
        InverseTemperature = 0.7
        LargestWeight = 1.5
    }

[<Fact>]
let ``a transition of IQL is that of plain implicit Q-learning`` () =
    let check (options: IqlOptions) threads = check (Iql.create options) TwinTasks.numbers threads (iql options)
    let options = { IqlOptions.defaults with Weighted = weighted; Expectile = 0.8 }
    check options 1
    check { options with AdvantageAfterStep = true; Weighted.Critics = 1 } 2

    check
        { options with
            Cloning = CloningLoss.Squared
            Weighted.Network.NormaliseObservations = false
            Weighted.Recorded.NormaliseRewards = false
            Weighted.Network.Activation = Activation.Relu
            Weighted.Network.Hidden = [ 5; 3 ]
        }
        2

    check
        { options with
            Weighted.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Weighted.CriticLearningRate = RateSchedule.linear 0.03 0.01
            Weighted.Critics = 3
            Weighted.Replayed.BatchSize = 130
        }
        3

[<Fact>]
let ``a transition of AWAC is that of plain advantage-weighted actor-critic`` () =
    let check (options: AwacOptions) threads = check (Awac.create options) TwinTasks.numbers threads (awac options)
    let options = { AwacOptions.defaults with Weighted = weighted }
    check options 1
    check { options with Weights = AdvantageWeights.Normalised; AdvantageActions = 3 } 2
    check { options with Weighted.Replayed.BatchSize = 130; Weighted.Critics = 3 } 2

[<Fact>]
let ``a transition of CRR is that of plain critic-regularised regression`` () =
    let check (options: CrrOptions) threads = check (Crr.create options) TwinTasks.numbers threads (crr options)
    let options = { CrrOptions.defaults with Weighted = weighted; AdvantageActions = 3 }
    check { options with Weights = CrrWeights.Exponential; Baseline = AdvantageBaseline.Mean } 1
    check { options with Weights = CrrWeights.Binary; Baseline = AdvantageBaseline.Maximum } 2

[<Fact>]
let ``a transition of filtered cloning is that of plain cloning of the best episodes`` () =
    let check (options: FilteredCloningOptions) task threads =
        check (FilteredCloning.create options) task threads (filteredCloning options)

    let options =
        { FilteredCloningOptions.defaults with
            Plan.TotalSteps = 100L
            Replayed = replayed
            Network.Hidden = [ 4 ]
            Network.Activation = Activation.Tanh
            Network.NormaliseObservations = true
            Rate.LearningRate = RateSchedule.linear 0.02 0.0
            BestShare = 0.4
        }

    check options TwinTasks.numbers 1
    check { options with BestShare = 1.0 } TwinTasks.mixed 2

let private td3 =
    { Td3BcOptions.defaults.Td3 with
        Plan.TotalSteps = 100L
        OffPolicy = replayed
        Network.Hidden = [ 4 ]
        Network.Activation = Activation.Tanh
        Rate.LearningRate = RateSchedule.Constant 0.02
        CriticLearningRate = RateSchedule.Constant 0.03
        TargetRate = 0.2
        SmoothingDeviation = RateSchedule.Constant 0.3
        SmoothingLimit = 0.25
    }

[<Fact>]
let ``a transition of TD3+BC is that of plain TD3 with cloning`` () =
    let check (options: Td3BcOptions) threads =
        check (Td3Bc.create options) TwinTasks.numbers threads (PlainOfflineDeterministic.td3Bc options)

    let options = { Td3BcOptions.defaults with Td3 = td3 }
    check options 1
    // The delay spans transitions.
    check { options with ValueWeight = 0.7; Td3.PolicyDelay = 3; Td3.Critics = 3 } 2

    check
        { options with
            Td3.PolicyDelay = 1
            Td3.OffPolicy.BatchSize = 130
            Td3.Network.NormaliseObservations = false
        }
        3

[<Fact>]
let ``a transition of ReBRAC is that of plain TD3 that pays twice for leaving the data`` () =
    let check (options: ReBracOptions) threads =
        check (ReBrac.create options) TwinTasks.numbers threads (PlainOfflineDeterministic.reBrac options)

    let options = { ReBracOptions.defaults with Td3 = td3; ActorPenalty = 0.4; CriticPenalty = 0.3 }
    check options 1
    check { options with LayerNormalisation = false; Td3.PolicyDelay = 1 } 2

    check
        { options with
            Td3.PolicyDelay = 1
            Td3.Network.Activation = Activation.Relu
            Td3.Network.Hidden = [ 5; 3 ]
        }
        2

let private soft =
    { CqlOptions.defaults.Soft with
        Plan.TotalSteps = 100L
        OffPolicy = replayed
        Network.Hidden = [ 4 ]
        Network.Activation = Activation.Tanh
        Rate.LearningRate = RateSchedule.Constant 0.02
        CriticLearningRate = RateSchedule.Constant 0.03
        TemperatureLearningRate = RateSchedule.Constant 0.01
        InitialTemperature = 0.3
    }

[<Fact>]
let ``a transition of CQL is that of plain conservative Q-learning`` () =
    let check (options: CqlOptions) threads =
        check (Cql.create options) TwinTasks.numbers threads (PlainOfflineCritics.cql options)

    let options =
        { CqlOptions.defaults with
            Soft = soft
            TargetRate = 0.2
            ConservativeActions = 2
            ConservativeWeight = 0.7
        }

    check options 1
    check { options with Backup = CqlBackup.Soft; Critics = 1; Calibrated = true } 2
    check { options with Backup = CqlBackup.Maximum; TargetGap = 0.4; Critics = 3 } 2
    check { options with Soft.LearnTemperature = false; Recorded.NormaliseRewards = false; Calibrated = true } 1

[<Fact>]
let ``a transition of EDAC is that of plain SAC with critics that learn apart`` () =
    let check (options: EdacOptions) threads =
        check (Edac.create options) TwinTasks.numbers threads (PlainOfflineCritics.edac options)

    let options = { EdacOptions.defaults with Soft = soft; TargetRate = 0.2; Critics = 3; DiversityWeight = 0.6 }
    check options 1
    check { options with Critics = 2; Soft.Network.Hidden = [ 5; 3 ] } 2
    // SAC-N.
    check { options with DiversityWeight = 0.0; Critics = 5 } 2

let private values =
    { DiscreteCqlOptions.defaults.Dqn.Values with
        Plan.TotalSteps = 100L
        OffPolicy = replayed
        Network.Hidden = [ 4 ]
        Network.Activation = Activation.Tanh
        Rate.LearningRate = RateSchedule.Constant 0.02
        TargetRate = 0.2
    }

[<Fact>]
let ``a transition of discrete CQL is that of plain conservative Q-learning of choices`` () =
    let check (options: DiscreteCqlOptions) threads =
        check (DiscreteCql.create options) TwinTasks.choices threads (PlainOfflineCritics.discreteCql options)

    let options = { DiscreteCqlOptions.defaults with Dqn.Values = values; ConservativeWeight = 0.7 }
    check options 1
    check { options with Dqn.Target = ValueTarget.Maximum; Dqn.Loss = ValueError.Squared } 2
    check { options with Dqn.Values.OffPolicy.BatchSize = 130 } 3

[<Fact>]
let ``a transition of discrete BCQ is that of plain Q-learning among permitted choices`` () =
    let check (options: DiscreteBcqOptions) threads =
        check (DiscreteBcq.create options) TwinTasks.choices threads (PlainBcq.discreteBcq options)

    let options = { DiscreteBcqOptions.defaults with Values = values; LogitPenalty = 0.2 }
    check options 1
    // All choices are permitted, or the likeliest alone.
    check { options with ProbabilityThreshold = 0.0; Loss = ValueError.Squared } 2
    check { options with ProbabilityThreshold = 0.999; Values.OffPolicy.BatchSize = 130 } 2

[<Fact>]
let ``a transition of BCQ is that of plain batch-constrained Q-learning`` () =
    let check (options: BcqOptions) threads =
        check (Bcq.create options) TwinTasks.numbers threads (PlainBcq.bcq options)

    let options =
        { BcqOptions.defaults with
            Plan.TotalSteps = 100L
            Replayed = replayed
            Network.Hidden = [ 4 ]
            Network.Activation = Activation.Tanh
            Rate.LearningRate = RateSchedule.Constant 0.02
            CriticLearningRate = RateSchedule.Constant 0.03
            GeneratorLearningRate = RateSchedule.Constant 0.01
            TargetRate = 0.2
            PerturbationReach = 0.4
            ActionSamples = 3
        }

    check options 1
    check { options with Critics = 3; LeastShare = 0.2; ActionSamples = 1; PerturbationReach = 0.0 } 2

    check
        { options with
            Replayed.BatchSize = 130
            Network.Activation = Activation.Relu
            Network.Hidden = [ 5; 3 ]
            Network.NormaliseObservations = false
            Rate.LearningRate = RateSchedule.linear 0.02 0.0
            CriticLearningRate = RateSchedule.linear 0.03 0.01
            GeneratorLearningRate = RateSchedule.linear 0.01 0.02
        }
        3

[<Fact>]
let ``a transition of BEAR is that of a plain actor within a bounded discrepancy`` () =
    let check (options: BearOptions) threads =
        check (Bear.create options) TwinTasks.numbers threads (PlainBear.bear options)

    let options =
        { BearOptions.defaults with
            Plan.TotalSteps = 100L
            Replayed = replayed
            Network.Hidden = [ 4 ]
            Network.Activation = Activation.Tanh
            Rate.LearningRate = RateSchedule.Constant 0.02
            CriticLearningRate = RateSchedule.Constant 0.03
            GeneratorLearningRate = RateSchedule.Constant 0.01
            MultiplierLearningRate = RateSchedule.Constant 0.05
            TargetRate = 0.2
            ActionSamples = 3
            DiscrepancySamples = 3
            KernelDeviation = 0.8
            InitialMultiplier = 2.5
        }

    check options 1

    // The first steps of the plan come near the data alone; ln α is at its end.
    check
        { options with
            Kernel = DiscrepancyKernel.Laplacian
            Critics = 1
            InitialMultiplier = 22000.0
            MultiplierLearningRate = RateSchedule.Constant 0.5
            ValueWeight = RateSchedule.Piecewise(0.0, [ 0.03, 0.7 ])
        }
        2

    check
        { options with
            Replayed.BatchSize = 130
            DiscrepancySamples = 1
            Network.NormaliseObservations = false
            Rate.LearningRate = RateSchedule.linear 0.02 0.0
            MultiplierLearningRate = RateSchedule.linear 0.05 0.0
        }
        3
