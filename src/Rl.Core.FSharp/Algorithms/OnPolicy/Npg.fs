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

    let private bind (c: NpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Network c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let columns = source.Columns

        let geometry =
            NaturalGradient("npg", network, columns, source.Samples, c.Solver.CgSteps, c.Solver.CgDamping, workers)

        let values = ValueFit(network, columns, source.Samples, c.ValueFit, workers)

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            let theta = draft.Theta
            let samples = OnPolicy.samples columns c.Rollout.NormaliseAdvantages rollout
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
                Network = network.Actor
                Options = NpgOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = values.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: NpgOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        NpgOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "npg"
                Name = "Natural policy gradient"
                Summary = "Steps along F⁻¹∇J, the steepest direction per unit of divergence (Kakade 2001)."
                Source = "Kakade, \"A natural policy gradient\" (2001)"
                Family = AlgorithmFamily.OnPolicy
            }
            NpgOptions.defaults
            NpgOptions.rows
            [ "RolloutSteps", "32"; "CgSteps", "5"; "ValueEpochs", "2"; "ValueMinibatchSize", "48" ]
            NpgOptions.validate
            create
