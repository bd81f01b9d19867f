/// Advantage actor-critic: a few steps in several copies, then one joint step of actor and critic.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Synchronous advantage actor-critic (Mnih et al., "Asynchronous methods for deep reinforcement learning", 2016: the copies are
/// stepped together instead of each on its own; slides 15 and 18).
[<RequireQualifiedAccess>]
module A2c =

    let private optimiser (c: A2cConfiguration) =
        let rate = Schedule.input "learningRate"

        if c.EpsilonInsideRoot then
            Optimiser.rmsPropInsideRoot rate c.RmsDecay c.RmsEpsilon
        else
            Optimiser.rmsProp rate c.RmsDecay c.RmsEpsilon 0.0 0.0 false
        |> Optimiser.clipped c.MaxGradientNorm

    /// What it minimises: mean(−log π(a|s) · A + v · ½ (V(s) − R)² − c · entropy).
    let private step (c: A2cConfiguration) (network: ActorCritic) environment samples =
        TrainStep.create
            (Part.whole network)
            (optimiser c)
            samples
            (OnPolicy.inputs environment network [ "observations"; "actions"; "masks"; "advantages"; "returns" ])
            (fun lane ->
                let output =
                    ActorCritic.apply network lane.Parameters (lane.Rows "observations")
                    |> OnPolicy.masked environment network lane.Rows

                let struct (logProbability, entropy) = Policy.evaluate network.Head output (lane.Rows "actions")
                let policyLoss = lane.Mean(PolicyGradients.score logProbability (lane.Rows "advantages"))
                let valueLoss = lane.Mean(PolicyGradients.valueLoss output.Value (lane.Rows "returns"))
                let entropy = lane.Mean entropy

                policyLoss + c.ValueCoefficient * valueLoss - c.EntropyCoefficient * entropy,
                [ "policyLoss", policyLoss; "valueLoss", valueLoss; "entropy", entropy ])

    let private bind (c: A2cConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
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

        let step = step c network environment source.Samples

        // What it remembers: θ, and RMSprop's average of squared gradients.
        let initialise =
            Learners.initialise
                (ActorCritic.layout network)
                step.Variables
                environment
                c.NormaliseObservations
                c.NormaliseRewards

        // One transition.
        let transition (state: TrainingState) =
            let remaining = Math.Max(0.0, 1.0 - float state.Steps / float c.TotalSteps)
            let rate = if c.AnnealLearningRate then c.LearningRate * remaining else c.LearningRate
            let struct (rollout, acted) = source.Collect state
            let theta, optimiser = Array.copy state.Parameters, Array.copy state.Optimiser

            step.Load(theta, optimiser, 0)
            step.Set("learningRate", [| float32 rate |])

            for name in OnPolicy.columns environment [ "observations"; "actions"; "masks" ] do
                step.Set(name, rollout.Column name)

            step.Set("advantages", OnPolicy.advantages c.NormaliseAdvantages rollout)
            step.Set("returns", rollout.Returns)
            step.Run workers
            step.Store(theta, optimiser, 0)
            let next = { acted with Parameters = theta; Optimiser = optimiser }

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            for name in [ "policyLoss"; "valueLoss"; "entropy"; "gradientNorm" ] do
                                struct (name, step.Scalar name)
                            struct ("learningRate", rate)
                        |])

        new FunctionLearner(
            "a2c",
            environment,
            network.Actor,
            A2cConfiguration.toPairs c,
            c.TotalSteps,
            initialise,
            transition
        )

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: A2cConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        A2cConfiguration.validate configuration
        bind configuration environment workers
