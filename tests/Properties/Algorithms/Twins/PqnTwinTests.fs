/// Parallelised Q-learning against its plain twin: two transitions, with terminal states, time limits, masks, lanes of
/// unequal size and several threads.
module Rl.Tests.Algorithms.Twins.PqnTwinTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

/// 5 copies of 27 steps; the first minibatches are before the second moment of rectified Adam is known.
let private options =
    let d = PqnOptions.defaults

    { d with
        Plan.TotalSteps = 500L
        RolloutSteps = 27
        Discount = 0.9
        Lambda = 0.7
        MinibatchSize = 50
        Epochs = 2
        Network = { d.Network with Hidden = [ 4 ]; Activation = Activation.Tanh }
        Rate = { LearningRate = RateSchedule.Constant 0.01 }
        Exploration.ExplorationRate = RateSchedule.Linear(1.0, 0.1, 0.8)
        MaxGradientNorm = 0.4
    }

let private check options task threads =
    Agreement.transitions 2 (Pqn.create options) task 5 threads (PlainPqn.transition options)

[<Fact>]
let ``a transition of PQN is that of plain PQN`` () =
    check options TwinTasks.choices 1
    check { options with LayerNormalisation = false; Lambda = 0.0 } TwinTasks.choices 2

    check
        { options with
            Rate.LearningRate = RateSchedule.linear 0.01 0.0
            MaxGradientNorm = 0.0
            Lambda = 1.0
        }
        TwinTasks.choices
        3

    check
        { options with
            Network.Hidden = [ 3; 4 ]
            Network.NormaliseObservations = true
            Exploration.ExplorationRate = RateSchedule.Linear(0.4, 0.1, 0.8)
            MinibatchSize = 200
        }
        TwinTasks.choices
        2

[<Fact>]
let ``a transition of PQN with masks is that of plain PQN`` () =
    check options TwinTasks.maskedChoices 2

    check
        { options with Lambda = 1.0; Exploration.ExplorationRate = RateSchedule.Linear(0.2, 0.1, 0.8) }
        TwinTasks.maskedChoices
        1
