/// V-MPO: weigh the better half of a rollout's actions by exp(A/η), fit the policy to them within a trust region,
/// learn the multipliers.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// Options of V-MPO, on-policy maximum a posteriori policy optimisation (Song et al. 2020).
type VmpoOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        /// Gradient steps on each rollout, between two moves of the old policy.
        Epochs: int
        /// Adam's step size, for networks and multipliers.
        LearningRate: RateSchedule
        /// The share of the samples, those of largest advantage, that the policy is fitted to.
        TopFraction: float
        /// ε_η: the divergence of the weights from equal ones.
        TemperatureBound: float
        /// ε_α: the divergence of the policy, or of a normal policy's means, from the old one.
        KlBound: float
        /// ε_Σ: the divergence of a normal policy's standard deviations from the old ones.
        DeviationKlBound: float
        /// The start of η.
        InitialTemperature: float
        /// The start of α.
        InitialMultiplier: float
        /// The weight of ½ (V − R)².
        ValueCoefficient: float
        /// The gradient is scaled down to this norm.
        MaxGradientNorm: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module VmpoOptions =

    /// The paper's start of the multipliers (η = 1, α = 5 for discrete actions) and its better half of the samples;
    /// bounds and step size for small tasks. Advantages are standardised, where the paper keeps values of order 1 by
    /// PopArt.
    let defaults =
        {
            Plan = { TotalSteps = 200_000L }
            Rollout = OnPolicyOptions.defaults 64 0.95
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Epochs = 20
            LearningRate = RateSchedule.Constant 1e-3
            TopFraction = 0.5
            TemperatureBound = 0.01
            KlBound = 0.005
            DeviationKlBound = 0.0005
            InitialTemperature = 1.0
            InitialMultiplier = 5.0
            ValueCoefficient = 1.0
            MaxGradientNorm = 1.0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<VmpoOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: VmpoOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: VmpoOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: VmpoOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: VmpoOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.whole (nameof d.Epochs) (Range.atLeast 1.0) _.Epochs (fun v c -> { c with Epochs = v })
            Options.rate (nameof d.LearningRate) _.LearningRate (fun v c -> { c with LearningRate = v })
            Options.number (nameof d.TopFraction) Range.positiveFraction _.TopFraction (fun v c ->
                { c with TopFraction = v })
            Options.number (nameof d.TemperatureBound) Range.positive _.TemperatureBound (fun v c ->
                { c with TemperatureBound = v })
            Options.number (nameof d.KlBound) Range.positive _.KlBound (fun v c -> { c with KlBound = v })
            Options.number (nameof d.DeviationKlBound) Range.positive _.DeviationKlBound (fun v c ->
                { c with DeviationKlBound = v })
            Options.number (nameof d.InitialTemperature) Range.positive _.InitialTemperature (fun v c ->
                { c with InitialTemperature = v })
            Options.number (nameof d.InitialMultiplier) Range.positive _.InitialMultiplier (fun v c ->
                { c with InitialMultiplier = v })
            Options.number (nameof d.ValueCoefficient) Range.notNegative _.ValueCoefficient (fun v c ->
                { c with ValueCoefficient = v })
            yield! rollout OnPolicyOptions.credit
            yield! rollout OnPolicyOptions.normaliseAdvantages
            Options.number (nameof d.MaxGradientNorm) Range.positive _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield! network NetworkOptions.normaliseObservations
            yield! rollout OnPolicyOptions.normaliseRewards
            yield! network (NetworkOptions.ofTwo NetworkOptions.layers)
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: VmpoOptions) = NetworkOptions.validate rows defaults options

    /// The options as named texts.
    let toPairs (options: VmpoOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : VmpoOptions = Options.ofPairs rows pairs defaults

/// On-policy maximum a posteriori policy optimisation (Song et al., "V-MPO: on-policy maximum a posteriori policy
/// optimization for discrete and continuous control", 2020). The old policy is the one that collected the rollout.
[<RequireQualifiedAccess>]
module Vmpo =

    let private learningRate (c: VmpoOptions) = Rate.create (nameof c.LearningRate) c.LearningRate
    let private rates (c: VmpoOptions) = [ learningRate c ]

    /// The trust regions' bounds ε: of discrete actions, and of the means and deviations of normal ones.
    let private bounds (c: VmpoOptions) (head: ActionDistribution) =
        let struct (discrete, normals) = Divergence.kinds head

        [
            if discrete then "multiplier", c.KlBound

            if normals then
                "meanMultiplier", c.KlBound
                "deviationMultiplier", c.DeviationKlBound
        ]

    /// η and α: learnt like the parameters, but only learning needs them.
    let private multipliers (c: VmpoOptions) head : StateVariable list =
        { Name = "temperature"; Shape = Shape.scalar; Initial = c.InitialTemperature }
        :: [ for name, _ in bounds c head -> { Name = name; Shape = Shape.scalar; Initial = c.InitialMultiplier } ]

    /// What it minimises: −Σ w log π(a|s) + η (ε_η + log mean exp(A/η)) + Σ α (ε_α − [KL]) + [α] KL + v · ½ (V − R)²,
    /// with what stands in brackets constant and w ∝ exp(A/η) over the samples of largest advantage.
    let private loss (c: VmpoOptions) (network: ActorCritic) (columns: RolloutColumns) (batch: Batch) =
        let head = network.Head
        let multiplier name = batch.Block("multipliers", name)
        let penalty name bound = { Multiplier = multiplier name; Bound = bound; PerDimension = false }
        let all = Expr.ones [| batch.Samples |]

        let struct (temperatureLoss, weights) =
            Mpo.advantageWeights
                c.TopFraction
                (batch.All columns.Advantages)
                all
                all
                (penalty "temperature" c.TemperatureBound)

        let output = Forward.output network columns batch
        let struct (logProbability, entropy) = Policy.evaluate head output batch[columns.Actions]
        let old = Divergence.ofColumns head batch |> Forward.masked network columns batch

        [
            Term.sum "policyLoss" 1.0 (-(batch.Own weights * logProbability))
            Term.once "temperatureLoss" 1.0 temperatureLoss
            Term.mean "valueLoss" c.ValueCoefficient (PolicyGradients.valueLoss output.Value batch[columns.Returns])

            for kl, (name, bound) in List.zip (Divergence.decoupled head old output) (bounds c head) do
                let struct (divergence, dual) = Mpo.divergencePenalty kl (penalty name bound)
                Term.mean $"{name}Loss" 1.0 (divergence + dual)

            Term.report "entropy" entropy
            Term.report "kl" (Divergence.kl head old output)
            Term.reportOnce "temperature" (multiplier "temperature")
        ]

    let private bind (c: VmpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = OnPolicy.network (OnPolicy.apart c.Network) c.Exploration environment
        let source = RolloutSource(network, environment, OnPolicy.rollouts c.Rollout c.Network, workers)
        let columns = source.Columns
        let outputs = PolicyOutputs(network, source.Samples, workers)
        let oldOutputs = Array.zeroCreate<float32>(source.Samples * outputs.Width)
        let struct (outputColumn, deviationColumn) = Divergence.columns network.Head

        let update =
            let adam = Optimiser.adam (Rate.stepSize (learningRate c)) 1e-8 |> NetworkOptions.constrain c.Network
            let motion = GroupMotion.Learns("optimiser", adam)
            let positive = Expr.maximum (Expr.number 1e-8)
            let multipliers = ParameterGroup.beside "multipliers" (multipliers c network.Head) motion

            Update.create
                {
                    Name = "policy and value step"
                    Groups =
                        [
                            ParameterGroup.ofPart "network" (Part.whole network) motion
                            { multipliers with Project = Some positive }
                        ]
                    Shape = SampleShape.steps source.Samples
                    MaxGradientNorm = c.MaxGradientNorm
                    Loss = loss c network columns
                }

        let learn (state: TrainingState) (rollout: CreditedRollout) =
            let draft = Draft rollout.State
            outputs.Run(draft.Theta, ReadOnlySpan rollout.Rollout.Observations, Span oldOutputs)
            let samples = OnPolicy.samples columns c.Rollout.NormaliseAdvantages rollout
            update.Load draft
            Rate.set c.Plan state.Steps (rates c) [ update ]
            update.Set(deviationColumn, ReadOnlySpan(outputs.LogStandardDeviation draft.Theta))
            update.ChooseAll(samples.With [ outputColumn, oldOutputs ])

            for _ in 1 .. c.Epochs do
                update.Run workers

            update.Store draft
            let next = draft.Onto rollout.State

            struct (next,
                    OnPolicy.report
                        next
                        rollout
                        [|
                            for name in [ "policyLoss"; "valueLoss"; "entropy"; "kl"; "temperature"; "gradientNorm" ] do
                                struct (name, update.Scalar name)

                            yield! Rate.metrics c.Plan state.Steps (rates c)
                        |]
                        [||])

        Learner.ofFunctions
            {
                Algorithm = "vmpo"
                Environment = environment
                Network = network.Actor
                Options = VmpoOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Arrays = update.Arrays
                Start = source.Start
                Collect = source.Collect
                Learn = learn
            }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: VmpoOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        VmpoOptions.validate options

        if options.TopFraction * float (options.Rollout.RolloutSteps * environment.Count) < 1.0 then
            Guard.fail
                (nameof options.TopFraction)
                ($"TopFraction is {options.TopFraction}, less than one of the rollout's "
                 + $"{options.Rollout.RolloutSteps * environment.Count} samples; raise it or RolloutSteps.")

        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "vmpo"
                Name = "On-policy maximum a posteriori policy optimisation"
                Summary =
                    ("Fits the policy to the better half of a rollout's actions, weighted by exp(A/η), within a "
                     + "trust region (Song et al. 2020).")
                Source =
                    ("Song et al., \"V-MPO: on-policy maximum a posteriori policy optimization for discrete and "
                     + "continuous control\" (2020)")
                Family = AlgorithmFamily.OnPolicy
            }
            VmpoOptions.defaults
            VmpoOptions.rows
            [ "RolloutSteps", "32"; "Epochs", "3" ]
            VmpoOptions.validate
            create
        |> AlgorithmEntry.withParameters VmpoOptions.ofPairs (fun c ->
            OnPolicy.parameters (OnPolicy.apart c.Network) c.Exploration)
