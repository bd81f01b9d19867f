/// Deep deterministic policy gradient: a deterministic actor that follows a critic, both from replayed steps.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Options of deep deterministic policy gradient (Lillicrap et al. 2015).
type DdpgOptions =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        /// The actor's.
        Rate: RateOptions
        /// Adam's step size α for the critic.
        CriticLearningRate: RateSchedule
        Optimiser: OptimiserOptions
        /// The share τ of the online networks in their targets after each step.
        TargetRate: float
        Noise: NoiseOptions
        /// Layers for observations that are images, of actor and critic each: those of DQN for Atari for 36 pixels and
        /// more, else those of MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DdpgOptions =

    /// TD3's, where DDPG has them.
    let defaults =
        let d = Td3Options.defaults

        {
            Plan = d.Plan
            OffPolicy = d.OffPolicy
            Network = d.Network
            Rate = d.Rate
            CriticLearningRate = d.CriticLearningRate
            Optimiser = OptimiserOptions.defaults
            TargetRate = d.TargetRate
            Noise = d.Noise
            Convolutions = d.Convolutions
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<DdpgOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: DdpgOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let offPolicy rows =
            Options.group (fun (c: DdpgOptions) -> c.OffPolicy) (fun v c -> { c with OffPolicy = v }) rows

        let network rows = Options.group (fun (c: DdpgOptions) -> c.Network) (fun v c -> { c with Network = v }) rows
        let noise rows = Options.group (fun (c: DdpgOptions) -> c.Noise) (fun v c -> { c with Noise = v }) rows
        let rate rows = Options.group (fun (c: DdpgOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        let optimiser rows =
            Options.group (fun (c: DdpgOptions) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! offPolicy OffPolicyOptions.rows
            yield! rate ActorCritics.rateRows
            Options.rate (nameof d.CriticLearningRate) _.CriticLearningRate (fun v c ->
                { c with CriticLearningRate = v })
            yield! optimiser OptimiserOptions.rows
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            yield! noise NoiseOptions.rows
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofActionCritics NetworkOptions.layers)
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: DdpgOptions) =
        NetworkOptions.validate rows defaults options
        OffPolicyOptions.validate options.OffPolicy

    /// The options as named texts.
    let toPairs (options: DdpgOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DdpgOptions = Options.ofPairs rows pairs defaults

/// Deep deterministic policy gradient (Lillicrap et al., "Continuous control with deep reinforcement learning", 2015).
[<RequireQualifiedAccess>]
module Ddpg =

    /// TD3 of one critic, which the actor and the targets follow at each step, and whose targets are not smoothed.
    let asTd3 (c: DdpgOptions) : Td3Options =
        {
            Plan = c.Plan
            OffPolicy = c.OffPolicy
            Network = c.Network
            Rate = c.Rate
            CriticLearningRate = c.CriticLearningRate
            Optimiser = c.Optimiser
            Critics = 1
            TargetRate = c.TargetRate
            PolicyDelay = 1
            SmoothingDeviation = RateSchedule.Constant 0.0
            SmoothingLimit = 0.0
            Noise = c.Noise
            Convolutions = c.Convolutions
        }

    /// Binds options to environments, whose actions must be numbers within finite bounds. `workers` share the work; the
    /// results do not depend on their number.
    let create (options: DdpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DdpgOptions.validate options
        Td3.bind "ddpg" (DdpgOptions.toPairs options) (asTd3 options) environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "ddpg"
                Name = "Deep deterministic policy gradient"
                Summary =
                    "A deterministic actor that follows a critic, both from replayed steps (Lillicrap et al. 2015)."
                Source = "Lillicrap et al., \"Continuous control with deep reinforcement learning\" (2015)"
                Family = AlgorithmFamily.OffPolicy
            }
            DdpgOptions.defaults
            DdpgOptions.rows
            OffPolicyOptions.small
            DdpgOptions.validate
            create
        |> AlgorithmEntry.withActions ActorCritics.suits
        |> AlgorithmEntry.withParameters DdpgOptions.ofPairs (asTd3 >> Td3.parameters "ddpg")
