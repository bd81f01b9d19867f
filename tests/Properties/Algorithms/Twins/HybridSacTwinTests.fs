/// SAC with choices against its plain twin, one of them, several, and numbers beside them: masks, priorities, returns
/// of several steps, both kinds of targets and losses, on several threads.
module Rl.Tests.Algorithms.Twins.HybridSacTwinTests

open Rl.Core.Algorithms
open Rl.Core.Networks
open Xunit
open Rl.Core.Learning

/// 5 copies, two steps between updates: 20 random steps, then updates after each ten.
let private sac =
    { SacOptions.defaults with
        Soft.OffPolicy =
            { OffPolicyOptions.defaults with
                LearningStarts = 20
                TrainFrequency = 2
                GradientSteps = 2
                BatchSize = 9
                BufferSize = 1_000
                Discount = 0.9
                RoundSteps = 40
            }
        Soft.Network.Hidden = [ 4 ]
        Soft.Network.Activation = Activation.Tanh
        Soft.Rate.LearningRate = RateSchedule.Constant 0.02
        Soft.CriticLearningRate = RateSchedule.Constant 0.03
        Soft.TemperatureLearningRate = RateSchedule.Constant 0.01
        Soft.InitialTemperature = 0.7
        TargetRate = 0.2
        Soft.Plan.TotalSteps = 600L
    }

/// What the masked tasks allow of so many choices where this is observed.
let private maskOf choices (observation: float[]) =
    Array.init choices (fun choice -> choice % 3 <> (if observation[0] > 0.0 then 1 else 0))

let private checkOn task mask (options: SacOptions) copies threads =
    Agreement.transitions 2 (Sac.create options) task copies threads (PlainHybridSac.transition options mask)

let private check options copies threads = checkOn TwinTasks.choices (fun _ -> [||]) options copies threads
let private checkMasked options copies threads = checkOn TwinTasks.maskedChoices (maskOf 4) options copies threads

[<Fact>]
let ``a transition of SAC with choices is that of its plain twin`` () =
    check sac 5 1
    check { sac with Critics = 3; Soft.OffPolicy.ReturnSteps = 3; Choices.TargetEntropyShare = 0.9 } 5 3

    check
        { sac with
            Soft.LearnTemperature = false
            Choices.CriticLoss = ValueError.Huber
            Soft.Network.Hidden = [ 5; 3 ]
        }
        4
        2
    // No episode has more than seven steps.
    check { sac with Soft.OffPolicy.ReturnSteps = 20 } 5 2
    check { sac with Choices.TargetUpdateInterval = 12; TargetRate = 1.0; Critics = 1 } 3 1

    check
        { sac with
            Soft.Network.NormaliseObservations = true
            Soft.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Soft.CriticLearningRate = RateSchedule.linear 0.03 0.0
            Soft.TemperatureLearningRate = RateSchedule.linear 0.01 0.0
            Soft.Plan.TotalSteps = 70L
            Soft.OffPolicy.GradientSteps = -1
            Soft.OffPolicy.RoundSteps = 25
            Soft.OffPolicy.BufferSize = 30
        }
        5
        1

[<Fact>]
let ``a transition of SAC with masks is that of its plain twin`` () =
    checkMasked sac 5 2
    checkMasked { sac with Soft.OffPolicy.ReturnSteps = 2; Soft.OffPolicy.BatchSize = 130 } 2 1

[<Fact>]
let ``a transition of SAC with choices from prioritised replay is that of its plain twin`` () =
    let prioritised =
        { sac with
            Soft.OffPolicy.PriorityExponent = 0.7
            Soft.OffPolicy.BufferSize = 90
            Soft.OffPolicy.RoundSteps = 30
        }

    check prioritised 3 2
    checkMasked { prioritised with Soft.OffPolicy.ReturnSteps = 2 } 2 1

[<Fact>]
let ``a transition of SAC with choices and numbers is that of its plain twin`` () =
    let check options copies threads = checkOn TwinTasks.hybrid (fun _ -> [||]) options copies threads
    let range = { sac with Soft.LeastLogDeviation = -2.0; Soft.LargestLogDeviation = 0.5 }
    check range 5 1
    check { range with Critics = 3; Soft.OffPolicy.ReturnSteps = 3; Choices.TargetEntropyShare = 0.2 } 5 3

    check
        { range with
            Soft.LearnTemperature = false
            Choices.CriticLoss = ValueError.Huber
            Soft.Network.Hidden = [ 5; 3 ]
            Soft.Network.Activation = Activation.Relu
        }
        4
        2

    check
        { range with
            Choices.TargetUpdateInterval = 12
            TargetRate = 1.0
            Critics = 1
            Soft.TargetEntropyPerAction = 0.4
            Soft.Rate.LearningRate = RateSchedule.linear 0.02 0.0
            Soft.CriticLearningRate = RateSchedule.linear 0.03 0.0
            Soft.TemperatureLearningRate = RateSchedule.linear 0.01 0.0
            Soft.Plan.TotalSteps = 70L
        }
        3
        1

    check { range with Soft.OffPolicy.BatchSize = 130; Soft.Network.NormaliseObservations = true } 2 2

[<Fact>]
let ``a transition of SAC with choices, bits and numbers, some impossible, is that of its plain twin`` () =
    let check options copies threads = checkOn TwinTasks.mixed (maskOf 7) options copies threads
    check sac 5 2

    check
        { sac with
            Soft.OffPolicy.ReturnSteps = 2
            Soft.OffPolicy.PriorityExponent = 0.7
            Soft.OffPolicy.BufferSize = 90
            Soft.OffPolicy.RoundSteps = 30
        }
        3
        1

[<Fact>]
let ``a transition of SAC with several choices is that of its plain twin`` () =
    checkOn TwinTasks.branches (fun _ -> [||]) sac 5 1
    checkOn TwinTasks.maskedBranches (maskOf 5) { sac with Soft.OffPolicy.ReturnSteps = 3 } 3 2
    checkOn TwinTasks.maskedBits (maskOf 6) sac 2 1

[<Fact>]
let ``a transition of SAC with a tuple of numbers is that of its plain twin`` () =
    checkOn TwinTasks.numbersInTuples (fun _ -> [||]) { sac with Soft.TargetEntropyPerAction = 0.3 } 5 2
