/// The cross-entropy method: draw policies, keep the best, fit the distribution to them.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Optimisers

/// The cross-entropy method over policies (Rubinstein, "The cross-entropy method for combinatorial and continuous optimization", 1999; Szita
/// and Lőrincz, "Learning Tetris using the noisy cross-entropy method", 2006).
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
        let network = Search.network c.Network.Activation c.Network.Hidden environment
        let part = Part.mode network
        let n = part.Layout.Count
        let elite = Math.Max(2, int (Math.Round(c.EliteFraction * float c.Population)))

        // What it collects: the returns of a population.
        let population =
            Population(
                network,
                environment,
                c.Candidates.EpisodesPerCandidate,
                c.Candidates.MaxEpisodeSteps,
                0.0,
                workers
            )

        // What it remembers: the distribution's mean, which is θ, starting at 0, and its standard deviations.
        let variables = [ { Name = "deviation"; Shape = [| n |]; Initial = c.InitialDeviation } ]

        let initialise = Search.initialise network variables environment c.Network.NormaliseObservations true

        // One transition.
        let transition (state: TrainingState) =
            let policy = (Part.elements part state.Parameters).ToArray()
            let struct (noise, key) = Search.directions workers c.Population n state.Key

            let candidates =
                noise |> Array.map (fun noise -> Search.moved policy 1.0f (Array.map2 (*) noise state.Optimiser))

            let result = population.Evaluate(state, candidates)

            // The sort is stable: of equal returns the earlier candidates are kept.
            let best =
                result.Fitness
                |> Array.mapi (fun index fitness -> struct (-fitness, index))
                |> Array.sort
                |> Array.map (fun struct (_, index) -> candidates[index])
                |> Array.take elite

            let struct (mean, variance) = fit best n
            let remaining = Math.Max(0.0, 1.0 - float state.Updates / float c.ExtraDeviationUpdates)
            let extra = c.ExtraDeviation * c.ExtraDeviation * remaining
            let deviation = variance |> Array.map (fun variance -> float32 (sqrt (variance + extra)))
            let theta = Array.copy state.Parameters
            mean.CopyTo(Part.elements part theta)
            let next = { result.State with Parameters = theta; Optimiser = deviation; Key = key }

            struct (next, Search.report result [| struct ("deviation", float (Array.average deviation)) |])

        new FunctionLearner(
            "cem",
            environment,
            network,
            CemOptions.toPairs c,
            c.Plan.TotalSteps,
            initialise,
            transition
        )

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
                    "Draws policies from a normal distribution and fits it to the best of them (Rubinstein 1999; Szita and Lőrincz 2006)."
                Source =
                    "Rubinstein, \"The cross-entropy method for combinatorial and continuous optimization\" (1999); Szita and Lőrincz, \"Learning Tetris using the noisy cross-entropy method\" (2006)"
                Family = AlgorithmFamily.Search
            }
            CemOptions.defaults
            CemOptions.rows
            [ "Population", "13" ]
            CemOptions.validate
            create
