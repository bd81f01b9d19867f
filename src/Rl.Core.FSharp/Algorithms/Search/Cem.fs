/// The cross-entropy method: draw policies, keep the best, fit the distribution to them.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
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
    let validate (options: CemOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: CemOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : CemOptions = Options.ofPairs rows pairs defaults

/// The cross-entropy method over policies (Rubinstein, "The cross-entropy method for combinatorial and continuous
/// optimization", 1999; Szita and Lőrincz, "Learning Tetris using the noisy cross-entropy method", 2006).
[<RequireQualifiedAccess>]
module Cem =

    /// Mean and variance of the elite in each coordinate.
    let private fit (elite: float32[][]) n : struct (float32[] * float[]) =
        let size = float elite.Length
        let mean = Array.init n (fun i -> (elite |> Array.sumBy (fun candidate -> float candidate[i])) / size)

        let variance =
            Array.init n (fun i ->
                (elite |> Array.sumBy (fun candidate -> (float candidate[i] - mean[i]) ** 2.0)) / size)

        struct (Array.map float32 mean, variance)

    let private bind (c: CemOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = Search.network c.Network environment
        let part = Part.mode network
        let n = part.Layout.Count
        let elite = Math.Max(2, int (Math.Round(c.EliteFraction * float c.Population)))

        // What it collects: the returns of a population.
        let population = Population(network, environment, Search.trial c.Candidates 0.0, workers)

        // The policies drawn around the mean, which is θ, with what they returned.
        let collect (state: TrainingState) =
            let spread = CandidateSpread.Around(state.Array "deviation")
            let seeds = Candidates.seeds part state c.Population spread
            let struct (directions, key) = Candidates.directions workers part seeds
            struct (Candidates.along seeds directions, population.Evaluate(state, seeds, directions), key)

        // The distribution of the best.
        let learn (state: TrainingState) (struct (candidates: ICandidates, result: PopulationResult, key)) =
            // The sort is stable: of equal returns the earlier candidates are kept.
            let best =
                result.Fitness
                |> Array.mapi (fun index fitness -> struct (-fitness, index))
                |> Array.sort
                |> Array.take elite
                |> Array.map (fun struct (_, index) -> Candidates.vector candidates n index)

            let struct (mean, variance) = fit best n
            let remaining = Math.Max(0.0, 1.0 - float state.Updates / float c.ExtraDeviationUpdates)
            let extra = c.ExtraDeviation * c.ExtraDeviation * remaining
            let deviation = variance |> Array.map (fun variance -> float32 (sqrt (variance + extra)))
            let theta = Array.copy state.Parameters
            let before: ReadOnlySpan<float32> = Span.op_Implicit (Part.elements part state.Parameters)
            FrozenBlocks.keep state.Frozen part.First part.Layout before (Span mean)

            FrozenBlocks.keep
                state.Frozen
                part.First
                part.Layout
                (ReadOnlySpan(state.Array "deviation"))
                (Span deviation)

            mean.CopyTo(Part.elements part theta)
            let arrays = NamedArrays.replace "deviation" deviation result.State.Arrays
            let next = { result.State with Parameters = theta; Arrays = arrays; Key = key }

            struct (next, Search.report result [| struct ("deviation", float (Array.average deviation)) |])

        Learner.ofFunctions
            {
                Algorithm = "cem"
                Environment = environment
                Network = network
                Options = CemOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = [ "deviation", Array.create n (float32 c.InitialDeviation) ]
                Start = Search.start network environment c.Network.NormaliseObservations true
                Collect = collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: CemOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        CemOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "cem"
                Name = "Cross-entropy method"
                Summary =
                    ("Draws policies from a normal distribution and fits it to the best of them (Rubinstein 1999; "
                     + "Szita and Lőrincz 2006).")
                Source =
                    ("Rubinstein, \"The cross-entropy method for combinatorial and continuous optimization\" "
                     + "(1999); Szita and Lőrincz, \"Learning Tetris using the noisy cross-entropy method\" (2006)")
                Family = AlgorithmFamily.Search
            }
            CemOptions.defaults
            CemOptions.rows
            [ "Population", "13" ]
            CemOptions.validate
            create
        |> AlgorithmEntry.withParameters CemOptions.ofPairs (fun c -> Search.parameters c.Network)
