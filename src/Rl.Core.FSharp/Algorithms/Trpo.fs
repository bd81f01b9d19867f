/// Trust-region policy optimisation: the natural direction, as far as a bounded divergence and a better surrogate allow.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// TRPO: maximise mean(π/π_old · A) subject to mean KL(π_old ‖ π) ≤ δ (Schulman, Levine, Moritz, Jordan, Abbeel, "Trust region policy
/// optimization", 2015; slide 18).
[<RequireQualifiedAccess>]
module Trpo =

    let private bind (c: TrpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network =
            OnPolicy.network c.Network.Activation c.Network.Hidden c.Exploration.InitialLogStandardDeviation environment

        // What it collects.
        let source =
            RolloutSource(
                network,
                environment,
                {
                    Steps = c.Rollout.RolloutSteps
                    Discount = c.Rollout.Discount
                    GaeLambda = c.Rollout.GaeLambda
                    NormaliseObservations = c.Network.NormaliseObservations
                    NormaliseRewards = c.Rollout.NormaliseRewards
                },
                workers
            )

        let geometry =
            NaturalGradient("trpo", network, environment, source.Samples, c.Solver.CgSteps, c.Solver.CgDamping, workers)

        let values =
            let transform = Optimiser.adam (Schedule.constant c.ValueFit.ValueLearningRate) 1e-8

            ValueFit(
                network,
                environment,
                transform,
                source.Samples,
                c.ValueFit.ValueMinibatchSize,
                c.ValueFit.ValueEpochs,
                workers
            )

        // What it remembers: θ, and the moments of the value function's optimiser.
        let initialise =
            Learners.initialise
                (ActorCritic.layout network)
                values.Variables
                environment
                c.Network.NormaliseObservations
                c.Rollout.NormaliseRewards

        /// The longest step along the natural direction that the quadratic model allows, shortened until it keeps its promises.
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

        // One transition.
        let transition (state: TrainingState) =
            let struct (rollout, acted) = source.Collect state
            let theta, optimiser = Array.copy state.Parameters, Array.copy state.Optimiser

            let natural =
                geometry.Solve(acted.Updates, rollout, OnPolicy.advantages c.Rollout.NormaliseAdvantages rollout, theta)

            let found = search natural (geometry.Policy theta)
            geometry.Write(found.Parameters, theta)
            let struct (surrogate, divergence) = geometry.Evaluate found.Parameters
            let struct (valueLoss, key) = values.Run(rollout, theta, optimiser, state.Key)
            let next = { acted with Parameters = theta; Optimiser = optimiser; Key = key }

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
                        |])

        new FunctionLearner(
            "trpo",
            environment,
            network,
            TrpoOptions.toPairs c,
            c.Plan.TotalSteps,
            initialise,
            transition
        )

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
