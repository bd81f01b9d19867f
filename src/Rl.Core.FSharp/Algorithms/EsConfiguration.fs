/// The options of evolution strategies, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of OpenAI's evolution strategies (Salimans et al. 2017).
type EsConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// n: random directions of an update; two policies each. ≥ 1.
        Directions: int
        /// Episodes that a policy is judged by. ≥ 1.
        EpisodesPerCandidate: int
        /// An episode counts for no more than this many steps. ≥ 1.
        MaxEpisodeSteps: int
        /// Adam's step size. > 0.
        LearningRate: float
        /// σ: the standard deviation of the perturbations. > 0.
        Deviation: float
        /// The weight of the L2 penalty. ≥ 0.
        WeightDecay: float
        /// Give the networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// Widths of the policy's hidden layers; none for a linear policy.
        Hidden: int list
        Activation: Activation
        /// The units in which the policy acts where actions are numbers.
        ActionScaling: ActionScaling
    }

/// Defaults, checks and texts of the options.
[<RequireQualifiedAccess>]
module EsConfiguration =

    /// The paper's ingredients (mirrored sampling, ranks, Adam with an L2 penalty of 0.005) with a population, noise and step size for
    /// small tasks.
    let defaults =
        {
            TotalSteps = 500_000L
            Directions = 16
            EpisodesPerCandidate = 1
            MaxEpisodeSteps = 10_000
            LearningRate = 0.05
            Deviation = 0.1
            WeightDecay = 0.005
            NormaliseObservations = false
            Hidden = [ 32; 32 ]
            Activation = Activation.Tanh
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<EsConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.Directions) Guard.positive (fun c -> c.Directions) (fun v c ->
                { c with Directions = v })
            OptionTable.int (nameof d.EpisodesPerCandidate) Guard.positive (fun c -> c.EpisodesPerCandidate) (fun v c ->
                { c with EpisodesPerCandidate = v })
            OptionTable.int (nameof d.MaxEpisodeSteps) Guard.positive (fun c -> c.MaxEpisodeSteps) (fun v c ->
                { c with MaxEpisodeSteps = v })
            OptionTable.float (nameof d.LearningRate) Guard.positiveNumber (fun c -> c.LearningRate) (fun v c ->
                { c with LearningRate = v })
            OptionTable.float (nameof d.Deviation) Guard.positiveNumber (fun c -> c.Deviation) (fun v c ->
                { c with Deviation = v })
            OptionTable.float (nameof d.WeightDecay) Guard.notNegativeNumber (fun c -> c.WeightDecay) (fun v c ->
                { c with WeightDecay = v })
            OptionTable.bool (nameof d.NormaliseObservations) (fun c -> c.NormaliseObservations) (fun v c ->
                { c with NormaliseObservations = v })
            OptionTable.hidden (nameof d.Hidden) (fun c -> c.Hidden) (fun v c -> { c with Hidden = v })
            OptionTable.activation (nameof d.Activation) (fun c -> c.Activation) (fun v c -> { c with Activation = v })
            OptionTable.actionScaling (nameof d.ActionScaling) (fun c -> c.ActionScaling) (fun v c ->
                { c with ActionScaling = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (configuration: EsConfiguration) = OptionTable.validate table configuration

    /// The options as named texts.
    let toPairs (configuration: EsConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : EsConfiguration = OptionTable.ofPairs table pairs defaults
