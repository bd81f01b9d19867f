/// Trust-region policy optimisation: the natural direction, as far as a bounded divergence and a better surrogate
/// allow.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// TRPO: maximise mean(π/π_old · A) subject to mean KL(π_old ‖ π) ≤ δ (Schulman, Levine, Moritz, Jordan, Abbeel,
/// "Trust region policy optimization", 2015; slide 18).
[<RequireQualifiedAccess>]
module Trpo =

    let private bind (c: TrpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Network c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let columns = source.Columns

        let geometry =
            NaturalGradient("trpo", network, columns, source.Samples, c.Solver.CgSteps, c.Solver.CgDamping, workers)

        let values = ValueFit(network, columns, source.Samples, c.ValueFit, workers)

        /// The longest step along the natural direction that the quadratic model allows, shortened until it keeps its
        /// promises.
        let search (natural: NaturalStep) (policy: float[]) : LineSearchResult =
            if natural.Curvature = 0.0 then
                { Fraction = 0.0; Parameters = policy; Tried = [||] }
            else
                let length = TrustRegion.stepScale c.TargetKl natural.Curvature
                let step = natural.Direction |> Array.map (fun x -> length * x)
                let struct (start, _) = geometry.Evaluate policy

                TrustRegion.lineSearch
                    c.LineSearchShrink
                    c.LineSearchTries
                    c.TargetKl
                    start
                    geometry.Evaluate
                    policy
                    step

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            let theta = draft.Theta
            let samples = OnPolicy.samples columns c.Rollout.NormaliseAdvantages rollout
            let natural = geometry.Solve(rollout.State.Updates, samples, theta)

            let found = search natural (geometry.Policy theta)
            geometry.Write(found.Parameters, theta)
            let struct (surrogate, divergence) = geometry.Evaluate found.Parameters
            let struct (valueLoss, key) = values.Run(rollout, draft, state.Key)
            let next = { draft.Onto rollout.State with Key = key }

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            struct ("surrogate", surrogate)
                            struct ("valueLoss", valueLoss)
                            struct ("entropy", natural.Entropy)
                            struct ("kl", divergence)
                            struct ("stepFraction", found.Fraction)
                            struct ("residual", natural.Residual)
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "trpo"
                Environment = environment
                Network = network.Actor
                Options = TrpoOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = values.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: TrpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        TrpoOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "trpo"
                Name = "Trust-region policy optimisation"
                Summary =
                    "Natural-gradient steps with a line search that keeps the mean KL divergence below δ (Schulman et al. 2015)."
                Source = "Schulman, Levine, Moritz, Jordan, Abbeel, \"Trust region policy optimization\" (2015)"
                Family = AlgorithmFamily.OnPolicy
            }
            TrpoOptions.defaults
            TrpoOptions.rows
            [ "RolloutSteps", "32"; "CgSteps", "5"; "ValueEpochs", "2"; "ValueMinibatchSize", "48" ]
            TrpoOptions.validate
            create
