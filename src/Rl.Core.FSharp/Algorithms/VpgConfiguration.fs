/// The options of the vanilla policy gradient, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of the vanilla policy gradient with generalised advantages (Schulman et al. 2016, in the form of OpenAI's Spinning Up, 2018).
type VpgConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// Steps of each copy between updates, T. ≥ 1.
        RolloutSteps: int
        /// Adam's step size for the policy. > 0.
        LearningRate: float
        /// Adam's step size for the value function. > 0.
        ValueLearningRate: float
        /// Gradient steps of the value function, each on the whole rollout, after each policy step. ≥ 1.
        ValueSteps: int
        /// γ in [0, 1].
        Discount: float
        /// GAE's λ in [0, 1] (Schulman et al. 2016).
        GaeLambda: float
        /// Subtract the mean of a rollout's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The weight of the entropy bonus. ≥ 0.
        EntropyCoefficient: float
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
module VpgConfiguration =

    /// Spinning Up's: 4,000 steps an update (500 of each of 8 copies), 80 value steps, λ = 0.97. Its policy's step of 3e-4 is meant for
    /// millions of steps; this one learns small tasks in a few hundred thousand.
    let defaults =
        {
            TotalSteps = 500_000L
            RolloutSteps = 500
            LearningRate = 1e-2
            ValueLearningRate = 1e-3
            ValueSteps = 80
            Discount = 0.99
            GaeLambda = 0.97
            NormaliseAdvantages = true
            EntropyCoefficient = 0.0
            NormaliseObservations = false
            NormaliseRewards = false
            Hidden = [ 64; 64 ]
            Activation = Activation.Tanh
            InitialLogStandardDeviation = -0.5
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<VpgConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.RolloutSteps) Guard.positive (fun c -> c.RolloutSteps) (fun v c ->
                { c with RolloutSteps = v })
            OptionTable.float (nameof d.LearningRate) Guard.positiveNumber (fun c -> c.LearningRate) (fun v c ->
                { c with LearningRate = v })
            OptionTable.float
                (nameof d.ValueLearningRate)
                Guard.positiveNumber
                (fun c -> c.ValueLearningRate)
                (fun v c -> { c with ValueLearningRate = v })
            OptionTable.int (nameof d.ValueSteps) Guard.positive (fun c -> c.ValueSteps) (fun v c ->
                { c with ValueSteps = v })
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
    let validate (configuration: VpgConfiguration) = OptionTable.validate table configuration

    /// The options as named texts.
    let toPairs (configuration: VpgConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : VpgConfiguration = OptionTable.ofPairs table pairs defaults
