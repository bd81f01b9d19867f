/// IMPALA and APPO against their plain twins: transitions from whose third on the policy that acts lags by as many
/// updates as it may.
module Rl.Tests.Algorithms.Twins.VTraceTwinTests

open Rl.Core.Algorithms
open Rl.Core.Learning
open Xunit

let private rollout (options: OnPolicyOptions) = { options with RolloutSteps = 27; Discount = 0.9; GaeLambda = 0.7 }

let private lags = { RatioClip = 1.2; PolicyRatioClip = 0.9; PolicyLag = 2 }

let private impalaOptions =
    let d = ImpalaOptions.defaults

    { d with
        Rollout = rollout d.Rollout
        Network = { d.Network with Hidden = [ 4 ] }
        Rate = { LearningRate = RateSchedule.Constant 0.2 }
        Correction = lags
        EntropyCoefficient = RateSchedule.Constant 0.15
        ValueCoefficient = 0.7
        MaxGradientNorm = 0.4
        Plan.TotalSteps = 600L
    }

[<Fact>]
let ``a transition of IMPALA is that of plain IMPALA`` () =
    let check count options task threads =
        Agreement.transitions count (Impala.create options) task 5 threads (PlainVTrace.impala options)

    check 4 impalaOptions TwinTasks.choices 1

    check
        3
        { impalaOptions with
            Rollout.NormaliseAdvantages = true
            Rate.LearningRate = RateSchedule.linear 0.2 0.0
            Correction = { lags with RatioClip = 0.8; PolicyRatioClip = 1.3; PolicyLag = 1 }
        }
        TwinTasks.numbers
        3

    check
        3
        { impalaOptions with
            Network.NormaliseObservations = true
            Rollout.NormaliseRewards = true
            Rollout.GaeLambda = 1.0
            MaxGradientNorm = 0.0
        }
        TwinTasks.mixed
        2

    check 2 { impalaOptions with Correction.PolicyLag = 0 } TwinTasks.maskedBits 1

let private appoOptions =
    let d = AppoOptions.defaults

    { d with
        Ppo.Rollout = rollout d.Ppo.Rollout
        Ppo.Network = { d.Ppo.Network with Hidden = [ 4 ] }
        Ppo.MinibatchSize = 50
        Ppo.Epochs = 2
        Ppo.Rate = { LearningRate = RateSchedule.Constant 0.3 }
        Ppo.ClipRange = RateSchedule.Constant 0.2
        Ppo.EntropyCoefficient = RateSchedule.Constant 0.1
        Ppo.Plan.TotalSteps = 600L
        Correction = lags
        LargestRatio = 1.1
    }

[<Fact>]
let ``a transition of APPO is that of plain APPO`` () =
    let check count options task threads =
        Agreement.transitions count (Appo.create options) task 5 threads (PlainVTrace.appo options)

    check 4 appoOptions TwinTasks.choices 1
    // The target policy stays for two updates, and the one that acts lags by one.
    check 4 { appoOptions with TargetInterval = 2; Correction.PolicyLag = 1 } TwinTasks.numbers 3

    check
        3
        { appoOptions with
            Ppo.Rollout.NormaliseAdvantages = false
            Ppo.ValueClipRange = RateSchedule.Constant 0.05
            Ppo.KlPenalty = 0.7
            Ppo.KlPenaltyTarget = 0.05
            LargestRatio = 1.0
        }
        TwinTasks.maskedBits
        2
