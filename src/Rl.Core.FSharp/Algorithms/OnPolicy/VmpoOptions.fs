/// The options of V-MPO: what they are, their defaults and their ranges.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

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
        LearningRate: float
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
            LearningRate = 1e-3
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
            Options.number (nameof d.LearningRate) Range.positive _.LearningRate (fun v c ->
                { c with LearningRate = v })
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
            yield! network NetworkOptions.layers
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (options: VmpoOptions) = Options.validate rows options

    /// The options as named texts.
    let toPairs (options: VmpoOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : VmpoOptions = Options.ofPairs rows pairs defaults
