/// The options of evolution strategies: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of OpenAI's evolution strategies (Salimans et al. 2017).
type EsOptions =
    {
        Plan: PlanOptions
        Network: NetworkOptions
        Candidates: CandidateOptions
        /// n: random directions of an update; two policies each.
        Directions: int
        /// Adam's step size.
        LearningRate: float
        /// σ: the standard deviation of the perturbations.
        Deviation: float
        /// The weight of the L2 penalty.
        WeightDecay: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module EsOptions =

    /// The paper's ingredients (mirrored sampling, ranks, Adam with an L2 penalty of 0.005) with a population, noise
    /// and step size for small tasks.
    let defaults =
        {
            Plan = { TotalSteps = 500_000L }
            Network = NetworkOptions.defaults [ 32; 32 ]
            Candidates = { EpisodesPerCandidate = 1; MaxEpisodeSteps = 10_000 }
            Directions = 16
            LearningRate = 0.05
            Deviation = 0.1
            WeightDecay = 0.005
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<EsOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: EsOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let network rows = Options.group (fun (c: EsOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let candidates rows =
            Options.group (fun (c: EsOptions) -> c.Candidates) (fun v c -> { c with Candidates = v }) rows

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.Directions) (Range.atLeast 1.0) _.Directions (fun v c -> { c with Directions = v })
            yield! candidates CandidateOptions.rows
            Options.number (nameof d.LearningRate) Range.positive _.LearningRate (fun v c ->
                { c with LearningRate = v })
            Options.number (nameof d.Deviation) Range.positive _.Deviation (fun v c -> { c with Deviation = v })
            Options.number (nameof d.WeightDecay) Range.notNegative _.WeightDecay (fun v c ->
                { c with WeightDecay = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network NetworkOptions.policyLayers
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: EsOptions) = Options.validate rows options

    /// The options as named texts.
    let toPairs (options: EsOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : EsOptions = Options.ofPairs rows pairs defaults
