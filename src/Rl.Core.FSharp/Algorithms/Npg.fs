/// The natural policy gradient: the steepest direction as divergence measures it, whatever the parametrisation.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// The natural policy gradient θ ← θ + α F⁻¹∇J (Kakade, "A natural policy gradient", 2001; with the length √(2δ /
/// gᵀF⁻¹g) as in Rajeswaran et al. 2017; slide 18).
[<RequireQualifiedAccess>]
module Npg =

    /// What it collects.
    let private rollouts (c: NpgConfiguration) =
        RolloutOptions.Plain(c.RolloutSteps, c.Discount, c.GaeLambda, c.NormaliseObservations, c.NormaliseRewards)

    let private bind (c: NpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Activation c.Hidden c.InitialLogStandardDeviation environment
        let source = RolloutSource(network, environment, rollouts c, workers)
        let columns = source.Columns
        let geometry = NaturalGradient("npg", network, columns, source.Samples, c.CgSteps, c.CgDamping, workers)

        let values =
            let transform = Optimiser.adam (Schedule.constant c.ValueLearningRate) 1e-8
            ValueFit(network, columns, transform, source.Samples, c.ValueMinibatchSize, c.ValueEpochs, workers)

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            let theta = draft.Theta
            let samples = OnPolicy.samples columns c.NormaliseAdvantages rollout
            let natural = geometry.Solve(rollout.State.Updates, samples, theta)

            let length =
                if c.LearningRate > 0.0 || natural.Curvature = 0.0 then
                    c.LearningRate
                else
                    TrustRegion.stepScale c.TargetKl natural.Curvature

            let policy = Array.map2 (fun t x -> t + length * x) (geometry.Policy theta) natural.Direction
            geometry.Write(policy, theta)
            let struct (surrogate, divergence) = geometry.Evaluate policy
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
                            struct ("stepLength", length)
                            struct ("residual", natural.Residual)
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "npg"
                Environment = environment
                Network = network
                Configuration = NpgConfiguration.toPairs c
                TotalSteps = c.TotalSteps
                Arrays = values.Arrays
                Initialise = source.Initialise
                Collect = source.Collect
                Learn = learn
            }

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: NpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        NpgConfiguration.validate configuration
        bind configuration environment workers
