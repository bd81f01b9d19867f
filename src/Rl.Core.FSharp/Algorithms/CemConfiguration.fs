/// The options of the cross-entropy method, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of the cross-entropy method over a policy's parameters (Rubinstein 1999; Szita and Lőrincz 2006).
type CemConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// Policies drawn for each update. ≥ 2.
        Population: int
        /// The share of them that the distribution is fitted to, in (0, 1]; at least two policies.
        EliteFraction: float
        /// Episodes that a policy is judged by. ≥ 1.
        EpisodesPerCandidate: int
        /// An episode counts for no more than this many steps. ≥ 1.
        MaxEpisodeSteps: int
        /// The start of the distribution's standard deviations. > 0.
        InitialDeviation: float
        /// Standard deviation of noise added to the fit, √Z of Szita and Lőrincz. ≥ 0.
        ExtraDeviation: float
        /// Its variance falls to 0 in a straight line over this many updates. ≥ 1.
        ExtraDeviationUpdates: int
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
module CemConfiguration =

    /// A linear policy and an elite of a fifth; Szita and Lőrincz's extra noise is off.
    let defaults =
        {
            TotalSteps = 200_000L
            Population = 40
            EliteFraction = 0.2
            EpisodesPerCandidate = 1
            MaxEpisodeSteps = 10_000
            InitialDeviation = 1.0
            ExtraDeviation = 0.0
            ExtraDeviationUpdates = 50
            NormaliseObservations = false
            Hidden = []
            Activation = Activation.Tanh
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<CemConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.Population) OptionTable.atLeastTwo (fun c -> c.Population) (fun v c ->
                { c with Population = v })
            OptionTable.float
                (nameof d.EliteFraction)
                OptionTable.positiveFraction
                (fun c -> c.EliteFraction)
                (fun v c -> { c with EliteFraction = v })
            OptionTable.int (nameof d.EpisodesPerCandidate) Guard.positive (fun c -> c.EpisodesPerCandidate) (fun v c ->
                { c with EpisodesPerCandidate = v })
            OptionTable.int (nameof d.MaxEpisodeSteps) Guard.positive (fun c -> c.MaxEpisodeSteps) (fun v c ->
                { c with MaxEpisodeSteps = v })
            OptionTable.float (nameof d.InitialDeviation) Guard.positiveNumber (fun c -> c.InitialDeviation) (fun v c ->
                { c with InitialDeviation = v })
            OptionTable.float (nameof d.ExtraDeviation) Guard.notNegativeNumber (fun c -> c.ExtraDeviation) (fun v c ->
                { c with ExtraDeviation = v })
            OptionTable.int
                (nameof d.ExtraDeviationUpdates)
                Guard.positive
                (fun c -> c.ExtraDeviationUpdates)
                (fun v c -> { c with ExtraDeviationUpdates = v })
            OptionTable.bool (nameof d.NormaliseObservations) (fun c -> c.NormaliseObservations) (fun v c ->
                { c with NormaliseObservations = v })
            OptionTable.hidden (nameof d.Hidden) (fun c -> c.Hidden) (fun v c -> { c with Hidden = v })
            OptionTable.activation (nameof d.Activation) (fun c -> c.Activation) (fun v c -> { c with Activation = v })
            OptionTable.actionScaling (nameof d.ActionScaling) (fun c -> c.ActionScaling) (fun v c ->
                { c with ActionScaling = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (configuration: CemConfiguration) = OptionTable.validate table configuration

    /// The options as named texts.
    let toPairs (configuration: CemConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : CemConfiguration = OptionTable.ofPairs table pairs defaults
