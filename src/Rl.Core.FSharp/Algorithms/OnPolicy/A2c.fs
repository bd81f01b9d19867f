/// Advantage actor-critic: a few steps in several copies, then one joint step of actor and critic.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Synchronous advantage actor-critic (Mnih et al., "Asynchronous methods for deep reinforcement learning", 2016: the
/// copies are stepped together instead of each on its own; slides 15 and 18).
[<RequireQualifiedAccess>]
module A2c =

    let private learningRate = Column.scalar "learningRate"

    let private optimiser (c: A2cOptions) =
        let rate = Schedule.input learningRate.Name

        if c.EpsilonInsideRoot then
            Optimiser.rmsPropInsideRoot rate c.RmsDecay c.RmsEpsilon
        else
            Optimiser.rmsProp rate c.RmsDecay c.RmsEpsilon 0.0 0.0 false

    /// What it minimises: mean(−log π(a|s) · A + v · ½ (V(s) − R)² − c · entropy).
    let private loss (c: A2cOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let output = Forward.output network columns batch
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]

        [
            Term.mean "policyLoss" 1.0 (PolicyGradients.score logProbability batch[columns.Advantages])
            Term.mean "valueLoss" c.ValueCoefficient (PolicyGradients.valueLoss output.Value batch[columns.Returns])
            Term.mean "entropy" -c.EntropyCoefficient entropy
        ]

    let private bind (c: A2cOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Network c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let motion = GroupMotion.Learns("optimiser", optimiser c)

        let update =
            Update.create
                {
                    Name = "policy and value step"
                    Groups = [ ParameterGroup.ofPart "network" (Part.whole network) motion ]
                    Shape = SampleShape.steps source.Samples
                    MaxGradientNorm = c.MaxGradientNorm
                    Loss = loss c network source.Columns
                }

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let remaining = Math.Max(0.0, 1.0 - float state.Steps / float c.Plan.TotalSteps)

            let rate =
                if c.Rate.AnnealLearningRate then
                    c.Rate.LearningRate * remaining
                else
                    c.Rate.LearningRate

            let draft = Draft rollout.State
            update.Load draft
            update.Set(learningRate, rate)
            update.ChooseAll(OnPolicy.samples source.Columns c.Rollout.NormaliseAdvantages rollout)
            update.Run workers
            update.Store draft
            let next = draft.Onto rollout.State

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            for name in [ "policyLoss"; "valueLoss"; "entropy"; "gradientNorm" ] do
                                struct (name, update.Scalar name)
                            struct ("learningRate", rate)
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "a2c"
                Environment = environment
                Network = network.Actor
                Options = A2cOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: A2cOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        A2cOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "a2c"
                Name = "Advantage actor-critic"
                Summary =
                    "One joint step of actor and critic on each short rollout of several copies (Mnih et al. 2016)."
                Source = "Mnih et al., \"Asynchronous methods for deep reinforcement learning\" (2016)"
                Family = AlgorithmFamily.OnPolicy
            }
            A2cOptions.defaults
            A2cOptions.rows
            []
            A2cOptions.validate
            create
