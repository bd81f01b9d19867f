/// SAC with one of several choices against its plain twin: masks, priorities, returns of several steps, both kinds of
/// targets and losses, on several threads.
module Rl.Tests.Algorithms.Twins.DiscreteSacTwinTests

open Rl.Core.Algorithms
open Rl.Core.Networks
open Xunit

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
        Soft.Rate.LearningRate = 0.02
        Soft.CriticLearningRate = 0.03
        Soft.TemperatureLearningRate = 0.01
        Soft.InitialTemperature = 0.7
        TargetRate = 0.2
        Soft.Plan.TotalSteps = 600L
    }

/// What the masked task allows where this is observed.
let private maskOf (observation: float[]) =
    Array.init 4 (fun choice -> choice % 3 <> (if observation[0] > 0.0 then 1 else 0))

let private check (options: SacOptions) copies threads =
    Agreement.transitions
        2
        (Sac.create options)
        TwinTasks.choices
        copies
        threads
        (PlainDiscreteSac.transition options (fun _ -> [||]))

let private checkMasked (options: SacOptions) copies threads =
    Agreement.transitions
        2
        (Sac.create options)
        TwinTasks.maskedChoices
        copies
        threads
        (PlainDiscreteSac.transition options maskOf)

[<Fact>]
let ``a transition of SAC with choices is that of plain discrete soft actor-critic`` () =
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
            Soft.Rate.AnnealLearningRate = true
            Soft.Plan.TotalSteps = 70L
            Soft.OffPolicy.GradientSteps = -1
            Soft.OffPolicy.RoundSteps = 25
            Soft.OffPolicy.BufferSize = 30
        }
        5
        1

[<Fact>]
let ``a transition of SAC with masks is that of plain discrete soft actor-critic`` () =
    checkMasked sac 5 2
    checkMasked { sac with Soft.OffPolicy.ReturnSteps = 2; Soft.OffPolicy.BatchSize = 130 } 2 1

[<Fact>]
let ``a transition of SAC with choices from prioritised replay is that of plain discrete soft actor-critic`` () =
    let prioritised =
        { sac with
            Soft.OffPolicy.PriorityExponent = 0.7
            Soft.OffPolicy.BufferSize = 90
            Soft.OffPolicy.RoundSteps = 30
        }

    check prioritised 3 2
    checkMasked { prioritised with Soft.OffPolicy.ReturnSteps = 2 } 2 1
