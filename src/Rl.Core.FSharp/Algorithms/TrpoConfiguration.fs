/// The options of trust-region policy optimisation, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of trust-region policy optimisation (Schulman et al. 2015).
type TrpoConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// Steps of each copy between updates, T. ≥ 1.
        RolloutSteps: int
        /// δ: no step moves the policy by a larger mean KL divergence. > 0.
        TargetKl: float
        /// Iterations of conjugate gradients. ≥ 1.
        CgSteps: int
        /// What is added to the diagonal of the Fisher information. ≥ 0.
        CgDamping: float
        /// Each try of the line search is this fraction of the one before, in (0, 1].
        LineSearchShrink: float
        /// Tries of the line search; without success θ stays. ≥ 1.
        LineSearchTries: int
        /// Passes of the value function's regression over a rollout. ≥ 1.
        ValueEpochs: int
        /// Samples of one of its gradient steps. ≥ 1.
        ValueMinibatchSize: int
        /// Adam's step size for the value function. > 0.
        ValueLearningRate: float
        /// γ in [0, 1].
        Discount: float
        /// GAE's λ in [0, 1] (Schulman et al. 2016).
        GaeLambda: float
        /// Subtract the mean of a rollout's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
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
module TrpoConfiguration =

    /// Those of Stable Baselines3's contributions: 2,048 steps an update (256 of each of 8 copies), 15 iterations of conjugate gradients
    /// with damping 0.1, a line search of at most 10 tries that shrinks by 0.8, 10 passes of minibatches of 128 for the value function.
    let defaults =
        {
            TotalSteps = 100_000L
            RolloutSteps = 256
            TargetKl = 0.01
            CgSteps = 15
            CgDamping = 0.1
            LineSearchShrink = 0.8
            LineSearchTries = 10
            ValueEpochs = 10
            ValueMinibatchSize = 128
            ValueLearningRate = 1e-3
            Discount = 0.99
            GaeLambda = 0.95
            NormaliseAdvantages = true
            NormaliseObservations = false
            NormaliseRewards = false
            Hidden = [ 64; 64 ]
            Activation = Activation.Tanh
            InitialLogStandardDeviation = 0.0
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<TrpoConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.RolloutSteps) Guard.positive (fun c -> c.RolloutSteps) (fun v c ->
                { c with RolloutSteps = v })
            OptionTable.float (nameof d.TargetKl) Guard.positiveNumber (fun c -> c.TargetKl) (fun v c ->
                { c with TargetKl = v })
            OptionTable.int (nameof d.CgSteps) Guard.positive (fun c -> c.CgSteps) (fun v c -> { c with CgSteps = v })
            OptionTable.float (nameof d.CgDamping) Guard.notNegativeNumber (fun c -> c.CgDamping) (fun v c ->
                { c with CgDamping = v })
            OptionTable.float
                (nameof d.LineSearchShrink)
                OptionTable.positiveFraction
                (fun c -> c.LineSearchShrink)
                (fun v c -> { c with LineSearchShrink = v })
            OptionTable.int (nameof d.LineSearchTries) Guard.positive (fun c -> c.LineSearchTries) (fun v c ->
                { c with LineSearchTries = v })
            OptionTable.int (nameof d.ValueEpochs) Guard.positive (fun c -> c.ValueEpochs) (fun v c ->
                { c with ValueEpochs = v })
            OptionTable.int (nameof d.ValueMinibatchSize) Guard.positive (fun c -> c.ValueMinibatchSize) (fun v c ->
                { c with ValueMinibatchSize = v })
            OptionTable.float
                (nameof d.ValueLearningRate)
                Guard.positiveNumber
                (fun c -> c.ValueLearningRate)
                (fun v c -> { c with ValueLearningRate = v })
            OptionTable.float (nameof d.Discount) OptionTable.fraction (fun c -> c.Discount) (fun v c ->
                { c with Discount = v })
            OptionTable.float (nameof d.GaeLambda) OptionTable.fraction (fun c -> c.GaeLambda) (fun v c ->
                { c with GaeLambda = v })
            OptionTable.bool (nameof d.NormaliseAdvantages) (fun c -> c.NormaliseAdvantages) (fun v c ->
                { c with NormaliseAdvantages = v })
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
    let validate (configuration: TrpoConfiguration) = OptionTable.validate table configuration

    /// The options as named texts.
    let toPairs (configuration: TrpoConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : TrpoConfiguration = OptionTable.ofPairs table pairs defaults
