/// The options of PPO, with their defaults, ranges and names.
namespace Rl.Core.Algorithms

open Rl.Core.Foundations
open Rl.Core.Networks

/// Options of proximal policy optimisation (Schulman et al. 2017).
type PpoConfiguration =
    {
        /// Environment steps that training is planned for; annealing ends there. ≥ 1.
        TotalSteps: int64
        /// Steps of each copy between updates, T. ≥ 1.
        RolloutSteps: int
        /// Samples of a gradient step; a rollout's T·N samples are cut into minibatches of this size or a little less. ≥ 2.
        MinibatchSize: int
        /// Passes over a rollout. ≥ 1.
        Epochs: int
        /// Adam's step size α. > 0.
        LearningRate: float
        /// Lower the learning rate in a straight line to 0 at `TotalSteps`.
        AnnealLearningRate: bool
        /// Adam's ε. > 0.
        AdamEpsilon: float
        /// γ in [0, 1].
        Discount: float
        /// GAE's λ in [0, 1] (Schulman et al. 2016).
        GaeLambda: float
        /// The surrogate's ε: ratios are clipped to [1 − ε, 1 + ε]; 0 for no clipping, which needs a KL penalty. ≥ 0.
        ClipRange: float
        /// Lower the clip range in a straight line to 0 at `TotalSteps`.
        AnnealClipRange: bool
        /// For negative advantages the clipped surrogate is at least this many times the advantage (Ye et al. 2020); 0 for no bound,
        /// else > 1.
        DualClip: float
        /// The first weight β of the penalty β KL(π_old ‖ π), estimated by (r − 1) − ln r; 0 for none. ≥ 0.
        KlPenalty: float
        /// β doubles after a rollout whose KL exceeds 1.5 times this and halves below it by 1.5 (section 4 of the paper); 0 keeps β. ≥ 0.
        KlPenaltyTarget: float
        /// The value loss clips the change of a value to ± this; 0 for no clipping.
        ValueClipRange: float
        /// Subtract the mean of a minibatch's advantages and divide by their standard deviation.
        NormaliseAdvantages: bool
        /// The weight of the entropy bonus. ≥ 0.
        EntropyCoefficient: float
        /// The weight of ½ (V − R)². ≥ 0.
        ValueCoefficient: float
        /// The gradient is scaled down to this norm; 0 for no bound. ≥ 0.
        MaxGradientNorm: float
        /// Stop a rollout's epochs once the approximate KL of one exceeds 1.5 times this; 0 for never.
        TargetKl: float
        /// Give the networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// Divide rewards by the running standard deviation of the discounted return, clipped to ± `RewardClip`.
        NormaliseRewards: bool
        /// The bound of normalised rewards. > 0.
        RewardClip: float
        /// Widths of the hidden layers of actor and critic.
        Hidden: int list
        Activation: Activation
        /// Actor and critic share the hidden layers; with images they always do.
        SharedTrunk: bool
        /// Layers for images.
        Convolutions: Convolutions
        /// A recurrent layer after what actor and critic share, for environments that are partially observed.
        Recurrence: RecurrentCell option
        /// Units of the recurrent layer. ≥ 1.
        RecurrentUnits: int
        /// Gradients flow through this many steps of a recurrent layer; 0 for the whole rollout, else a divisor of `RolloutSteps`.
        SequenceLength: int
        /// Orthogonal starting weights and biases of 0; otherwise PyTorch's default start.
        OrthogonalInitialisation: bool
        /// The start of ln σ for continuous actions.
        InitialLogStandardDeviation: float
        /// Noise that depends on the state and stays for several steps, for continuous actions (Raffin et al. 2022).
        StateDependentExploration: bool
        /// Steps after which state-dependent exploration draws new noise; 0: at the start of each rollout. ≥ 0.
        ExplorationSteps: int
        /// The units in which the policy acts where actions are numbers.
        ActionScaling: ActionScaling
    }

    /// What the network is made of.
    member internal this.Network: NetworkOptions =
        {
            Hidden = this.Hidden
            Activation = this.Activation
            SharedTrunk = this.SharedTrunk
            Convolutions = this.Convolutions
            Recurrence = this.Recurrence
            RecurrentUnits = this.RecurrentUnits
            OrthogonalInitialisation = this.OrthogonalInitialisation
            InitialLogStandardDeviation = this.InitialLogStandardDeviation
            StateDependentExploration = this.StateDependentExploration
        }

    /// L: the steps of a sequence that is learned from as a whole; 1 without a recurrent layer.
    member internal this.Sequence =
        if this.Recurrence.IsNone then 1
        elif this.SequenceLength = 0 then this.RolloutSteps
        else this.SequenceLength

/// Defaults, checks and texts of the options.
[<RequireQualifiedAccess>]
module PpoConfiguration =

    /// Short rollouts in several copies, with both the learning rate and the clip range annealed as in the paper's Atari experiments.
    let defaults =
        {
            TotalSteps = 100_000L
            RolloutSteps = 128
            MinibatchSize = 256
            Epochs = 10
            LearningRate = 1e-3
            AnnealLearningRate = true
            AdamEpsilon = 1e-5
            Discount = 0.99
            GaeLambda = 0.95
            ClipRange = 0.2
            AnnealClipRange = true
            DualClip = 0.0
            KlPenalty = 0.0
            KlPenaltyTarget = 0.0
            ValueClipRange = 0.0
            NormaliseAdvantages = true
            EntropyCoefficient = 0.0
            ValueCoefficient = 0.5
            MaxGradientNorm = 0.5
            TargetKl = 0.0
            NormaliseObservations = false
            NormaliseRewards = false
            RewardClip = 10.0
            Hidden = [ 64; 64 ]
            Activation = Activation.Tanh
            SharedTrunk = false
            Convolutions = Convolutions.Automatic
            Recurrence = None
            RecurrentUnits = 64
            SequenceLength = 16
            OrthogonalInitialisation = true
            InitialLogStandardDeviation = 0.0
            StateDependentExploration = false
            ExplorationSteps = 0
            ActionScaling = ActionScaling.Bounds
        }

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: PpoConfiguration) =
        if c.TotalSteps < 1L then
            Guard.fail (nameof c.TotalSteps) $"TotalSteps is {c.TotalSteps}; it must be at least 1."

        Guard.positive (nameof c.RolloutSteps) c.RolloutSteps
        Guard.inIntRange (nameof c.MinibatchSize) 2 System.Int32.MaxValue c.MinibatchSize
        Guard.positive (nameof c.Epochs) c.Epochs
        Guard.positiveNumber (nameof c.LearningRate) c.LearningRate
        Guard.positiveNumber (nameof c.AdamEpsilon) c.AdamEpsilon
        Guard.inRange (nameof c.Discount) 0.0 1.0 c.Discount
        Guard.inRange (nameof c.GaeLambda) 0.0 1.0 c.GaeLambda
        Guard.notNegativeNumber (nameof c.ClipRange) c.ClipRange
        Guard.notNegativeNumber (nameof c.DualClip) c.DualClip
        Guard.notNegativeNumber (nameof c.KlPenalty) c.KlPenalty
        Guard.notNegativeNumber (nameof c.KlPenaltyTarget) c.KlPenaltyTarget
        Guard.notNegativeNumber (nameof c.ValueClipRange) c.ValueClipRange
        Guard.notNegativeNumber (nameof c.EntropyCoefficient) c.EntropyCoefficient
        Guard.notNegativeNumber (nameof c.ValueCoefficient) c.ValueCoefficient
        Guard.notNegativeNumber (nameof c.MaxGradientNorm) c.MaxGradientNorm
        Guard.positiveNumber (nameof c.RewardClip) c.RewardClip
        Guard.notNegativeNumber (nameof c.TargetKl) c.TargetKl
        c.Hidden |> List.iter (Guard.inIntRange (nameof c.Hidden) 1 Settings.WidestLayer)
        Guard.finite (nameof c.InitialLogStandardDeviation) c.InitialLogStandardDeviation

        Guard.inIntRange (nameof c.RecurrentUnits) 1 Settings.WidestLayer c.RecurrentUnits
        Guard.notNegative (nameof c.SequenceLength) c.SequenceLength
        Guard.notNegative (nameof c.ExplorationSteps) c.ExplorationSteps

        if c.DualClip > 0.0 && c.DualClip <= 1.0 then
            Guard.fail (nameof c.DualClip) $"DualClip is {c.DualClip}; it must be 0 for none, or more than 1."

        if c.ClipRange = 0.0 && c.KlPenalty = 0.0 then
            Guard.fail
                (nameof c.ClipRange)
                "ClipRange and KlPenalty are both 0; nothing would keep the policy near the old one."

        if c.Recurrence.IsSome && c.RolloutSteps % c.Sequence <> 0 then
            Guard.fail
                (nameof c.SequenceLength)
                $"SequenceLength is {c.SequenceLength}; it must divide RolloutSteps, {c.RolloutSteps}, or be 0."

        match c.Convolutions with
        | Convolutions.Layers layers ->
            for channels, kernel, stride in layers do
                Guard.positive (nameof c.Convolutions) channels
                Guard.positive (nameof c.Convolutions) kernel
                Guard.positive (nameof c.Convolutions) stride
        | Convolutions.Automatic -> ()

        if c.SharedTrunk && c.Hidden.IsEmpty then
            Guard.fail (nameof c.SharedTrunk) "A shared trunk needs at least one hidden layer; Hidden is empty."

    /// The options as named texts.
    let toPairs (c: PpoConfiguration) : (string * string) list =
        [
            nameof c.TotalSteps, Settings.ofLong c.TotalSteps
            nameof c.RolloutSteps, Settings.ofInt c.RolloutSteps
            nameof c.MinibatchSize, Settings.ofInt c.MinibatchSize
            nameof c.Epochs, Settings.ofInt c.Epochs
            nameof c.LearningRate, Settings.ofFloat c.LearningRate
            nameof c.AnnealLearningRate, Settings.ofBool c.AnnealLearningRate
            nameof c.AdamEpsilon, Settings.ofFloat c.AdamEpsilon
            nameof c.Discount, Settings.ofFloat c.Discount
            nameof c.GaeLambda, Settings.ofFloat c.GaeLambda
            nameof c.ClipRange, Settings.ofFloat c.ClipRange
            nameof c.AnnealClipRange, Settings.ofBool c.AnnealClipRange
            nameof c.DualClip, Settings.ofFloat c.DualClip
            nameof c.KlPenalty, Settings.ofFloat c.KlPenalty
            nameof c.KlPenaltyTarget, Settings.ofFloat c.KlPenaltyTarget
            nameof c.ValueClipRange, Settings.ofFloat c.ValueClipRange
            nameof c.NormaliseAdvantages, Settings.ofBool c.NormaliseAdvantages
            nameof c.EntropyCoefficient, Settings.ofFloat c.EntropyCoefficient
            nameof c.ValueCoefficient, Settings.ofFloat c.ValueCoefficient
            nameof c.MaxGradientNorm, Settings.ofFloat c.MaxGradientNorm
            nameof c.TargetKl, Settings.ofFloat c.TargetKl
            nameof c.NormaliseObservations, Settings.ofBool c.NormaliseObservations
            nameof c.NormaliseRewards, Settings.ofBool c.NormaliseRewards
            nameof c.RewardClip, Settings.ofFloat c.RewardClip
            nameof c.Hidden, Settings.ofWidths c.Hidden
            nameof c.Activation, Settings.ofActivation c.Activation
            nameof c.SharedTrunk, Settings.ofBool c.SharedTrunk
            nameof c.Convolutions, Settings.ofConvolutions c.Convolutions
            nameof c.Recurrence, Settings.ofRecurrence c.Recurrence
            nameof c.RecurrentUnits, Settings.ofInt c.RecurrentUnits
            nameof c.SequenceLength, Settings.ofInt c.SequenceLength
            nameof c.OrthogonalInitialisation, Settings.ofBool c.OrthogonalInitialisation
            nameof c.InitialLogStandardDeviation, Settings.ofFloat c.InitialLogStandardDeviation
            nameof c.StateDependentExploration, Settings.ofBool c.StateDependentExploration
            nameof c.ExplorationSteps, Settings.ofInt c.ExplorationSteps
            nameof c.ActionScaling, Settings.ofScaling c.ActionScaling
        ]

    let private setters: (string * (string -> PpoConfiguration -> PpoConfiguration)) list =
        let d = defaults
        let int name set = name, (fun text c -> set (Settings.toInt name text) c)
        let float name set = name, (fun text c -> set (Settings.toFloat name text) c)
        let bool name set = name, (fun text c -> set (Settings.toBool name text) c)

        [
            nameof d.TotalSteps, (fun text c -> { c with TotalSteps = Settings.toLong (nameof d.TotalSteps) text })
            int (nameof d.RolloutSteps) (fun v c -> { c with RolloutSteps = v })
            int (nameof d.MinibatchSize) (fun v c -> { c with MinibatchSize = v })
            int (nameof d.Epochs) (fun v c -> { c with Epochs = v })
            float (nameof d.LearningRate) (fun v c -> { c with LearningRate = v })
            bool (nameof d.AnnealLearningRate) (fun v c -> { c with AnnealLearningRate = v })
            float (nameof d.AdamEpsilon) (fun v c -> { c with AdamEpsilon = v })
            float (nameof d.Discount) (fun v c -> { c with Discount = v })
            float (nameof d.GaeLambda) (fun v c -> { c with GaeLambda = v })
            float (nameof d.ClipRange) (fun v c -> { c with ClipRange = v })
            bool (nameof d.AnnealClipRange) (fun v c -> { c with AnnealClipRange = v })
            float (nameof d.DualClip) (fun v c -> { c with DualClip = v })
            float (nameof d.KlPenalty) (fun v c -> { c with KlPenalty = v })
            float (nameof d.KlPenaltyTarget) (fun v c -> { c with KlPenaltyTarget = v })
            float (nameof d.ValueClipRange) (fun v c -> { c with ValueClipRange = v })
            bool (nameof d.NormaliseAdvantages) (fun v c -> { c with NormaliseAdvantages = v })
            float (nameof d.EntropyCoefficient) (fun v c -> { c with EntropyCoefficient = v })
            float (nameof d.ValueCoefficient) (fun v c -> { c with ValueCoefficient = v })
            float (nameof d.MaxGradientNorm) (fun v c -> { c with MaxGradientNorm = v })
            float (nameof d.TargetKl) (fun v c -> { c with TargetKl = v })
            bool (nameof d.NormaliseObservations) (fun v c -> { c with NormaliseObservations = v })
            bool (nameof d.NormaliseRewards) (fun v c -> { c with NormaliseRewards = v })
            float (nameof d.RewardClip) (fun v c -> { c with RewardClip = v })
            nameof d.Hidden, (fun text c -> { c with Hidden = Settings.toWidths (nameof d.Hidden) text })
            nameof d.Activation,
            (fun text c -> { c with Activation = Settings.toActivation (nameof d.Activation) text })
            bool (nameof d.SharedTrunk) (fun v c -> { c with SharedTrunk = v })
            nameof d.Convolutions,
            (fun text c -> { c with Convolutions = Settings.toConvolutions (nameof d.Convolutions) text })
            nameof d.Recurrence,
            (fun text c -> { c with Recurrence = Settings.toRecurrence (nameof d.Recurrence) text })
            int (nameof d.RecurrentUnits) (fun v c -> { c with RecurrentUnits = v })
            int (nameof d.SequenceLength) (fun v c -> { c with SequenceLength = v })
            bool (nameof d.OrthogonalInitialisation) (fun v c -> { c with OrthogonalInitialisation = v })
            float (nameof d.InitialLogStandardDeviation) (fun v c -> { c with InitialLogStandardDeviation = v })
            bool (nameof d.StateDependentExploration) (fun v c -> { c with StateDependentExploration = v })
            int (nameof d.ExplorationSteps) (fun v c -> { c with ExplorationSteps = v })
            nameof d.ActionScaling,
            (fun text c -> { c with ActionScaling = Settings.toScaling (nameof d.ActionScaling) text })
        ]

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : PpoConfiguration = Settings.apply setters pairs defaults
