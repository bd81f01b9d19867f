/// The options of augmented random search: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of augmented random search (Mania, Guy and Recht 2018).
type ArsOptions =
    {
        Plan: PlanOptions
        Network: NetworkOptions
        Candidates: CandidateOptions
        /// N: random directions of an update; two policies each.
        Directions: int
        /// b: directions that are used, those with the best of their two returns, no more than N; 0 for all (V1 and V2
        /// instead of V1-t and V2-t).
        TopDirections: int
        /// α: the step size.
        LearningRate: float
        /// ν: the standard deviation of the directions.
        Deviation: float
        /// Subtracted from each reward, for environments that pay for staying alive.
        AliveBonus: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module ArsOptions =

    /// Stable Baselines3's contributions: a linear policy starting at 0, 8 directions, α = 0.02, ν = 0.05; observations
    /// are normalised (the paper's V2; V1 without).
    let defaults =
        {
            Plan = { TotalSteps = 500_000L }
            Network = { NetworkOptions.defaults [] with NormaliseObservations = true }
            Candidates = { EpisodesPerCandidate = 1; MaxEpisodeSteps = 10_000 }
            Directions = 8
            TopDirections = 0
            LearningRate = 0.02
            Deviation = 0.05
            AliveBonus = 0.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<ArsOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: ArsOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let network rows = Options.group (fun (c: ArsOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let candidates rows =
            Options.group (fun (c: ArsOptions) -> c.Candidates) (fun v c -> { c with Candidates = v }) rows

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.Directions) (Range.atLeast 1.0) _.Directions (fun v c -> { c with Directions = v })
            Options.whole (nameof d.TopDirections) (Range.atLeast 0.0) _.TopDirections (fun v c ->
                { c with TopDirections = v })
            yield! candidates CandidateOptions.rows
            Options.number (nameof d.LearningRate) Range.positive _.LearningRate (fun v c ->
                { c with LearningRate = v })
            Options.number (nameof d.Deviation) Range.positive _.Deviation (fun v c -> { c with Deviation = v })
            Options.number (nameof d.AliveBonus) Range.finite _.AliveBonus (fun v c -> { c with AliveBonus = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network NetworkOptions.policyLayers
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: ArsOptions) =
        Options.validate rows c

        if c.TopDirections > c.Directions then
            Guard.fail
                (nameof c.TopDirections)
                $"TopDirections is {c.TopDirections}; it must not exceed Directions, {c.Directions}."

    /// The options as named texts.
    let toPairs (options: ArsOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ArsOptions = Options.ofPairs rows pairs defaults
