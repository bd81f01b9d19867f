/// The options of phasic policy gradient, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of phasic policy gradient (Cobbe et al. 2021).
type PpgConfiguration =
    {
        /// Environment steps that training is planned for. ≥ 1.
        TotalSteps: int64
        /// Steps of each copy between updates, T. ≥ 1.
        RolloutSteps: int
        /// N_π: rollouts of a policy phase, between two auxiliary phases. ≥ 1.
        PolicyRollouts: int
        /// E_π: passes of the policy over each rollout. ≥ 1.
        PolicyEpochs: int
        /// E_V: passes of the value function over each rollout. ≥ 1.
        ValueEpochs: int
        /// E_aux: passes of an auxiliary phase over all rollouts of the phase. ≥ 1.
        AuxiliaryEpochs: int
        /// β_clone: the weight of KL(π_old ‖ π) in auxiliary phases. ≥ 0.
        CloneCoefficient: float
        /// Samples of a gradient step; rollouts are cut into minibatches of this size or a little less. ≥ 2.
        MinibatchSize: int
        /// Adam's step size. > 0.
        LearningRate: float
        /// Adam's ε. > 0.
        AdamEpsilon: float
        /// The surrogate's ε: ratios are clipped to [1 − ε, 1 + ε]. > 0.
        ClipRange: float
        /// γ in [0, 1].
        Discount: float
        /// GAE's λ in [0, 1] (Schulman et al. 2016).
        GaeLambda: float
        /// Subtract the mean of a rollout's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The weight of the entropy bonus. ≥ 0.
        EntropyCoefficient: float
        /// The gradient is scaled down to this norm. > 0.
        MaxGradientNorm: float
        /// Give the networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// Divide rewards by the running standard deviation of the discounted return, clipped to ± 10.
        NormaliseRewards: bool
        /// Widths of the hidden layers of actor and critic; at least one, whose features the auxiliary phase trains.
        Hidden: int list
        Activation: Activation
        /// The start of ln σ for continuous actions.
        InitialLogStandardDeviation: float
        /// The units in which the policy acts where actions are numbers.
        ActionScaling: ActionScaling
    }

/// Defaults, checks and texts of the options.
[<RequireQualifiedAccess>]
module PpgConfiguration =

    /// The paper's with less of everything, for small tasks: 4 rollouts of 128 steps of each copy a phase instead of 32 of 256, γ = 0.99
    /// instead of 0.999, no entropy bonus. Rewards are normalised as there: β weighs divergences against value errors of order 1.
    let defaults =
        {
            TotalSteps = 100_000L
            RolloutSteps = 128
            PolicyRollouts = 4
            PolicyEpochs = 4
            ValueEpochs = 4
            AuxiliaryEpochs = 6
            CloneCoefficient = 1.0
            MinibatchSize = 256
            LearningRate = 1e-3
            AdamEpsilon = 1e-5
            ClipRange = 0.2
            Discount = 0.99
            GaeLambda = 0.95
            NormaliseAdvantages = true
            EntropyCoefficient = 0.0
            MaxGradientNorm = 0.5
            NormaliseObservations = false
            NormaliseRewards = true
            Hidden = [ 64; 64 ]
            Activation = Activation.Tanh
            InitialLogStandardDeviation = 0.0
            ActionScaling = ActionScaling.Bounds
        }

    let private table: OptionRow<PpgConfiguration> list =
        let d = defaults

        [
            OptionTable.totalSteps (nameof d.TotalSteps) (fun c -> c.TotalSteps) (fun v c -> { c with TotalSteps = v })
            OptionTable.int (nameof d.RolloutSteps) Guard.positive (fun c -> c.RolloutSteps) (fun v c ->
                { c with RolloutSteps = v })
            OptionTable.int (nameof d.PolicyRollouts) Guard.positive (fun c -> c.PolicyRollouts) (fun v c ->
                { c with PolicyRollouts = v })
            OptionTable.int (nameof d.PolicyEpochs) Guard.positive (fun c -> c.PolicyEpochs) (fun v c ->
                { c with PolicyEpochs = v })
            OptionTable.int (nameof d.ValueEpochs) Guard.positive (fun c -> c.ValueEpochs) (fun v c ->
                { c with ValueEpochs = v })
            OptionTable.int (nameof d.AuxiliaryEpochs) Guard.positive (fun c -> c.AuxiliaryEpochs) (fun v c ->
                { c with AuxiliaryEpochs = v })
            OptionTable.float
                (nameof d.CloneCoefficient)
                Guard.notNegativeNumber
                (fun c -> c.CloneCoefficient)
                (fun v c -> { c with CloneCoefficient = v })
            OptionTable.int (nameof d.MinibatchSize) OptionTable.atLeastTwo (fun c -> c.MinibatchSize) (fun v c ->
                { c with MinibatchSize = v })
            OptionTable.float (nameof d.LearningRate) Guard.positiveNumber (fun c -> c.LearningRate) (fun v c ->
                { c with LearningRate = v })
            OptionTable.float (nameof d.AdamEpsilon) Guard.positiveNumber (fun c -> c.AdamEpsilon) (fun v c ->
                { c with AdamEpsilon = v })
            OptionTable.float (nameof d.ClipRange) Guard.positiveNumber (fun c -> c.ClipRange) (fun v c ->
                { c with ClipRange = v })
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
    let validate (c: PpgConfiguration) =
        OptionTable.validate table c

        if c.Hidden.IsEmpty then
            Guard.fail
                (nameof c.Hidden)
                "Hidden is empty; the auxiliary phase needs at least one hidden layer to train."

    /// The options as named texts.
    let toPairs (configuration: PpgConfiguration) : (string * string) list = OptionTable.toPairs table configuration

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : PpgConfiguration = OptionTable.ofPairs table pairs defaults
