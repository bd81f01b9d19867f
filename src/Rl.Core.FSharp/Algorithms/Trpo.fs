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

    /// What it collects.
    let private rollouts (c: TrpoConfiguration) =
        RolloutOptions.Plain(c.RolloutSteps, c.Discount, c.GaeLambda, c.NormaliseObservations, c.NormaliseRewards)

    let private bind (c: TrpoConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Activation c.Hidden c.InitialLogStandardDeviation environment
        let source = RolloutSource(network, environment, rollouts c, workers)
        let columns = source.Columns
        let geometry = NaturalGradient("trpo", network, columns, source.Samples, c.CgSteps, c.CgDamping, workers)

        let values =
            let transform = Optimiser.adam (Schedule.constant c.ValueLearningRate) 1e-8
            ValueFit(network, columns, transform, source.Samples, c.ValueMinibatchSize, c.ValueEpochs, workers)

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
            let samples = OnPolicy.samples columns c.NormaliseAdvantages rollout
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
                Network = network
                Configuration = TrpoConfiguration.toPairs c
                TotalSteps = c.TotalSteps
                Arrays = values.Arrays
                Initialise = source.Initialise
                Collect = source.Collect
                Learn = learn
            }

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: TrpoConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        TrpoConfiguration.validate configuration
        bind configuration environment workers
