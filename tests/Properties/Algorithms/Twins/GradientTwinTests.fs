/// A2C, VPG, PPO and PPG against their plain twins: two transitions, from a state in which every term is alive, with
/// terminal states and time limits, lanes of unequal size and several threads.
module Rl.Tests.Algorithms.Twins.GradientTwinTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Xunit

/// 5 copies of 27 steps: 135 samples in lanes of 67 and 68.
let private rollout (options: OnPolicyOptions) = { options with RolloutSteps = 27; Discount = 0.9; GaeLambda = 0.7 }

let private network (options: NetworkOptions) = { options with Hidden = [ 4 ] }

[<Fact>]
let ``the twins' episodes end by terminal states and by time limits, in every task`` () =
    for task in [ TwinTasks.choices; TwinTasks.numbers; TwinTasks.maskedBits; TwinTasks.mixed ] do
        use workers = new Workers(1)

        let options = { A2cOptions.defaults with Rollout = rollout A2cOptions.defaults.Rollout; Network.Hidden = [ 4 ] }

        use learner = A2c.create options (task 5) workers
        let state = Agreement.prime learner 21UL
        let view = { Network = PlainNetwork.ofLearner learner; State = state; Environment = task 5 }
        let steps = (PlainCredit.collectFirst options.Rollout view).Steps
        let count isSo = steps |> Array.filter isSo |> Array.length
        let terminated, truncated = count _.Terminated, count _.Truncated
        Assert.True(terminated > 2 && truncated > 2, $"{terminated} terminal states and {truncated} time limits.")

let private a2cOptions =
    let d = A2cOptions.defaults

    { d with
        Rollout = rollout d.Rollout
        Network = network d.Network
        Rate.LearningRate = RateSchedule.Constant 0.01
        RmsDecay = 0.8
        EntropyCoefficient = RateSchedule.Constant 0.15
        ValueCoefficient = 0.7
        MaxGradientNorm = 0.4
        Plan.TotalSteps = 300L
    }

[<Fact>]
let ``a transition of A2C is that of plain A2C`` () =
    let check options task threads =
        Agreement.transitions 2 (A2c.create options) task 5 threads (PlainGradients.a2c options)

    check a2cOptions TwinTasks.choices 1

    check
        { a2cOptions with Rate.LearningRate = RateSchedule.linear 0.01 0.0; MaxGradientNorm = 1e3 }
        TwinTasks.numbers
        3

    check { a2cOptions with Rollout.NormaliseAdvantages = true; EpsilonInsideRoot = true } TwinTasks.maskedBits 2

    check
        { a2cOptions with
            Network.NormaliseObservations = true
            Rollout.NormaliseRewards = true
            Rate.LearningRate = RateSchedule.linear 0.01 0.0
        }
        TwinTasks.mixed
        1

let private vpgOptions =
    let d = VpgOptions.defaults

    { d with
        Rollout = rollout d.Rollout
        Network = network d.Network
        LearningRate = RateSchedule.Constant 0.02
        ValueLearningRate = RateSchedule.Constant 0.03
        ValueSteps = 3
        EntropyCoefficient = RateSchedule.Constant 0.15
    }

[<Fact>]
let ``a transition of VPG is that of the plain vanilla policy gradient`` () =
    let check options task threads =
        Agreement.transitions 2 (Vpg.create options) task 5 threads (PlainGradients.vpg options)

    check vpgOptions TwinTasks.choices 3
    check { vpgOptions with Rollout.NormaliseAdvantages = false } TwinTasks.numbers 1
    check { vpgOptions with Network.NormaliseObservations = true; Rollout.NormaliseRewards = true } TwinTasks.mixed 2

let private ppoOptions =
    let d = PpoOptions.defaults

    { d with
        Rollout = rollout d.Rollout
        Network = network d.Network
        MinibatchSize = 50
        Epochs = 2
        Rate = { LearningRate = RateSchedule.Constant 0.4 }
        ClipRange = RateSchedule.Constant 0.2
        EntropyCoefficient = RateSchedule.Constant 0.1
        Plan.TotalSteps = 400L
    }

[<Fact>]
let ``a transition of PPO is that of plain PPO`` () =
    let check options task threads =
        Agreement.transitions 2 (Ppo.create options) task 5 threads (PlainGradients.ppo options)

    check ppoOptions TwinTasks.choices 1
    // Each flag anneals what it is called after.
    check { ppoOptions with ClipRange = RateSchedule.linear 0.1 0.0; MinibatchSize = 200 } TwinTasks.numbers 3

    check
        { ppoOptions with
            Rate.LearningRate = RateSchedule.linear 0.4 0.0
            ClipRange = RateSchedule.Constant 0.1
            MaxGradientNorm = 0.0
        }
        TwinTasks.choices
        1

    check
        { ppoOptions with
            DualClip = 1.05
            ClipRange = RateSchedule.Constant 0.02
            ValueClipRange = RateSchedule.Constant 0.05
        }
        TwinTasks.numbers
        2

    // The last epoch's divergence is near the target, that of all steps together is not.
    check
        { ppoOptions with KlPenalty = 0.7; KlPenaltyTarget = 0.001; Rollout.NormaliseAdvantages = false }
        TwinTasks.maskedBits
        1

    check
        { ppoOptions with
            KlPenalty = 0.7
            KlPenaltyTarget = 0.05
            ClipRange = RateSchedule.Constant 0.0
            Network.NormaliseObservations = true
            Rollout.NormaliseRewards = true
        }
        TwinTasks.mixed
        2

    check
        { ppoOptions with
            TargetKl = RateSchedule.Constant 1e-4
            Epochs = 5
            Rollout.NormaliseAdvantages = false
        }
        TwinTasks.choices
        2

let private ppgOptions =
    let d = PpgOptions.defaults

    { d with
        Rollout = { rollout d.Rollout with NormaliseRewards = false }
        Network = network d.Network
        PolicyRollouts = 2
        PolicyEpochs = 2
        ValueEpochs = 2
        AuxiliaryEpochs = 2
        MinibatchSize = 80
        LearningRate = RateSchedule.Constant 0.3
        ClipRange = RateSchedule.Constant 0.05
        EntropyCoefficient = RateSchedule.Constant 0.1
        CloneCoefficient = 2.0
    }

[<Fact>]
let ``a transition of PPG is that of plain phasic policy gradient`` () =
    let check options task threads =
        Agreement.transitions 1 (Ppg.create options) task 5 threads (PlainGradients.ppg options)

    check ppgOptions TwinTasks.choices 1

    check
        { ppgOptions with
            MaxGradientNorm = 1e3
            MinibatchSize = 200
            ClipRange = RateSchedule.Constant 0.1
        }
        TwinTasks.numbers
        3

    check
        { ppgOptions with
            Rollout.NormaliseAdvantages = false
            Rollout.NormaliseRewards = true
            Network.NormaliseObservations = true
            Network.Hidden = [ 3; 4 ]
        }
        TwinTasks.mixed
        2

    check { ppgOptions with PolicyRollouts = 1; AuxiliaryEpochs = 3; ValueEpochs = 1 } TwinTasks.maskedBits 1
