/// The options of advantage actor-critic, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of synchronous advantage actor-critic (Mnih et al. 2016).
type A2cConfiguration =
    {
        /// Environment steps that training is planned for; annealing ends there. ≥ 1.
        TotalSteps: int64
        /// Steps of each copy between updates, T. ≥ 1.
        RolloutSteps: int
        /// RMSprop's step size. > 0.
        LearningRate: float
        /// Lower the learning rate in a straight line to 0 at `TotalSteps`.
        AnnealLearningRate: bool
        /// RMSprop's decay of the average of squared gradients, in [0, 1).
        RmsDecay: float
        /// RMSprop's ε. > 0.
        RmsEpsilon: float
        /// Divide by √(v + ε) with v starting at 1, as TensorFlow's RMSprop, instead of by √v + ε.
        EpsilonInsideRoot: bool
        /// γ in [0, 1].
        Discount: float
        /// GAE's λ in [0, 1] (Schulman et al. 2016).
        GaeLambda: float
        /// Subtract the mean of a rollout's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The weight of the entropy bonus. ≥ 0.
        EntropyCoefficient: float
        /// The weight of ½ (V − R)²; 1 is Stable Baselines3's 0.5 on the whole square. ≥ 0.
        ValueCoefficient: float
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
module A2cConfiguration =

    /// Stable Baselines3's, with 8 copies as its zoo has them: rollouts of 5 steps, λ = 1, RMSprop of PyTorch's kind with ε = 10⁻⁵.
    let defaults =
        {
            TotalSteps = 500_000L
            RolloutSteps = 5
            LearningRate = 7e-4
            AnnealLearningRate = false
            RmsDecay = 0.99
            RmsEpsilon = 1e-5
            EpsilonInsideRoot = false
            Discount = 0.99
            GaeLambda = 1.0
            NormaliseAdvantages = false
            EntropyCoefficient = 0.0
            ValueCoefficient = 1.0
            MaxGradientNorm = 0.5
            NormaliseObservations = false
            NormaliseRewards = false
            Hidden = [ 64; 64 ]
            Activation = Activation.Tanh
            InitialLogStandardDeviation = 0.0
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<A2cConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.RolloutSteps) Guard.positive (fun c -> c.RolloutSteps) (fun v c ->
                { c with RolloutSteps = v })
            OptionTable.float (nameof d.LearningRate) Guard.positiveNumber (fun c -> c.LearningRate) (fun v c ->
                { c with LearningRate = v })
            OptionTable.bool (nameof d.AnnealLearningRate) (fun c -> c.AnnealLearningRate) (fun v c ->
                { c with AnnealLearningRate = v })
            OptionTable.float (nameof d.RmsDecay) OptionTable.fraction (fun c -> c.RmsDecay) (fun v c ->
                { c with RmsDecay = v })
            OptionTable.float (nameof d.RmsEpsilon) Guard.positiveNumber (fun c -> c.RmsEpsilon) (fun v c ->
                { c with RmsEpsilon = v })
            OptionTable.bool (nameof d.EpsilonInsideRoot) (fun c -> c.EpsilonInsideRoot) (fun v c ->
                { c with EpsilonInsideRoot = v })
            OptionTable.float (nameof d.Discount) OptionTable.fraction (fun c -> c.Discount) (fun v c ->
                { c with Discount = v })
            OptionTable.float (nameof d.GaeLambda) OptionTable.fraction (fun c -> c.GaeLambda) (fun v c ->
                { c with GaeLambda = v })
            OptionTable.bool (nameof d.NormaliseAdvantages) (fun c -> c.NormaliseAdvantages) (fun v c ->
                { c with NormaliseAdvantages = v })
            OptionTable.float
                (nameof d.EntropyCoefficient)
                Guard.notNegativeNumber
                (fun c -> c.EntropyCoefficient)
                (fun v c -> { c with EntropyCoefficient = v })
            OptionTable.float
                (nameof d.ValueCoefficient)
                Guard.notNegativeNumber
                (fun c -> c.ValueCoefficient)
                (fun v c -> { c with ValueCoefficient = v })
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
    let validate (c: A2cConfiguration) =
        OptionTable.validate table c

        if c.RmsDecay = 1.0 then
            Guard.fail (nameof c.RmsDecay) "RmsDecay is 1; it must be less than 1, or nothing new is ever averaged in."

    /// The options as named texts.
    let toPairs (configuration: A2cConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : A2cConfiguration = OptionTable.ofPairs table pairs defaults
