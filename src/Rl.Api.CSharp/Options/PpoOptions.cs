using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>Options of proximal policy optimisation (Schulman et al. 2017). Every default is the core's.</summary>
public sealed record PpoOptions : AgentOptions
{
    private static readonly PpoConfiguration Defaults = PpoConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "ppo";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>Steps of each copy between updates, T. At least 1.</summary>
    public int RolloutSteps { get; init; } = Defaults.RolloutSteps;

    /// <summary>Samples of a gradient step; a rollout's T·N samples are cut into minibatches of this size or a little less. At least 2.</summary>
    public int MinibatchSize { get; init; } = Defaults.MinibatchSize;

    /// <summary>Passes over a rollout. At least 1.</summary>
    public int Epochs { get; init; } = Defaults.Epochs;

    /// <summary>Adam's step size α. Greater than 0.</summary>
    public double LearningRate { get; init; } = Defaults.LearningRate;

    /// <summary>Lower the learning rate in a straight line to 0 at <see cref="TotalSteps"/>.</summary>
    public bool AnnealLearningRate { get; init; } = Defaults.AnnealLearningRate;

    /// <summary>Adam's ε. Greater than 0.</summary>
    public double AdamEpsilon { get; init; } = Defaults.AdamEpsilon;

    /// <summary>γ, in [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>The λ of generalised advantage estimation, in [0, 1] (Schulman et al. 2016).</summary>
    public double GaeLambda { get; init; } = Defaults.GaeLambda;

    /// <summary>The surrogate's ε: probability ratios are clipped to [1 − ε, 1 + ε]; 0 for no clipping, which needs a <see cref="KlPenalty"/>. Not negative.</summary>
    public double ClipRange { get; init; } = Defaults.ClipRange;

    /// <summary>Lower the clip range in a straight line to 0 at <see cref="TotalSteps"/>.</summary>
    public bool AnnealClipRange { get; init; } = Defaults.AnnealClipRange;

    /// <summary>For negative advantages the clipped surrogate is at least this many times the advantage (Ye et al. 2020); 0 for no bound, else greater than 1.</summary>
    public double DualClip { get; init; } = Defaults.DualClip;

    /// <summary>The first weight β of the penalty β KL(π_old ‖ π); 0 for none. Not negative.</summary>
    public double KlPenalty { get; init; } = Defaults.KlPenalty;

    /// <summary>β doubles after a rollout whose KL divergence exceeds 1.5 times this, and halves below it by 1.5; 0 keeps β.</summary>
    public double KlPenaltyTarget { get; init; } = Defaults.KlPenaltyTarget;

    /// <summary>The value loss clips the change of a value to ± this; 0 for no clipping.</summary>
    public double ValueClipRange { get; init; } = Defaults.ValueClipRange;

    /// <summary>Subtract the mean of a minibatch's advantages and divide by their standard deviation.</summary>
    public bool NormaliseAdvantages { get; init; } = Defaults.NormaliseAdvantages;

    /// <summary>The weight of the entropy bonus. Not negative.</summary>
    public double EntropyCoefficient { get; init; } = Defaults.EntropyCoefficient;

    /// <summary>The weight of ½ (V − R)². Not negative.</summary>
    public double ValueCoefficient { get; init; } = Defaults.ValueCoefficient;

    /// <summary>The gradient is scaled down to this norm; 0 for no bound. Not negative.</summary>
    public double MaxGradientNorm { get; init; } = Defaults.MaxGradientNorm;

    /// <summary>Stop a rollout's epochs once the approximate KL divergence of one exceeds 1.5 times this; 0 for never.</summary>
    public double TargetKl { get; init; } = Defaults.TargetKl;

    /// <summary>Give the networks observations of running mean 0 and variance 1, clipped to ± 10.</summary>
    public bool NormaliseObservations { get; init; } = Defaults.NormaliseObservations;

    /// <summary>Divide rewards by the running standard deviation of the discounted return, clipped to ± <see cref="RewardClip"/>.</summary>
    public bool NormaliseRewards { get; init; } = Defaults.NormaliseRewards;

    /// <summary>The bound of normalised rewards. Greater than 0.</summary>
    public double RewardClip { get; init; } = Defaults.RewardClip;

    /// <summary>Widths of the hidden layers of actor and critic; each at least 1.</summary>
    public IReadOnlyList<int> Hidden { get; init => field = Convert.ToValues(value); } = Convert.ToList(Defaults.Hidden);

    /// <summary>What stands after each hidden layer.</summary>
    public Activation Activation { get; init; } = Convert.ToActivation(Defaults.Activation);

    /// <summary>Actor and critic share the hidden layers; with images they always do.</summary>
    public bool SharedTrunk { get; init; } = Defaults.SharedTrunk;

    /// <summary>Layers for observations that are images: "auto" (those of DQN for Atari for 36 pixels and more, else those of MinAtar), "none", or channels x kernel x stride such as "32x8x4-64x4x2".</summary>
    public string Convolutions { get; init; } = "auto";

    /// <summary>A recurrent layer after what actor and critic share, for environments that are partially observed.</summary>
    public Recurrence Recurrence { get; init; } = Recurrence.None;

    /// <summary>Units of the recurrent layer. At least 1.</summary>
    public int RecurrentUnits { get; init; } = Defaults.RecurrentUnits;

    /// <summary>Gradients flow through this many steps of the recurrent layer; 0 for the whole rollout, else a divisor of <see cref="RolloutSteps"/>.</summary>
    public int SequenceLength { get; init; } = Defaults.SequenceLength;

    /// <summary>Orthogonal starting weights and biases of 0; otherwise PyTorch's default start.</summary>
    public bool OrthogonalInitialisation { get; init; } = Defaults.OrthogonalInitialisation;

    /// <summary>The start of ln σ for continuous actions.</summary>
    public double InitialLogStandardDeviation { get; init; } = Defaults.InitialLogStandardDeviation;

    /// <summary>Noise that depends on the state and stays for several steps, for continuous actions (Raffin et al. 2022).</summary>
    public bool StateDependentExploration { get; init; } = Defaults.StateDependentExploration;

    /// <summary>Steps after which state-dependent exploration draws new noise; 0: at the start of each rollout.</summary>
    public int ExplorationSteps { get; init; } = Defaults.ExplorationSteps;

    /// <summary>The units in which the policy acts where actions are numbers: those of their finite bounds, or the environment's own.</summary>
    public ActionScaling ActionScaling { get; init; } = Convert.ToScaling(Defaults.ActionScaling);

    internal PpoConfiguration ToCore() => PpoConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static PpoOptions OfCore(PpoConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        RolloutSteps = core.RolloutSteps,
        MinibatchSize = core.MinibatchSize,
        Epochs = core.Epochs,
        LearningRate = core.LearningRate,
        AnnealLearningRate = core.AnnealLearningRate,
        AdamEpsilon = core.AdamEpsilon,
        Discount = core.Discount,
        GaeLambda = core.GaeLambda,
        ClipRange = core.ClipRange,
        AnnealClipRange = core.AnnealClipRange,
        DualClip = core.DualClip,
        KlPenalty = core.KlPenalty,
        KlPenaltyTarget = core.KlPenaltyTarget,
        ValueClipRange = core.ValueClipRange,
        NormaliseAdvantages = core.NormaliseAdvantages,
        EntropyCoefficient = core.EntropyCoefficient,
        ValueCoefficient = core.ValueCoefficient,
        MaxGradientNorm = core.MaxGradientNorm,
        TargetKl = core.TargetKl,
        NormaliseObservations = core.NormaliseObservations,
        NormaliseRewards = core.NormaliseRewards,
        RewardClip = core.RewardClip,
        Hidden = Convert.ToList(core.Hidden),
        Activation = Convert.ToActivation(core.Activation),
        SharedTrunk = core.SharedTrunk,
        Convolutions = Convert.Text(core.Convolutions),
        Recurrence = Convert.ToRecurrence(core.Recurrence),
        RecurrentUnits = core.RecurrentUnits,
        SequenceLength = core.SequenceLength,
        OrthogonalInitialisation = core.OrthogonalInitialisation,
        InitialLogStandardDeviation = core.InitialLogStandardDeviation,
        StateDependentExploration = core.StateDependentExploration,
        ExplorationSteps = core.ExplorationSteps,
        ActionScaling = Convert.ToScaling(core.ActionScaling),
    };

    internal override AgentOptions WithTotalSteps(long totalSteps) => this with { TotalSteps = totalSteps };

    internal override Learner CreateLearner(BatchEnvironment environment, Workers workers) =>
        Ppo.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => PpoConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(RolloutSteps), Convert.Text(RolloutSteps)),
        new(nameof(MinibatchSize), Convert.Text(MinibatchSize)),
        new(nameof(Epochs), Convert.Text(Epochs)),
        new(nameof(LearningRate), Convert.Text(LearningRate)),
        new(nameof(AnnealLearningRate), Convert.Text(AnnealLearningRate)),
        new(nameof(AdamEpsilon), Convert.Text(AdamEpsilon)),
        new(nameof(Discount), Convert.Text(Discount)),
        new(nameof(GaeLambda), Convert.Text(GaeLambda)),
        new(nameof(ClipRange), Convert.Text(ClipRange)),
        new(nameof(AnnealClipRange), Convert.Text(AnnealClipRange)),
        new(nameof(DualClip), Convert.Text(DualClip)),
        new(nameof(KlPenalty), Convert.Text(KlPenalty)),
        new(nameof(KlPenaltyTarget), Convert.Text(KlPenaltyTarget)),
        new(nameof(ValueClipRange), Convert.Text(ValueClipRange)),
        new(nameof(NormaliseAdvantages), Convert.Text(NormaliseAdvantages)),
        new(nameof(EntropyCoefficient), Convert.Text(EntropyCoefficient)),
        new(nameof(ValueCoefficient), Convert.Text(ValueCoefficient)),
        new(nameof(MaxGradientNorm), Convert.Text(MaxGradientNorm)),
        new(nameof(TargetKl), Convert.Text(TargetKl)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(NormaliseRewards), Convert.Text(NormaliseRewards)),
        new(nameof(RewardClip), Convert.Text(RewardClip)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(SharedTrunk), Convert.Text(SharedTrunk)),
        new(nameof(Convolutions), Convolutions),
        new(nameof(Recurrence), Convert.Text(Recurrence)),
        new(nameof(RecurrentUnits), Convert.Text(RecurrentUnits)),
        new(nameof(SequenceLength), Convert.Text(SequenceLength)),
        new(nameof(OrthogonalInitialisation), Convert.Text(OrthogonalInitialisation)),
        new(nameof(InitialLogStandardDeviation), Convert.Text(InitialLogStandardDeviation)),
        new(nameof(StateDependentExploration), Convert.Text(StateDependentExploration)),
        new(nameof(ExplorationSteps), Convert.Text(ExplorationSteps)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
