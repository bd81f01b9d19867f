/// SAC, TQC, CrossQ, XQC, REDQ, DroQ, TD3 and DDPG against their plain twins: transitions with random actions,
/// exploration and updates, from a state in which every term is alive, with terminal states and time limits, on several
/// threads.
module Rl.Tests.Algorithms.Twins.ActorCriticTwinTests

open Rl.Core.Algorithms
open Rl.Core.Networks
open Xunit
open Rl.Core.Learning

/// 5 copies, two steps between updates: 20 random steps, then updates after each ten.
let private replayed: OffPolicyOptions =
    { OffPolicyOptions.defaults with
        LearningStarts = 20
        TrainFrequency = 2
        GradientSteps = 2
        BatchSize = 9
        BufferSize = 1_000
        Discount = 0.9
        RoundSteps = 40
    }

let private soft =
    { SoftOptions.defaults with
        OffPolicy = replayed
        Network.Hidden = [ 4 ]
        Network.Activation = Activation.Tanh
        Rate.LearningRate = RateSchedule.Constant 0.02
        CriticLearningRate = RateSchedule.Constant 0.03
        TemperatureLearningRate = RateSchedule.Constant 0.01
        InitialTemperature = 0.7
        LeastLogDeviation = -2.0
        LargestLogDeviation = 0.5
    }

let private sac = { SacOptions.defaults with Soft = soft; TargetRate = 0.2 }

[<Fact>]
let ``a transition of SAC is that of plain soft actor-critic`` () =
    let check options threads =
        Agreement.transitions 2 (Sac.create options) TwinTasks.numbers 5 threads (PlainSoftActorCritics.sac options)

    check sac 1
    check { sac with Critics = 3; Soft.OffPolicy.ReturnSteps = 3; Soft.TargetEntropyPerAction = 0.3 } 3
    check { sac with Soft.OffPolicy.ReturnSteps = 4; Soft.OffPolicy.ReturnLambda = 0.7 } 2

    check
        { sac with
            Soft.LearnTemperature = false
            Soft.Network.Activation = Activation.Relu
            Soft.Network.Hidden = [ 5; 3 ]
        }
        2

    check
        { sac with
            Soft.Network.NormaliseObservations = true
            Soft.OffPolicy.GradientSteps = -1
            Soft.OffPolicy.RoundSteps = 25
            Soft.OffPolicy.BufferSize = 30
            Critics = 1
        }
        1

    check
        { sac with
            Soft.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Soft.CriticLearningRate = RateSchedule.linear 0.03 0.0
            Soft.TemperatureLearningRate = RateSchedule.linear 0.01 0.0
            Soft.Plan.TotalSteps = 70L
            Soft.OffPolicy.BatchSize = 130
        }
        2

    check { sac with Soft.Exploration = PolicyNoise.Pink } 2

let private tqc = { TqcOptions.defaults with Soft = soft; TargetRate = 0.2; Quantiles = 5; DroppedQuantiles = 1 }

[<Fact>]
let ``a transition of TQC is that of plain truncated quantile critics`` () =
    let check options threads =
        Agreement.transitions 2 (Tqc.create options) TwinTasks.numbers 5 threads (PlainSoftActorCritics.tqc options)

    check tqc 1

    check
        { tqc with
            Critics = 3
            DroppedQuantiles = 3
            Soft.OffPolicy.ReturnSteps = 3
            Soft.LearnTemperature = false
        }
        3

    check
        { tqc with
            Critics = 1
            Quantiles = 3
            DroppedQuantiles = 0
            Soft.Network.Activation = Activation.Relu
            Soft.Network.Hidden = [ 5; 3 ]
            Soft.Network.NormaliseObservations = true
        }
        2

    check
        { tqc with
            Soft.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Soft.CriticLearningRate = RateSchedule.linear 0.03 0.0
            Soft.TemperatureLearningRate = RateSchedule.linear 0.01 0.0
            Soft.Plan.TotalSteps = 70L
            Soft.OffPolicy.BatchSize = 130
        }
        2

let private crossq = { CrossQOptions.defaults with Soft = soft; StatisticsRate = 0.2 }

[<Fact>]
let ``a transition of CrossQ is that of plain CrossQ`` () =
    let check options threads =
        Agreement.transitions 2 (CrossQ.create options) TwinTasks.numbers 5 threads (PlainCrossQ.crossq options)

    // The delay spans transitions, and the warm-up ends within the first.
    check { crossq with RenormalisationStarts = 3 } 1

    check
        { crossq with
            Critics = 3
            PolicyDelay = 1
            Soft.OffPolicy.ReturnSteps = 3
            Soft.LearnTemperature = false
        }
        3

    check
        { crossq with
            Critics = 1
            PolicyDelay = 2
            GradientDecay = 0.9
            RenormalisationStarts = 0
            Soft.Network.Hidden = [ 5; 3 ]
            Soft.Network.NormaliseObservations = true
        }
        2

    check
        { crossq with
            Soft.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Soft.CriticLearningRate = RateSchedule.linear 0.03 0.0
            Soft.TemperatureLearningRate = RateSchedule.linear 0.01 0.0
            Soft.Plan.TotalSteps = 70L
            Soft.OffPolicy.BatchSize = 130
            PolicyDelay = 1
        }
        2

let private xqc =
    { XqcOptions.defaults with
        Soft = soft
        TargetRate = 0.2
        PolicyDelay = 2
        Atoms = 7
        LowestReturn = -3.0
        HighestReturn = 3.0
        StatisticsRate = 0.2
    }

[<Fact>]
let ``a transition of XQC is that of plain XQC`` () =
    let check options threads =
        Agreement.transitions 2 (Xqc.create options) TwinTasks.numbers 5 threads (PlainXqc.xqc options)

    check xqc 1

    check
        { xqc with
            Critics = 3
            PolicyDelay = 1
            Soft.OffPolicy.ReturnSteps = 3
            Soft.LearnTemperature = false
            Soft.Network.Activation = Activation.Relu
            Soft.Network.Hidden = [ 5; 3 ]
        }
        3

    check { xqc with NormaliseRewards = false; Critics = 1; Soft.Network.NormaliseObservations = true } 2

    check
        { xqc with
            Soft.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Soft.CriticLearningRate = RateSchedule.linear 0.03 0.0
            Soft.TemperatureLearningRate = RateSchedule.linear 0.01 0.0
            Soft.Plan.TotalSteps = 70L
            Atoms = 2
        }
        2

let private redq = { RedqOptions.defaults with Soft = soft; TargetRate = 0.2; Critics = 5; PolicyDelay = 2 }

[<Fact>]
let ``a transition of REDQ is that of plain randomised ensembled double Q-learning`` () =
    let check options threads =
        Agreement.transitions 2 (Redq.create options) TwinTasks.numbers 5 threads (PlainEnsembles.redq options)

    check redq 1

    check
        { redq with
            TargetCritics = 3
            TargetValue = SubsetValue.Mean
            PolicyDelay = 1
            Soft.OffPolicy.ReturnSteps = 3
        }
        3

    check { redq with Soft.OffPolicy.ReturnSteps = 3; Soft.OffPolicy.ReturnLambda = 0.6 } 2

    check
        { redq with
            Critics = 1
            TargetCritics = 1
            PolicyDelay = 3
            Soft.OffPolicy.GradientSteps = -1
            Soft.OffPolicy.RoundSteps = 25
            Soft.Network.NormaliseObservations = true
            Soft.LearnTemperature = false
        }
        2

    // Two updates for each step of all copies.
    check
        { redq with
            Soft.OffPolicy.GradientSteps = -2
            Soft.OffPolicy.RoundSteps = 30
            Critics = 2
            PolicyDelay = 20
        }
        1

let private droq = { DroqOptions.defaults with Soft = soft; TargetRate = 0.2; DropoutRate = 0.2; PolicyDelay = 2 }

[<Fact>]
let ``a transition of DroQ is that of plain DroQ`` () =
    let check options threads =
        Agreement.transitions 2 (Droq.create options) TwinTasks.numbers 5 threads (PlainEnsembles.droq options)

    check droq 1
    check { droq with DropoutRate = 0.05; Soft.Network.Hidden = [ 6; 3 ]; Critics = 3; PolicyDelay = 1 } 3

    check
        { droq with
            DropoutRate = 0.0
            Critics = 1
            Soft.OffPolicy.ReturnSteps = 3
            Soft.LearnTemperature = false
        }
        2

    check
        { droq with
            Soft.OffPolicy.BatchSize = 130
            Soft.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Soft.CriticLearningRate = RateSchedule.linear 0.03 0.0
            Soft.TemperatureLearningRate = RateSchedule.linear 0.01 0.0
            Soft.Plan.TotalSteps = 70L
        }
        2

let private td3 =
    { Td3Options.defaults with
        OffPolicy = replayed
        Network.Hidden = [ 4 ]
        Network.Activation = Activation.Tanh
        Rate.LearningRate = RateSchedule.Constant 0.02
        CriticLearningRate = RateSchedule.Constant 0.03
        TargetRate = 0.2
        SmoothingDeviation = RateSchedule.Constant 0.3
        SmoothingLimit = 0.25
        Noise.ExplorationDeviation = RateSchedule.Constant 0.4
    }

[<Fact>]
let ``a transition of TD3 is that of plain TD3`` () =
    let check options threads =
        Agreement.transitions 2 (Td3.create options) TwinTasks.numbers 5 threads (PlainActorCritics.td3 options)

    check td3 1
    // The delay spans transitions.
    check { td3 with PolicyDelay = 3; Critics = 3; OffPolicy.ReturnSteps = 4 } 3
    check { td3 with OffPolicy.ReturnSteps = 4; OffPolicy.ReturnLambda = 0.7 } 2

    check
        { td3 with
            Noise.Exploration = ExplorationNoise.OrnsteinUhlenbeck
            Noise.ExplorationDeviation = RateSchedule.Constant 2.0
            Noise.ExplorationPull = 20.0
            Network.Activation = Activation.Relu
            Network.Hidden = [ 5; 3 ]
            SmoothingLimit = 0.02
        }
        2

    check
        { td3 with
            Network.NormaliseObservations = true
            PolicyDelay = 1
            OffPolicy.GradientSteps = -1
            OffPolicy.RoundSteps = 25
            OffPolicy.BufferSize = 30
        }
        1

    check
        { td3 with
            Noise.Exploration = ExplorationNoise.Pink
            Noise.ExplorationDeviation = RateSchedule.Constant 0.6
        }
        3

    for deviation in [ 0.001; 0.3; 50.0 ] do
        check
            { td3 with
                Noise.Exploration = ExplorationNoise.Parameters
                Noise.ExplorationDeviation = RateSchedule.Constant deviation
                Noise.ExplorationSteps = 15
                PolicyDelay = 1
            }
            2

    check
        { td3 with
            Rate.LearningRate = RateSchedule.linear 0.02 0.0
            CriticLearningRate = RateSchedule.linear 0.03 0.0
            Plan.TotalSteps = 70L
            OffPolicy.BatchSize = 130
        }
        2

let private ddpg =
    { DdpgOptions.defaults with
        OffPolicy = replayed
        Network.Hidden = [ 4 ]
        Network.Activation = Activation.Tanh
        Rate.LearningRate = RateSchedule.Constant 0.02
        CriticLearningRate = RateSchedule.Constant 0.03
        TargetRate = 0.2
        Noise.ExplorationDeviation = RateSchedule.Constant 0.4
    }

[<Fact>]
let ``a transition of DDPG is that of plain DDPG`` () =
    let check options threads =
        Agreement.transitions 2 (Ddpg.create options) TwinTasks.numbers 5 threads (PlainActorCritics.ddpg options)

    check ddpg 2
    check { ddpg with Noise.Exploration = ExplorationNoise.OrnsteinUhlenbeck; OffPolicy.ReturnSteps = 2 } 1
    check { ddpg with Network.NormaliseObservations = true; Network.Activation = Activation.Relu } 3

    check
        { ddpg with
            Rate.LearningRate = RateSchedule.linear 0.02 0.0
            CriticLearningRate = RateSchedule.linear 0.03 0.0
            Plan.TotalSteps = 70L
            OffPolicy.GradientSteps = 5
        }
        1
