/// Augmented random search: try random directions both ways, go along the best by the difference of their returns.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// Augmented random search (Mania, Guy, Recht, "Simple random search of static linear policies is competitive for
/// reinforcement learning", 2018, algorithm 2): V1 and V2 without and with normalised observations, V1-t and V2-t with
/// `TopDirections`.
[<RequireQualifiedAccess>]
module Ars =

    let private bind (c: ArsOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = Search.network c.Network.Activation c.Network.Hidden c.Network.ActionScaling environment
        let part = Part.mode network
        let n = part.Layout.Count
        let top = if c.TopDirections = 0 then c.Directions else c.TopDirections

        // What it collects: the returns of θ ± ν δ.
        let population =
            Population(
                network,
                environment,
                c.Candidates.EpisodesPerCandidate,
                c.Candidates.MaxEpisodeSteps,
                c.AliveBonus,
                workers
            )

        let collect (state: TrainingState) =
            let struct (directions, key) = Search.directions workers c.Directions n state.Key
            let policy = (Part.elements part state.Parameters).ToArray()
            struct (directions, population.Evaluate(state, Search.mirrored policy c.Deviation directions), key)

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
            let scale = c.LearningRate / (float top * (deviation + 1e-8))

            for i in 0 .. n - 1 do
                policy[i] <- policy[i] + float32 (scale * sum[i])

            let next = { result.State with Parameters = theta; Key = key }
            struct (next, Search.report result [| struct ("returnDeviation", deviation) |])

        Learner.ofFunctions
            {
                Algorithm = "ars"
                Environment = environment
                Network = network
                Options = ArsOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = []
                // A linear policy starts at 0; layers of a network would then have no slope.
                Start = Search.start network environment c.Network.NormaliseObservations c.Network.Hidden.IsEmpty
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
                    "Mania, Guy, Recht, \"Simple random search of static linear policies is competitive for reinforcement learning\" (2018)"
                Family = AlgorithmFamily.Search
            }
            ArsOptions.defaults
            ArsOptions.rows
            [ "Directions", "3" ]
            ArsOptions.validate
            create
