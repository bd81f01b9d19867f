/// The options of augmented random search, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of augmented random search (Mania, Guy and Recht 2018).
type ArsConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// N: random directions of an update; two policies each. ≥ 1.
        Directions: int
        /// b: directions that are used, those with the best of their two returns, no more than N; 0 for all (V1 and V2 instead of V1-t and
        /// V2-t). ≥ 0.
        TopDirections: int
        /// Episodes that a policy is judged by. ≥ 1.
        EpisodesPerCandidate: int
        /// An episode counts for no more than this many steps. ≥ 1.
        MaxEpisodeSteps: int
        /// α: the step size. > 0.
        LearningRate: float
        /// ν: the standard deviation of the directions. > 0.
        Deviation: float
        /// Subtracted from each reward, for environments that pay for staying alive.
        AliveBonus: float
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
module ArsConfiguration =

    /// Stable Baselines3's contributions: a linear policy starting at 0, 8 directions, α = 0.02, ν = 0.05; observations are normalised (the
    /// paper's V2; V1 without).
    let defaults =
        {
            TotalSteps = 500_000L
            Directions = 8
            TopDirections = 0
            EpisodesPerCandidate = 1
            MaxEpisodeSteps = 10_000
            LearningRate = 0.02
            Deviation = 0.05
            AliveBonus = 0.0
            NormaliseObservations = true
            Hidden = []
            Activation = Activation.Tanh
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<ArsConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.Directions) Guard.positive (fun c -> c.Directions) (fun v c ->
                { c with Directions = v })
            OptionTable.int (nameof d.TopDirections) Guard.notNegative (fun c -> c.TopDirections) (fun v c ->
                { c with TopDirections = v })
            OptionTable.int (nameof d.EpisodesPerCandidate) Guard.positive (fun c -> c.EpisodesPerCandidate) (fun v c ->
                { c with EpisodesPerCandidate = v })
            OptionTable.int (nameof d.MaxEpisodeSteps) Guard.positive (fun c -> c.MaxEpisodeSteps) (fun v c ->
                { c with MaxEpisodeSteps = v })
            OptionTable.float (nameof d.LearningRate) Guard.positiveNumber (fun c -> c.LearningRate) (fun v c ->
                { c with LearningRate = v })
            OptionTable.float (nameof d.Deviation) Guard.positiveNumber (fun c -> c.Deviation) (fun v c ->
                { c with Deviation = v })
            OptionTable.float (nameof d.AliveBonus) Guard.finite (fun c -> c.AliveBonus) (fun v c ->
                { c with AliveBonus = v })
            OptionTable.bool (nameof d.NormaliseObservations) (fun c -> c.NormaliseObservations) (fun v c ->
                { c with NormaliseObservations = v })
            OptionTable.hidden (nameof d.Hidden) (fun c -> c.Hidden) (fun v c -> { c with Hidden = v })
            OptionTable.activation (nameof d.Activation) (fun c -> c.Activation) (fun v c -> { c with Activation = v })
            OptionTable.actionScaling (nameof d.ActionScaling) (fun c -> c.ActionScaling) (fun v c ->
                { c with ActionScaling = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: ArsConfiguration) =
        OptionTable.validate table c

        if c.TopDirections > c.Directions then
            Guard.fail
                (nameof c.TopDirections)
                $"TopDirections is {c.TopDirections}; it must not exceed Directions, {c.Directions}."

    /// The options as named texts.
    let toPairs (configuration: ArsConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ArsConfiguration = OptionTable.ofPairs table pairs defaults
