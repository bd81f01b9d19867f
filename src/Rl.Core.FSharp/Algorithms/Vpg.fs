/// The vanilla policy gradient: collect a rollout, credit each action with its advantage, take one step along ∇log π · A, fit V.
namespace Rl.Core.Algorithms

open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// The vanilla policy gradient with generalised advantage estimation (Sutton et al., "Policy gradient methods for reinforcement learning with
/// function approximation", 1999; Schulman et al., "High-dimensional continuous control using generalized advantage estimation",
/// 2016; slides 14, 15 and 26).
[<RequireQualifiedAccess>]
module Vpg =

    /// What it minimises: −mean(log π(a|s) · A) − c · mean entropy.
    let private policyStep (c: VpgConfiguration) network environment samples =
        TrainStep.create
            (Part.actor network)
            (Optimiser.adam (Schedule.constant c.LearningRate) 1e-8)
            samples
            (OnPolicy.inputs environment network [ "observations"; "actions"; "masks"; "advantages" ])
            (fun lane ->
                let output = OnPolicy.policy environment network lane
                let struct (logProbability, entropy) = Policy.evaluate network.Head output (lane.Rows "actions")
                let loss = lane.Mean(PolicyGradients.score logProbability (lane.Rows "advantages"))
                let entropy = lane.Mean entropy
                loss - c.EntropyCoefficient * entropy, [ "policyLoss", loss; "entropy", entropy ])

    let private bind (c: VpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
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

        let policyStep = policyStep c network environment source.Samples

        let valueStep =
            let transform = Optimiser.adam (Schedule.constant c.ValueLearningRate) 1e-8
            OnPolicy.valueStep network environment transform source.Samples

        let rewardsToGo = Array.zeroCreate<float32> source.Samples

        // What it remembers: θ, and the moments of two optimisers.
        let initialise =
            Learners.initialise
                (ActorCritic.layout network)
                (policyStep.Variables @ valueStep.Variables)
                environment
                c.NormaliseObservations
                c.NormaliseRewards

        // One transition.
        let transition (state: TrainingState) =
            let struct (rollout, acted) = source.Collect state
            let theta, optimiser = Array.copy state.Parameters, Array.copy state.Optimiser

            policyStep.Load(theta, optimiser, 0)

            for name in OnPolicy.columns environment [ "observations"; "actions"; "masks" ] do
                policyStep.Set(name, rollout.Column name)

            policyStep.Set("advantages", OnPolicy.advantages c.NormaliseAdvantages rollout)
            policyStep.Run workers
            policyStep.Store(theta, optimiser, 0)

            // Values are fitted to rewards-to-go, whatever λ the advantages were estimated with.
            source.ReturnsWith(1.0, rollout.Rollout, rewardsToGo)
            valueStep.Load(theta, optimiser, policyStep.StateSize)
            valueStep.Set("observations", rollout.Rollout.Observations)
            valueStep.Set("returns", rewardsToGo)

            for _ in 1 .. c.ValueSteps do
                valueStep.Run workers

            valueStep.Store(theta, optimiser, policyStep.StateSize)
            let next = { acted with Parameters = theta; Optimiser = optimiser }

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            struct ("policyLoss", policyStep.Scalar "policyLoss")
                            struct ("valueLoss", valueStep.Scalar "valueLoss")
                            struct ("entropy", policyStep.Scalar "entropy")
                            struct ("gradientNorm", policyStep.Scalar "gradientNorm")
                        |])

        new FunctionLearner(
            "vpg",
            environment,
            network.Actor,
            VpgConfiguration.toPairs c,
            c.TotalSteps,
            initialise,
            transition
        )

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: VpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        VpgConfiguration.validate configuration
        bind configuration environment workers
