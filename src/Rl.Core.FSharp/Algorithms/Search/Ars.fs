/// Augmented random search: try random directions both ways, go along the best by the difference of their returns.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
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
        LearningRate: RateSchedule
        /// ν: the standard deviation of the directions.
        Deviation: RateSchedule
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
            LearningRate = RateSchedule.Constant 0.02
            Deviation = RateSchedule.Constant 0.05
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
            Options.rate (nameof d.LearningRate) _.LearningRate (fun v c -> { c with LearningRate = v })
            Options.schedule (nameof d.Deviation) Range.positive _.Deviation (fun v c -> { c with Deviation = v })
            Options.number (nameof d.AliveBonus) Range.finite _.AliveBonus (fun v c -> { c with AliveBonus = v })
            yield! network NetworkOptions.normaliseObservations
            yield! network NetworkOptions.policyLayers
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: ArsOptions) =
        NetworkOptions.validate rows defaults c

        if c.TopDirections > c.Directions then
            Guard.fail
                (nameof c.TopDirections)
                $"TopDirections is {c.TopDirections}; it must not exceed Directions, {c.Directions}."

    /// The options as named texts.
    let toPairs (options: ArsOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : ArsOptions = Options.ofPairs rows pairs defaults

/// Augmented random search (Mania, Guy, Recht, "Simple random search of static linear policies is competitive for
/// reinforcement learning", 2018, algorithm 2): V1 and V2 without and with normalised observations, V1-t and V2-t with
/// `TopDirections`.
[<RequireQualifiedAccess>]
module Ars =

    let private bind (c: ArsOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = Search.network c.Network environment
        let part = Part.mode network
        let n = part.Layout.Count
        let top = if c.TopDirections = 0 then c.Directions else c.TopDirections

        // What it collects: the returns of θ ± ν δ.
        let population = Population(network, environment, Search.trial c.Candidates c.AliveBonus, workers)

        let collect (state: TrainingState) =
            let deviation = PlanOptions.after c.Plan state.Steps c.Deviation
            let seeds = Candidates.seeds part state c.Directions (CandidateSpread.Mirrored deviation)
            let struct (directions, key) = Candidates.directions workers part seeds
            struct (directions, population.Evaluate(state, seeds, directions), key)

        let learn (state: TrainingState) (struct (directions: float32[][], result: PopulationResult, key)) =
            let theta = Array.copy state.Parameters
            let policy = Part.elements part theta
            let plus, minus = (fun i -> result.Fitness[2 * i]), (fun i -> result.Fitness[2 * i + 1])

            // The directions with the best of their two returns; of equals the earlier.
            let best =
                Array.init c.Directions (fun i -> struct (-(Math.Max(plus i, minus i)), i))
                |> Array.sort
                |> Array.map (fun struct (_, i) -> i)
                |> Array.take top

            let deviation = Search.deviation (best |> Array.collect (fun i -> [| plus i; minus i |]))

            // θ ← θ + α / (b σ_R) Σ (r⁺ − r⁻) δ
            let weights = best |> Array.map (fun i -> plus i - minus i)
            let sum = Search.combine weights (best |> Array.map (fun i -> directions[i]))
            let rate = PlanOptions.after c.Plan state.Steps c.LearningRate
            let scale = rate / (float top * (deviation + 1e-8))

            for i in 0 .. n - 1 do
                policy[i] <- policy[i] + float32 (scale * sum[i])

            FrozenBlocks.keep
                state.Frozen
                part.First
                part.Layout
                (Span.op_Implicit (Part.elements part state.Parameters))
                policy

            let next = { result.State with Parameters = theta; Key = key }

            struct (next,
                    Search.report
                        result
                        [|
                            struct ("returnDeviation", deviation)

                            yield!
                                [
                                    Rate.create (nameof c.LearningRate) c.LearningRate
                                    Rate.create (nameof c.Deviation) c.Deviation
                                ]
                                |> Rate.metrics c.Plan state.Steps
                        |])

        Learner.ofFunctions
            {
                Algorithm = "ars"
                Environment = environment
                Network = network
                Options = ArsOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = []
                // A linear policy starts at 0; layers of a network would then have no slope.
                Start =
                    (Mlp.widths network.Layers).IsEmpty
                    |> Search.start network environment c.Network.NormaliseObservations
                Collect = collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: ArsOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        ArsOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "ars"
                Name = "Augmented random search"
                Summary = "Finite differences of returns along the best of random directions (Mania et al. 2018)."
                Source =
                    ("Mania, Guy, Recht, \"Simple random search of static linear policies is competitive for "
                     + "reinforcement learning\" (2018)")
                Family = AlgorithmFamily.Search
            }
            ArsOptions.defaults
            ArsOptions.rows
            [ "Directions", "3" ]
            ArsOptions.validate
            create
        |> AlgorithmEntry.withParameters ArsOptions.ofPairs (fun c -> Search.parameters c.Network)
