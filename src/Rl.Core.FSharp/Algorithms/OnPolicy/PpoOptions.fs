/// The options of proximal policy optimisation.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// Options of proximal policy optimisation (Schulman et al. 2017).
type PpoOptions =
    {
        Plan: PlanOptions
        Rollout: OnPolicyOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        Rate: RateOptions
        /// Samples of a gradient step; a rollout's T·N samples are cut into minibatches of this size or a little less.
        MinibatchSize: int
        /// Passes over a rollout.
        Epochs: int
        /// Adam's ε.
        AdamEpsilon: float
        Optimiser: OptimiserOptions
        /// The surrogate's ε: probability ratios are clipped to [1 − ε, 1 + ε]; 0 for no clipping, which needs a
        /// `KlPenalty`.
        ClipRange: RateSchedule
        /// For negative advantages the clipped surrogate is at least this many times the advantage (Ye et al. 2020); 0
        /// for no bound.
        DualClip: float
        /// The first weight β of the penalty β KL(π_old ‖ π), estimated by (r − 1) − ln r; 0 for none.
        KlPenalty: float
        /// β doubles after a rollout whose KL divergence exceeds 1.5 times this, and halves below it by 1.5 (section 4
        /// of the paper); 0 keeps β.
        KlPenaltyTarget: float
        /// The value loss clips the change of a value to ± this; 0 for no clipping.
        ValueClipRange: RateSchedule
        /// The weight of the entropy bonus.
        EntropyCoefficient: RateSchedule
        /// The weight of ½ (V − R)².
        ValueCoefficient: float
        /// The gradient is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        /// Stop a rollout's epochs once the approximate KL divergence of one exceeds 1.5 times this; 0 for never.
        TargetKl: RateSchedule
        /// The bound of normalised rewards.
        RewardClip: float
        /// Actor and critic share the hidden layers; with images they always do.
        SharedTrunk: bool
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
        /// A recurrent layer after what actor and critic share, for environments that are partially observed.
        Recurrence: RecurrentCell option
        /// Units of the recurrent layer.
        RecurrentUnits: int
        /// Gradients flow through this many steps of the recurrent layer; 0 for the whole rollout, else a divisor of
        /// `RolloutSteps`.
        SequenceLength: int
        /// Orthogonal starting weights and biases of 0; otherwise PyTorch's default start.
        OrthogonalInitialisation: bool
        /// Noise that depends on the state and stays for several steps, for continuous actions (Raffin et al. 2022).
        StateDependentExploration: bool
        /// Steps after which state-dependent exploration draws new noise; 0: at the start of each rollout.
        ExplorationSteps: int
    }

    /// What the network is made of.
    member internal this.Layers: LayerOptions =
        {
            Design = this.Network.Network
            Hidden = this.Network.Hidden
            Activation = this.Network.Activation
            SharedTrunk = this.SharedTrunk
            Convolutions = this.Convolutions
            Recurrence = this.Recurrence
            RecurrentUnits = this.RecurrentUnits
            OrthogonalInitialisation = this.OrthogonalInitialisation
            InitialLogStandardDeviation = this.Exploration.InitialLogStandardDeviation
            StateDependentExploration = this.StateDependentExploration
        }

    /// L: the steps of a sequence that is learned from as a whole; 1 without a recurrent layer.
    member internal this.Sequence =
        if this.Recurrence.IsNone then 1
        elif this.SequenceLength = 0 then this.Rollout.RolloutSteps
        else this.SequenceLength

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module PpoOptions =

    /// Short rollouts in several copies, with a learning rate and a clip range that both fall to 0 as in the paper's
    /// Atari experiments.
    let defaults =
        {
            Plan = { TotalSteps = 100_000L }
            Rollout = OnPolicyOptions.defaults 128 0.95
            Network = NetworkOptions.defaults [ 64; 64 ]
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Rate = { LearningRate = RateSchedule.linear 1e-3 0.0 }
            MinibatchSize = 256
            Epochs = 10
            AdamEpsilon = 1e-5
            Optimiser = OptimiserOptions.defaults
            ClipRange = RateSchedule.linear 0.2 0.0
            DualClip = 0.0
            KlPenalty = 0.0
            KlPenaltyTarget = 0.0
            ValueClipRange = RateSchedule.Constant 0.0
            EntropyCoefficient = RateSchedule.Constant 0.0
            ValueCoefficient = 0.5
            MaxGradientNorm = 0.5
            TargetKl = RateSchedule.Constant 0.0
            RewardClip = 10.0
            SharedTrunk = false
            Convolutions = Convolutions.Automatic
            Recurrence = None
            RecurrentUnits = 64
            SequenceLength = 16
            OrthogonalInitialisation = true
            StateDependentExploration = false
            ExplorationSteps = 0
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<PpoOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: PpoOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let rollout rows = Options.group (fun (c: PpoOptions) -> c.Rollout) (fun v c -> { c with Rollout = v }) rows
        let network rows = Options.group (fun (c: PpoOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: PpoOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let rate rows = Options.group (fun (c: PpoOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        let optimiser rows =
            Options.group (fun (c: PpoOptions) -> c.Optimiser) (fun v c -> { c with Optimiser = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! rollout OnPolicyOptions.steps
            Options.whole (nameof d.MinibatchSize) (Range.atLeast 2.0) _.MinibatchSize (fun v c ->
                { c with MinibatchSize = v })
            Options.whole (nameof d.Epochs) (Range.atLeast 1.0) _.Epochs (fun v c -> { c with Epochs = v })
            yield! rate RateOptions.rows
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            yield! optimiser OptimiserOptions.rows
            yield! rollout OnPolicyOptions.credit
            Options.schedule (nameof d.ClipRange) Range.notNegative _.ClipRange (fun v c -> { c with ClipRange = v })
            Options.number (nameof d.DualClip) (Range.above 1.0 |> Range.orZero) _.DualClip (fun v c ->
                { c with DualClip = v })
            Options.number (nameof d.KlPenalty) Range.notNegative _.KlPenalty (fun v c -> { c with KlPenalty = v })
            Options.number (nameof d.KlPenaltyTarget) Range.notNegative _.KlPenaltyTarget (fun v c ->
                { c with KlPenaltyTarget = v })
            Options.schedule (nameof d.ValueClipRange) Range.notNegative _.ValueClipRange (fun v c ->
                { c with ValueClipRange = v })
            yield!
                rollout OnPolicyOptions.normaliseAdvantages
                |> Options.meaning
                    (nameof d.Rollout.NormaliseAdvantages)
                    "Subtract the mean of a minibatch's advantages and divide by their standard deviation."
            Options.schedule (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.number (nameof d.ValueCoefficient) Range.notNegative _.ValueCoefficient (fun v c ->
                { c with ValueCoefficient = v })
            Options.number (nameof d.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            Options.schedule (nameof d.TargetKl) Range.notNegative _.TargetKl (fun v c -> { c with TargetKl = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                rollout OnPolicyOptions.normaliseRewards
                |> Options.meaning
                    (nameof d.Rollout.NormaliseRewards)
                    ("Divide rewards by the running standard deviation of the discounted return, clipped to ± "
                     + "`RewardClip`.")
            Options.number (nameof d.RewardClip) Range.positive _.RewardClip (fun v c -> { c with RewardClip = v })
            yield! network NetworkOptions.layers
            Options.flag (nameof d.SharedTrunk) _.SharedTrunk (fun v c -> { c with SharedTrunk = v })
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
            Options.recurrence (nameof d.Recurrence) _.Recurrence (fun v c -> { c with Recurrence = v })
            Options.whole (nameof d.RecurrentUnits) Range.widths _.RecurrentUnits (fun v c ->
                { c with RecurrentUnits = v })
            Options.whole (nameof d.SequenceLength) (Range.atLeast 0.0) _.SequenceLength (fun v c ->
                { c with SequenceLength = v })
            Options.flag (nameof d.OrthogonalInitialisation) _.OrthogonalInitialisation (fun v c ->
                { c with OrthogonalInitialisation = v })
            yield! exploration ExplorationOptions.rows
            Options.flag (nameof d.StateDependentExploration) _.StateDependentExploration (fun v c ->
                { c with StateDependentExploration = v })
            Options.whole (nameof d.ExplorationSteps) (Range.atLeast 0.0) _.ExplorationSteps (fun v c ->
                { c with ExplorationSteps = v })
            yield! network NetworkOptions.actionScaling
        ]
        |> Options.former
            (nameof d.ClipRange)
            [ Options.formerFall "AnnealClipRange" (fun fall c -> { c with ClipRange = fall c.ClipRange }) ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: PpoOptions) =
        NetworkOptions.validate rows defaults c

        if RateSchedule.isZero c.ClipRange && c.KlPenalty = 0.0 then
            Guard.fail
                (nameof c.ClipRange)
                "ClipRange and KlPenalty are both 0; nothing would keep the policy near the old one."

        if c.Recurrence.IsSome && c.Rollout.RolloutSteps % c.Sequence <> 0 then
            Guard.fail
                (nameof c.SequenceLength)
                $"SequenceLength is {c.SequenceLength}; it must divide RolloutSteps, {c.Rollout.RolloutSteps}, or be 0."

        if c.SharedTrunk && c.Network.Hidden.IsEmpty && c.Network.Network.IsAutomatic then
            Guard.fail (nameof c.SharedTrunk) "A shared trunk needs at least one hidden layer; Hidden is empty."

    /// The options as named texts.
    let toPairs (options: PpoOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : PpoOptions = Options.ofPairs rows pairs defaults
