/// The options of V-MPO, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of V-MPO, on-policy maximum a posteriori policy optimisation (Song et al. 2020).
type VmpoConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// Steps of each copy between updates, T. ≥ 1.
        RolloutSteps: int
        /// Gradient steps on each rollout, between two moves of the old policy. ≥ 1.
        Epochs: int
        /// Adam's step size, for networks and multipliers. > 0.
        LearningRate: float
        /// The share of the samples, those of largest advantage, that the policy is fitted to, in (0, 1].
        TopFraction: float
        /// ε_η: the divergence of the weights from equal ones. > 0.
        TemperatureBound: float
        /// ε_α: the divergence of the policy, or of a normal policy's means, from the old one. > 0.
        KlBound: float
        /// ε_Σ: the divergence of a normal policy's standard deviations from the old ones. > 0.
        DeviationKlBound: float
        /// The start of η. > 0.
        InitialTemperature: float
        /// The start of α. > 0.
        InitialMultiplier: float
        /// The weight of ½ (V − R)². ≥ 0.
        ValueCoefficient: float
        /// γ in [0, 1].
        Discount: float
        /// GAE's λ in [0, 1] (Schulman et al. 2016).
        GaeLambda: float
        /// Subtract the mean of a rollout's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The gradient is scaled down to this norm. > 0.
        MaxGradientNorm: float
        /// Give the networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// Divide rewards by the running standard deviation of the discounted return, clipped to ± 10.
        NormaliseRewards: bool
        /// Widths of the hidden layers of actor and critic.
        Hidden: int list
        Activation: Activation
        /// The start of ln σ for continuous actions.
        InitialLogStandardDeviation: float
        /// The units in which the policy acts where actions are numbers.
        ActionScaling: ActionScaling
    }

/// Defaults, checks and texts of the options.
[<RequireQualifiedAccess>]
module VmpoConfiguration =

    /// The paper's start of the multipliers (η = 1, α = 5 for discrete actions) and its better half of the samples; bounds and step size
    /// for small tasks. Advantages are standardised, where the paper keeps values of order 1 by PopArt.
    let defaults =
        {
            TotalSteps = 200_000L
            RolloutSteps = 64
            Epochs = 20
            LearningRate = 1e-3
            TopFraction = 0.5
            TemperatureBound = 0.01
            KlBound = 0.005
            DeviationKlBound = 0.0005
            InitialTemperature = 1.0
            InitialMultiplier = 5.0
            ValueCoefficient = 1.0
            Discount = 0.99
            GaeLambda = 0.95
            NormaliseAdvantages = true
            MaxGradientNorm = 1.0
            NormaliseObservations = false
            NormaliseRewards = false
            Hidden = [ 64; 64 ]
            Activation = Activation.Tanh
            InitialLogStandardDeviation = 0.0
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<VmpoConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.RolloutSteps) Guard.positive (fun c -> c.RolloutSteps) (fun v c ->
                { c with RolloutSteps = v })
            OptionTable.int (nameof d.Epochs) Guard.positive (fun c -> c.Epochs) (fun v c -> { c with Epochs = v })
            OptionTable.float (nameof d.LearningRate) Guard.positiveNumber (fun c -> c.LearningRate) (fun v c ->
                { c with LearningRate = v })
            OptionTable.float (nameof d.TopFraction) OptionTable.positiveFraction (fun c -> c.TopFraction) (fun v c ->
                { c with TopFraction = v })
            OptionTable.float (nameof d.TemperatureBound) Guard.positiveNumber (fun c -> c.TemperatureBound) (fun v c ->
                { c with TemperatureBound = v })
            OptionTable.float (nameof d.KlBound) Guard.positiveNumber (fun c -> c.KlBound) (fun v c ->
                { c with KlBound = v })
            OptionTable.float (nameof d.DeviationKlBound) Guard.positiveNumber (fun c -> c.DeviationKlBound) (fun v c ->
                { c with DeviationKlBound = v })
            OptionTable.float
                (nameof d.InitialTemperature)
                Guard.positiveNumber
                (fun c -> c.InitialTemperature)
                (fun v c -> { c with InitialTemperature = v })
            OptionTable.float
                (nameof d.InitialMultiplier)
                Guard.positiveNumber
                (fun c -> c.InitialMultiplier)
                (fun v c -> { c with InitialMultiplier = v })
            OptionTable.float
                (nameof d.ValueCoefficient)
                Guard.notNegativeNumber
                (fun c -> c.ValueCoefficient)
                (fun v c -> { c with ValueCoefficient = v })
            OptionTable.float (nameof d.Discount) OptionTable.fraction (fun c -> c.Discount) (fun v c ->
                { c with Discount = v })
            OptionTable.float (nameof d.GaeLambda) OptionTable.fraction (fun c -> c.GaeLambda) (fun v c ->
                { c with GaeLambda = v })
            OptionTable.bool (nameof d.NormaliseAdvantages) (fun c -> c.NormaliseAdvantages) (fun v c ->
                { c with NormaliseAdvantages = v })
            OptionTable.float (nameof d.MaxGradientNorm) Guard.positiveNumber (fun c -> c.MaxGradientNorm) (fun v c ->
                { c with MaxGradientNorm = v })
            OptionTable.bool (nameof d.NormaliseObservations) (fun c -> c.NormaliseObservations) (fun v c ->
                { c with NormaliseObservations = v })
            OptionTable.bool (nameof d.NormaliseRewards) (fun c -> c.NormaliseRewards) (fun v c ->
                { c with NormaliseRewards = v })
            OptionTable.hidden (nameof d.Hidden) (fun c -> c.Hidden) (fun v c -> { c with Hidden = v })
            OptionTable.activation (nameof d.Activation) (fun c -> c.Activation) (fun v c -> { c with Activation = v })
            OptionTable.float
                (nameof d.InitialLogStandardDeviation)
                Guard.finite
                (fun c -> c.InitialLogStandardDeviation)
                (fun v c -> { c with InitialLogStandardDeviation = v })
            OptionTable.actionScaling (nameof d.ActionScaling) (fun c -> c.ActionScaling) (fun v c ->
                { c with ActionScaling = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (configuration: VmpoConfiguration) = OptionTable.validate table configuration

    /// The options as named texts.
    let toPairs (configuration: VmpoConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : VmpoConfiguration = OptionTable.ofPairs table pairs defaults
