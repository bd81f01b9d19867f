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

    let private bind (c: TrpoConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Activation c.Hidden c.InitialLogStandardDeviation c.ActionScaling environment

        // What it collects.
        let source =
            RolloutSource(
                network,
                environment,
                {
                    Steps = c.RolloutSteps
                    Discount = c.Discount
                    GaeLambda = c.GaeLambda
                    NormaliseObservations = c.NormaliseObservations
                    NormaliseRewards = c.NormaliseRewards
                },
                workers
            )

        let geometry = NaturalGradient("trpo", network, environment, source.Samples, c.CgSteps, c.CgDamping, workers)

        let values =
            let transform = Optimiser.adam (Schedule.constant c.ValueLearningRate) 1e-8
            ValueFit(network, environment, transform, source.Samples, c.ValueMinibatchSize, c.ValueEpochs, workers)

        // What it remembers: θ, and the moments of the value function's optimiser.
        let initialise =
            Learners.initialise
                (ActorCritic.layout network)
                values.Variables
                environment
                c.NormaliseObservations
                c.NormaliseRewards

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
                geometry.Solve(acted.Updates, rollout, OnPolicy.advantages c.NormaliseAdvantages rollout, theta)

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
            network.Actor,
            TrpoConfiguration.toPairs c,
            c.TotalSteps,
            initialise,
            transition
        )

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: TrpoConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        TrpoConfiguration.validate configuration
        bind configuration environment workers
