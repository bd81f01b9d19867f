/// NPG, TRPO and V-MPO against their plain twins: two transitions with every term alive, the Fisher information formed.
module Rl.Tests.Algorithms.Twins.DivergenceTwinTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Xunit

/// 5 copies of 27 steps: 135 samples in lanes of 67 and 68.
let private rollout (options: OnPolicyOptions) = { options with RolloutSteps = 27; Discount = 0.9; GaeLambda = 0.7 }

let private network (options: NetworkOptions) = { options with Hidden = [ 4 ] }
let private fit = { ValueEpochs = 2; ValueMinibatchSize = 50; ValueLearningRate = RateSchedule.Constant 0.03 }

let private npgOptions =
    let d = NpgOptions.defaults

    { d with
        Rollout = rollout d.Rollout
        Network = network d.Network
        Solver = { CgSteps = 4; CgDamping = 0.1 }
        ValueFit = fit
    }

[<Fact>]
let ``a transition of NPG is that of the plain natural gradient`` () =
    let check options task threads =
        Agreement.transitions 2 (Npg.create options) task 5 threads (PlainDivergences.npg options)

    check npgOptions TwinTasks.choices 1
    check { npgOptions with LearningRate = RateSchedule.Constant 0.1; Solver.CgDamping = 0.3 } TwinTasks.numbers 3
    check { npgOptions with Rollout.NormaliseAdvantages = false; Solver.CgSteps = 2 } TwinTasks.maskedBits 2

    check
        { npgOptions with
            Network.NormaliseObservations = true
            Rollout.NormaliseRewards = true
            TargetKl = RateSchedule.Constant 0.1
        }
        TwinTasks.mixed
        2

let private trpoOptions =
    let d = TrpoOptions.defaults

    { d with
        Rollout = rollout d.Rollout
        Network = network d.Network
        Solver = { CgSteps = 4; CgDamping = 0.1 }
        ValueFit = fit
    }

[<Fact>]
let ``a transition of TRPO is that of plain trust-region policy optimisation, whatever its line search meets`` () =
    let met = ResizeArray<PlainDivergences.Refusal>()

    let check options task threads =
        let twin view =
            let struct (expected, refusals) = PlainDivergences.trpo options view
            met.AddRange refusals
            expected

        Agreement.transitions 2 (Trpo.create options) task 5 threads twin

    check trpoOptions TwinTasks.choices 1
    check { trpoOptions with TargetKl = RateSchedule.Constant 0.5; LineSearchShrink = 0.6 } TwinTasks.mixed 3

    // Far steps with advantages that are all positive: away from what was done, the surrogate falls to 0.
    check
        { trpoOptions with
            TargetKl = RateSchedule.Constant 8.0
            Solver.CgDamping = 0.02
            Rollout.NormaliseAdvantages = false
            Rollout.GaeLambda = 1.0
        }
        TwinTasks.numbers
        2

    check
        { trpoOptions with
            TargetKl = RateSchedule.Constant 3.0
            LineSearchTries = 2
            Network.NormaliseObservations = true
            Rollout.NormaliseRewards = true
        }
        TwinTasks.maskedBits
        1

    Assert.Contains(PlainDivergences.TooFar, met)
    Assert.Contains(PlainDivergences.Worse, met)

let private vmpoOptions =
    let d = VmpoOptions.defaults

    { d with
        Rollout = rollout d.Rollout
        Network = network d.Network
        Epochs = 3
        LearningRate = RateSchedule.Constant 0.03
        TemperatureBound = 0.2
        KlBound = 0.02
        DeviationKlBound = 0.007
        InitialTemperature = 0.8
        InitialMultiplier = 1.5
        ValueCoefficient = 0.6
    }

[<Fact>]
let ``a transition of V-MPO is that of plain V-MPO`` () =
    let check options task threads =
        Agreement.transitions 2 (Vmpo.create options) task 5 threads (PlainDivergences.vmpo options)

    check vmpoOptions TwinTasks.choices 1
    check { vmpoOptions with MaxGradientNorm = 1e3 } TwinTasks.numbers 3
    check { vmpoOptions with TopFraction = 0.3; Rollout.NormaliseAdvantages = false } TwinTasks.maskedBits 2

    check
        { vmpoOptions with
            TopFraction = 1.0
            Network.NormaliseObservations = true
            Rollout.NormaliseRewards = true
        }
        TwinTasks.mixed
        2

    // Multipliers that would fall below 0 stay above it.
    check
        { vmpoOptions with
            LearningRate = RateSchedule.Constant 0.2
            InitialMultiplier = 0.05
            KlBound = 5.0
        }
        TwinTasks.numbers
        1
