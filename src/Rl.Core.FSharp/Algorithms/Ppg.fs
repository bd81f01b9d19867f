/// Phasic policy gradient: phases of PPO with separate networks, and auxiliary phases that teach the policy's features to predict values.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Phasic policy gradient (Cobbe, Hilton, Klimov, Schulman, "Phasic policy gradient", 2021). A transition is a whole phase, so that no
/// rollout need be remembered between two.
[<RequireQualifiedAccess>]
module Ppg =

    let private adam (c: PpgConfiguration) =
        Optimiser.adam (Schedule.constant c.LearningRate) c.AdamEpsilon
        |> Optimiser.clipped c.MaxGradientNorm

    /// What the policy phase minimises: PPO's clipped surrogate − c · entropy.
    let private policyStep (c: PpgConfiguration) (network: ActorCritic) environment samples =
        TrainStep.create
            (Part.actor network)
            (adam c)
            samples
            (OnPolicy.inputs
                environment
                network
                [ "observations"; "actions"; "masks"; "oldLogProbabilities"; "advantages" ])
            (fun lane ->
                let output = OnPolicy.policy environment network lane
                let struct (logProbability, entropy) = Policy.evaluate network.Head output (lane.Rows "actions")
                let old = lane.Rows "oldLogProbabilities"
                let ratio = PolicyGradients.ratio logProbability old
                let range = Expr.number c.ClipRange
                let loss = lane.Mean(PolicyGradients.clippedSurrogate range ratio (lane.Rows "advantages"))
                let entropy = lane.Mean entropy

                loss - c.EntropyCoefficient * entropy,
                [
                    "policyLoss", loss
                    "entropy", entropy
                    "approximateKl", lane.Mean(PolicyGradients.approximateKl logProbability old)
                    "clipFraction", lane.Mean(PolicyGradients.isClipped range ratio)
                ])

    /// A linear value of the actor's features; only learning needs it, so it is kept beside θ.
    let private auxiliaryHead (network: ActorCritic) : StateVariable list =
        [
            { Name = "auxiliaryWeight"; Shape = [| List.last network.Actor.Layers.Hidden; 1 |]; Initial = 0.0 }
            { Name = "auxiliaryBias"; Shape = [| 1 |]; Initial = 0.0 }
        ]

    /// What the auxiliary phase minimises: ½ (V_aux(s) − R)² + β KL(π_old ‖ π).
    let private auxiliaryStep (c: PpgConfiguration) (network: ActorCritic) environment samples =
        let data = [ "oldOutputs", network.Head.Outputs ]

        TrainStep.createWith
            (Part.actor network)
            (auxiliaryHead network)
            (adam c)
            samples
            (OnPolicy.inputs environment network [ "observations"; "masks"; "returns" ] @ data)
            id
            (fun lane ->
                let observations = lane.Rows "observations"
                let features = Mlp.hidden network.Actor.Layers (Parameters.at "actor" lane.Parameters) observations
                let value = Expr.matmul features (lane.Extra "auxiliaryWeight") + lane.Extra "auxiliaryBias"
                let valueLoss = lane.Mean(PolicyGradients.valueLoss (Heads.value value) (lane.Rows "returns"))
                let masked = OnPolicy.masked environment network lane.Rows
                let old = Divergence.ofData network.Head (lane.Rows "oldOutputs") |> masked
                let output = OnPolicy.policy environment network lane
                let clone = lane.Mean(Divergence.kl network.Head old output)
                valueLoss + c.CloneCoefficient * clone, [ "auxiliaryLoss", valueLoss; "cloneKl", clone ])

    let private bind (c: PpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network c.Activation c.Hidden c.InitialLogStandardDeviation c.ActionScaling environment
        let observationSize = ActorCritic.inputs network

        // What it collects: N_π rollouts, which the auxiliary phase sees again.
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

        let samples = source.Samples
        let observations = Array.zeroCreate<float32>(c.PolicyRollouts * samples * observationSize)
        let returns = Array.zeroCreate<float32>(c.PolicyRollouts * samples)
        let choices = if environment.HasActionMasks then network.Head.Choices else 0
        let masks = Array.zeroCreate<float32>(c.PolicyRollouts * samples * choices)
        let outputs = PolicyOutputs(network, samples, workers)
        let oldOutputs = Array.zeroCreate<float32>(c.PolicyRollouts * samples * outputs.Width)
        let minibatches = Minibatches.OfLargest(samples, c.MinibatchSize)
        let auxiliaryMinibatches = Minibatches.OfSize(c.PolicyRollouts * samples, minibatches.Size)
        let policyStep = policyStep c network environment minibatches.Size
        let valueStep = OnPolicy.valueStep network environment (adam c) minibatches.Size
        let auxiliaryStep = auxiliaryStep c network environment minibatches.Size

        // What it remembers: θ, the auxiliary head, and the moments of three optimisers.
        let valueState = policyStep.StateSize
        let auxiliaryState = valueState + valueStep.StateSize

        let initialise =
            Learners.initialise
                (ActorCritic.layout network)
                (policyStep.Variables @ valueStep.Variables @ auxiliaryStep.Variables)
                environment
                c.NormaliseObservations
                c.NormaliseRewards

        /// PPO on one rollout, policy and value function each with epochs of their own.
        let policyPhase (metrics: MetricMeans) (valueMetrics: MetricMeans) rollout theta optimiser key =
            let advantages = OnPolicy.advantages c.NormaliseAdvantages rollout
            policyStep.Load(theta, optimiser, 0)

            let key =
                minibatches.Run(
                    c.PolicyEpochs,
                    key,
                    fun rows ->
                        for name in
                            OnPolicy.columns environment [ "observations"; "actions"; "masks"; "oldLogProbabilities" ] do
                            policyStep.Gather(name, rollout.Column name, ReadOnlySpan rows)

                        policyStep.Gather("advantages", advantages, ReadOnlySpan rows)
                        policyStep.Run workers
                        metrics.Add policyStep
                )

            policyStep.Store(theta, optimiser, 0)
            valueStep.Load(theta, optimiser, valueState)

            let key =
                minibatches.Run(
                    c.ValueEpochs,
                    key,
                    fun rows ->
                        valueStep.Gather("observations", rollout.Rollout.Observations, ReadOnlySpan rows)
                        valueStep.Gather("returns", rollout.Returns, ReadOnlySpan rows)
                        valueStep.Run workers
                        valueMetrics.Add valueStep
                )

            valueStep.Store(theta, optimiser, valueState)
            key

        /// Distillation of values into the policy's features, which leaves the policy where it is; the value function learns on.
        let auxiliaryPhase (metrics: MetricMeans) theta optimiser key =
            for rollout in 0 .. c.PolicyRollouts - 1 do
                let width = samples * observationSize
                let result = Span<float32>(oldOutputs, rollout * samples * outputs.Width, samples * outputs.Width)
                outputs.Run(theta, ReadOnlySpan(observations, rollout * width, width), result)

            auxiliaryStep.Load(theta, optimiser, auxiliaryState)
            valueStep.Load(theta, optimiser, valueState)
            Divergence.setDeviation auxiliaryStep.Program (outputs.LogStandardDeviation theta)

            let key =
                auxiliaryMinibatches.Run(
                    c.AuxiliaryEpochs,
                    key,
                    fun rows ->
                        for step in [ auxiliaryStep; valueStep ] do
                            step.Gather("observations", observations, ReadOnlySpan rows)
                            step.Gather("returns", returns, ReadOnlySpan rows)

                        auxiliaryStep.Gather("oldOutputs", oldOutputs, ReadOnlySpan rows)
                        if choices > 0 then auxiliaryStep.Gather("masks", masks, ReadOnlySpan rows)
                        auxiliaryStep.Run workers
                        valueStep.Run workers
                        metrics.Add auxiliaryStep
                )

            auxiliaryStep.Store(theta, optimiser, auxiliaryState)
            valueStep.Store(theta, optimiser, valueState)
            key

        // One transition: a policy phase and an auxiliary phase.
        let transition (start: TrainingState) =
            let mutable state = start
            let episodes = ResizeArray<EpisodeResult>()
            let mutable variance = nan
            let metrics = MetricMeans [ "policyLoss"; "entropy"; "approximateKl"; "clipFraction"; "gradientNorm" ]
            let valueMetrics = MetricMeans [ "valueLoss" ]
            let auxiliaryMetrics = MetricMeans [ "auxiliaryLoss"; "cloneKl" ]

            for index in 0 .. c.PolicyRollouts - 1 do
                let struct (rollout, acted) = source.Collect state
                rollout.Rollout.Observations.CopyTo(observations, index * samples * observationSize)
                rollout.Returns.CopyTo(returns, index * samples)
                rollout.Masks.CopyTo(masks, index * samples * choices)
                episodes.AddRange rollout.Rollout.Episodes
                variance <- Learners.explainedVariance rollout.Rollout.Values rollout.Returns
                let theta, optimiser = Array.copy state.Parameters, Array.copy state.Optimiser
                let key = policyPhase metrics valueMetrics rollout theta optimiser state.Key
                state <- { acted with Parameters = theta; Optimiser = optimiser; Key = key }

            let theta, optimiser = Array.copy state.Parameters, Array.copy state.Optimiser
            let key = auxiliaryPhase auxiliaryMetrics theta optimiser state.Key

            let next = { state with Updates = start.Updates + 1L; Parameters = theta; Optimiser = optimiser; Key = key }

            struct (next,
                    {
                        Steps = next.Steps
                        Updates = next.Updates
                        Episodes = episodes.ToArray()
                        Metrics =
                            [|
                                yield! metrics.Means
                                yield! valueMetrics.Means
                                yield! auxiliaryMetrics.Means
                                struct ("explainedVariance", variance)
                            |]
                    })

        new FunctionLearner(
            "ppg",
            environment,
            network.Actor,
            PpgConfiguration.toPairs c,
            c.TotalSteps,
            initialise,
            transition
        )

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: PpgConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        PpgConfiguration.validate configuration
        bind configuration environment workers
