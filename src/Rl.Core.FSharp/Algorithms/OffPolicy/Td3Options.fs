/// Options of twin delayed deterministic policy gradient.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Options of twin delayed deterministic policy gradient (Fujimoto et al. 2018).
type Td3Options =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        /// The actor's.
        Rate: RateOptions
        /// Adam's step size α for the critics.
        CriticLearningRate: RateSchedule
        Optimiser: OptimiserOptions
        /// The number of critics, of which the least value counts; the actor follows the first.
        Critics: int
        /// The share τ of the online networks in their targets when these move.
        TargetRate: float
        /// Steps of the critics for one of the actor and of all targets.
        PolicyDelay: int
        /// The standard deviation of the noise that smooths the target's actions, in units of the half-range.
        SmoothingDeviation: RateSchedule
        /// The bound of that noise.
        SmoothingLimit: float
        Noise: NoiseOptions
        /// Layers for observations that are images, of actor and critics each: those of DQN for Atari for 36 pixels and
        /// more, else those of MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module Td3Options =

    /// The paper's, as Stable Baselines3 has them, but with narrow layers: it has 400 and 300 units.
    let defaults =
        {
            Plan = { TotalSteps = 20_000L }
            OffPolicy = { OffPolicyOptions.defaults with LearningStarts = 100; GradientSteps = -1; BatchSize = 100 }
            Rate = { LearningRate = RateSchedule.Constant 1e-3 }
            CriticLearningRate = RateSchedule.Constant 1e-3
            Optimiser = OptimiserOptions.defaults
            Critics = 2
            TargetRate = 0.005
            PolicyDelay = 2
            SmoothingDeviation = RateSchedule.Constant 0.2
            SmoothingLimit = 0.5
            Noise = NoiseOptions.defaults
            Convolutions = Convolutions.Automatic
            Network = { NetworkOptions.defaults [ 64; 64 ] with Activation = Activation.Relu }
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<Td3Options> list =
        let d = defaults
        let plan rows = Options.group (fun (c: Td3Options) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let offPolicy rows =
            Options.group (fun (c: Td3Options) -> c.OffPolicy) (fun v c -> { c with OffPolicy = v }) rows

        let network rows = Options.group (fun (c: Td3Options) -> c.Network) (fun v c -> { c with Network = v }) rows
        let noise rows = Options.group (fun (c: Td3Options) -> c.Noise) (fun v c -> { c with Noise = v }) rows
        let rate rows = Options.group (fun (c: Td3Options) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        let optimiser rows =
            Options.group (fun (c: Td3Options) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! offPolicy OffPolicyOptions.rows
            yield! rate ActorCritics.rateRows
            Options.rate (nameof d.CriticLearningRate) _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            yield! optimiser OptimiserOptions.rows
            Options.whole (nameof d.Critics) (Range.within 1.0 100.0) _.Critics (fun v c -> { c with Critics = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.whole (nameof d.PolicyDelay) (Range.atLeast 1.0) _.PolicyDelay (fun v c ->
                { c with PolicyDelay = v })
            Options.schedule (nameof d.SmoothingDeviation) Range.notNegative _.SmoothingDeviation (fun v c ->
                { c with SmoothingDeviation = v })
            Options.number (nameof d.SmoothingLimit) Range.notNegative _.SmoothingLimit (fun v c ->
                { c with SmoothingLimit = v })
            yield! noise NoiseOptions.rows
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofActionCritics NetworkOptions.layers)
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]
        |> Options.former
            (nameof d.Rate.LearningRate)
            [
                Options.formerFall RateOptions.FormerFall (fun fall c ->
                    { c with
                        Rate.LearningRate = fall c.Rate.LearningRate
                        CriticLearningRate = fall c.CriticLearningRate
                    })
            ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: Td3Options) =
        NetworkOptions.validate rows defaults options
        OffPolicyOptions.validate options.OffPolicy

    /// The options as named texts.
    let toPairs (options: Td3Options) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : Td3Options = Options.ofPairs rows pairs defaults
