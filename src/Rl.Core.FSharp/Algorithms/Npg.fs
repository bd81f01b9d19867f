/// The natural policy gradient: the steepest direction as divergence measures it, whatever the parametrisation.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// The natural policy gradient θ ← θ + α F⁻¹∇J (Kakade, "A natural policy gradient", 2001; with the length √(2δ / gᵀF⁻¹g) as in Rajeswaran
/// et al. 2017; slide 18).
[<RequireQualifiedAccess>]
module Npg =

    let private bind (c: NpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
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

        let geometry = NaturalGradient("npg", network, environment, source.Samples, c.CgSteps, c.CgDamping, workers)

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

        // One transition.
        let transition (state: TrainingState) =
            let struct (rollout, acted) = source.Collect state
            let theta, optimiser = Array.copy state.Parameters, Array.copy state.Optimiser

            let natural =
                geometry.Solve(acted.Updates, rollout, OnPolicy.advantages c.NormaliseAdvantages rollout, theta)

            let length =
                if c.LearningRate > 0.0 || natural.Curvature = 0.0 then
                    c.LearningRate
                else
                    TrustRegion.stepScale c.TargetKl natural.Curvature

            let policy = Array.map2 (fun t x -> t + length * x) (geometry.Policy theta) natural.Direction
            geometry.Write(policy, theta)
            let struct (surrogate, divergence) = geometry.Evaluate policy
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
                            struct ("stepLength", length)
                            struct ("residual", natural.Residual)
                        |])

        new FunctionLearner(
            "npg",
            environment,
            network.Actor,
            NpgConfiguration.toPairs c,
            c.TotalSteps,
            initialise,
            transition
        )

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: NpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        NpgConfiguration.validate configuration
        bind configuration environment workers
