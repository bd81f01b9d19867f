/// The options of the cross-entropy method: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of the cross-entropy method over a policy's parameters (Rubinstein 1999; Szita and Lőrincz 2006).
type CemOptions =
    {
        Plan: PlanOptions
        Network: NetworkOptions
        Candidates: CandidateOptions
        /// Policies drawn for each update.
        Population: int
        /// The share of them that the distribution is fitted to; at least two policies.
        EliteFraction: float
        /// The start of the distribution's standard deviations.
        InitialDeviation: float
        /// Standard deviation of noise added to the fit, √Z of Szita and Lőrincz.
        ExtraDeviation: float
        /// Its variance falls to 0 in a straight line over this many updates.
        ExtraDeviationUpdates: int
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module CemOptions =

    /// A linear policy and an elite of a fifth; Szita and Lőrincz's extra noise is off.
    let defaults =
        {
            Plan = { TotalSteps = 200_000L }
            Network = NetworkOptions.defaults []
            Candidates = { EpisodesPerCandidate = 1; MaxEpisodeSteps = 10_000 }
            Population = 40
            EliteFraction = 0.2
            InitialDeviation = 1.0
            ExtraDeviation = 0.0
            ExtraDeviationUpdates = 50
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<CemOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: CemOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let network rows = Options.group (fun (c: CemOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let candidates rows =
            Options.group (fun (c: CemOptions) -> c.Candidates) (fun v c -> { c with Candidates = v }) rows

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.Population) (Range.atLeast 2.0) _.Population (fun v c -> { c with Population = v })
            Options.number (nameof d.EliteFraction) Range.positiveFraction _.EliteFraction (fun v c ->
                { c with EliteFraction = v })
            yield! candidates CandidateOptions.rows
            Options.number (nameof d.InitialDeviation) Range.positive _.InitialDeviation (fun v c ->
                { c with InitialDeviation = v })
            Options.number (nameof d.ExtraDeviation) Range.notNegative _.ExtraDeviation (fun v c ->
                { c with ExtraDeviation = v })
            Options.whole (nameof d.ExtraDeviationUpdates) (Range.atLeast 1.0) _.ExtraDeviationUpdates (fun v c ->
                { c with ExtraDeviationUpdates = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network NetworkOptions.policyLayers
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: CemOptions) = Options.validate rows options

    /// The options as named texts.
    let toPairs (options: CemOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : CemOptions = Options.ofPairs rows pairs defaults
