/// V-MPO: weigh the better half of a rollout's actions by exp(A/η), fit the policy to them within a trust region, learn the multipliers.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// On-policy maximum a posteriori policy optimisation (Song et al., "V-MPO: on-policy maximum a posteriori policy optimization for discrete
/// and continuous control", 2020). The old policy is the one that collected the rollout.
[<RequireQualifiedAccess>]
module Vmpo =

    /// The trust regions' bounds ε: of discrete actions, and of the means and deviations of normal ones.
    let private bounds (c: VmpoConfiguration) (head: ActionDistribution) =
        let struct (discrete, normals) = Divergence.kinds head

        [
            if discrete then "multiplier", c.KlBound

            if normals then
                "meanMultiplier", c.KlBound
                "deviationMultiplier", c.DeviationKlBound
        ]

    /// η and α: learnt like the parameters, but only learning needs them.
    let private multipliers (c: VmpoConfiguration) head : StateVariable list =
        { Name = "temperature"; Shape = Shape.scalar; Initial = c.InitialTemperature }
        :: [ for name, _ in bounds c head -> { Name = name; Shape = Shape.scalar; Initial = c.InitialMultiplier } ]

    /// What it minimises: −Σ w log π(a|s) + η (ε_η + log mean exp(A/η)) + Σ α (ε_α − [KL]) + [α] KL + v · ½ (V − R)², with what stands in
    /// brackets constant and w ∝ exp(A/η) over the samples of largest advantage.
    let private step (c: VmpoConfiguration) (network: ActorCritic) environment samples =
        let head = network.Head
        let part = Part.whole network
        let data = [ "oldOutputs", head.Outputs ]

        /// Multipliers stay positive.
        let project (theta: Expr) =
            let own = Expr.slice 0 0 part.Layout.Count theta
            let multipliers = Expr.slice 0 part.Layout.Count theta.Count theta
            Expr.concat 0 [ own; Expr.maximum (Expr.number 1e-8) multipliers ]

        TrainStep.createWith
            part
            (multipliers c head)
            (Optimiser.adam (Schedule.constant c.LearningRate) 1e-8 |> Optimiser.clipped c.MaxGradientNorm)
            samples
            (OnPolicy.inputs environment network [ "observations"; "actions"; "masks"; "advantages"; "returns" ]
             @ data)
            project
            (fun lane ->
                let penalty name bound = { Multiplier = lane.Extra name; Bound = bound; PerDimension = false }
                let one = Expr.ones [| samples |]

                let struct (temperatureLoss, weights) =
                    Mpo.advantageWeights
                        c.TopFraction
                        (lane.All "advantages")
                        one
                        one
                        (penalty "temperature" c.TemperatureBound)

                let output =
                    ActorCritic.apply network lane.Parameters (lane.Rows "observations")
                    |> OnPolicy.masked environment network lane.Rows

                let struct (logProbability, entropy) = Policy.evaluate head output (lane.Rows "actions")
                let policyLoss = -(Expr.sum (lane.Own weights * logProbability))

                let old =
                    Divergence.ofData head (lane.Rows "oldOutputs") |> OnPolicy.masked environment network lane.Rows

                let regions =
                    List.map2
                        (fun kl (name, bound) ->
                            let struct (divergence, multiplier) = Mpo.divergencePenalty kl (penalty name bound)
                            lane.Mean(divergence + multiplier))
                        (Divergence.decoupled head old output)
                        (bounds c head)

                let valueLoss = lane.Mean(PolicyGradients.valueLoss output.Value (lane.Rows "returns"))

                List.fold (+) (policyLoss + lane.Share temperatureLoss + c.ValueCoefficient * valueLoss) regions,
                [
                    "policyLoss", policyLoss
                    "valueLoss", valueLoss
                    "entropy", lane.Mean entropy
                    "kl", lane.Mean(Divergence.kl head old output)
                    "temperature", lane.Share(lane.Extra "temperature")
                ])

    let private bind (c: VmpoConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
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

        let samples = source.Samples
        let outputs = PolicyOutputs(network, samples, workers)
        let oldOutputs = Array.zeroCreate<float32>(samples * outputs.Width)
        let step = step c network environment samples

        // What it remembers: θ, the multipliers, and the moments of their optimiser.
        let initialise =
            Learners.initialise
                (ActorCritic.layout network)
                step.Variables
                environment
                c.NormaliseObservations
                c.NormaliseRewards

        // One transition.
        let transition (state: TrainingState) =
            let struct (rollout, acted) = source.Collect state
            let theta, optimiser = Array.copy state.Parameters, Array.copy state.Optimiser
            outputs.Run(theta, System.ReadOnlySpan rollout.Rollout.Observations, System.Span oldOutputs)

            step.Load(theta, optimiser, 0)

            for name in OnPolicy.columns environment [ "observations"; "actions"; "masks"; "returns" ] do
                step.Set(name, rollout.Column name)

            step.Set("advantages", OnPolicy.advantages c.NormaliseAdvantages rollout)
            step.Set("oldOutputs", oldOutputs)
            Divergence.setDeviation step.Program (outputs.LogStandardDeviation theta)

            for _ in 1 .. c.Epochs do
                step.Run workers

            step.Store(theta, optimiser, 0)
            let next = { acted with Parameters = theta; Optimiser = optimiser }

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            for name in [ "policyLoss"; "valueLoss"; "entropy"; "kl"; "temperature"; "gradientNorm" ] do
                                struct (name, step.Scalar name)
                        |])

        new FunctionLearner(
            "vmpo",
            environment,
            network.Actor,
            VmpoConfiguration.toPairs c,
            c.TotalSteps,
            initialise,
            transition
        )

    /// Binds a configuration to environments. `workers` share the work; the results do not depend on their number.
    let create (configuration: VmpoConfiguration) (environment: BatchEnvironment) (workers: Workers) : Learner =
        VmpoConfiguration.validate configuration

        if configuration.TopFraction * float (configuration.RolloutSteps * environment.Count) < 1.0 then
            Guard.fail
                (nameof configuration.TopFraction)
                $"TopFraction is {configuration.TopFraction}, less than one of the rollout's {configuration.RolloutSteps * environment.Count} samples; raise it or RolloutSteps."

        bind configuration environment workers
