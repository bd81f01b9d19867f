using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>Options of phasic policy gradient (Cobbe et al. 2021). Every default is the core's.</summary>
public sealed record PpgOptions : AgentOptions
{
    private static readonly PpgConfiguration Defaults = PpgConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "ppg";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>Steps of each copy between updates, T. At least 1.</summary>
    public int RolloutSteps { get; init; } = Defaults.RolloutSteps;

    /// <summary>N_π: rollouts of a policy phase, between two auxiliary phases. At least 1.</summary>
    public int PolicyRollouts { get; init; } = Defaults.PolicyRollouts;

    /// <summary>E_π: passes of the policy over each rollout. At least 1.</summary>
    public int PolicyEpochs { get; init; } = Defaults.PolicyEpochs;

    /// <summary>E_V: passes of the value function over each rollout. At least 1.</summary>
    public int ValueEpochs { get; init; } = Defaults.ValueEpochs;

    /// <summary>E_aux: passes of an auxiliary phase over all rollouts of the phase. At least 1.</summary>
    public int AuxiliaryEpochs { get; init; } = Defaults.AuxiliaryEpochs;

    /// <summary>β_clone: the weight of KL(π_old ‖ π) in auxiliary phases. Not negative.</summary>
    public double CloneCoefficient { get; init; } = Defaults.CloneCoefficient;

    /// <summary>Samples of a gradient step; rollouts are cut into minibatches of this size or a little less. At least 2.</summary>
    public int MinibatchSize { get; init; } = Defaults.MinibatchSize;

    /// <summary>Adam's step size. Greater than 0.</summary>
    public double LearningRate { get; init; } = Defaults.LearningRate;

    /// <summary>Adam's ε. Greater than 0.</summary>
    public double AdamEpsilon { get; init; } = Defaults.AdamEpsilon;

    /// <summary>The surrogate's ε: ratios are clipped to [1 − ε, 1 + ε]. Greater than 0.</summary>
    public double ClipRange { get; init; } = Defaults.ClipRange;

    /// <summary>γ, in [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>The λ of generalised advantage estimation, in [0, 1] (Schulman et al. 2016).</summary>
    public double GaeLambda { get; init; } = Defaults.GaeLambda;

    /// <summary>Subtract the mean of a rollout's advantages and divide by their standard deviation.</summary>
    public bool NormaliseAdvantages { get; init; } = Defaults.NormaliseAdvantages;

    /// <summary>The weight of the entropy bonus. Not negative.</summary>
    public double EntropyCoefficient { get; init; } = Defaults.EntropyCoefficient;

    /// <summary>The gradient is scaled down to this norm. Greater than 0.</summary>
    public double MaxGradientNorm { get; init; } = Defaults.MaxGradientNorm;

    /// <summary>Give the networks observations of running mean 0 and variance 1, clipped to ± 10.</summary>
    public bool NormaliseObservations { get; init; } = Defaults.NormaliseObservations;

    /// <summary>Divide rewards by the running standard deviation of the discounted return, clipped to ± 10.</summary>
    public bool NormaliseRewards { get; init; } = Defaults.NormaliseRewards;

    /// <summary>Widths of the hidden layers of actor and critic; at least one, whose features the auxiliary phase trains; each at least 1.</summary>
    public IReadOnlyList<int> Hidden { get; init => field = Convert.ToValues(value); } = Convert.ToList(Defaults.Hidden);

    /// <summary>What stands after each hidden layer.</summary>
    public Activation Activation { get; init; } = Convert.ToActivation(Defaults.Activation);

    /// <summary>The start of ln σ for continuous actions.</summary>
    public double InitialLogStandardDeviation { get; init; } = Defaults.InitialLogStandardDeviation;

    /// <summary>The units in which the policy acts where actions are numbers: those of their finite bounds, or the environment's own.</summary>
    public ActionScaling ActionScaling { get; init; } = Convert.ToScaling(Defaults.ActionScaling);

    internal PpgConfiguration ToCore() => PpgConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static PpgOptions OfCore(PpgConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        RolloutSteps = core.RolloutSteps,
        PolicyRollouts = core.PolicyRollouts,
        PolicyEpochs = core.PolicyEpochs,
        ValueEpochs = core.ValueEpochs,
        AuxiliaryEpochs = core.AuxiliaryEpochs,
        CloneCoefficient = core.CloneCoefficient,
        MinibatchSize = core.MinibatchSize,
        LearningRate = core.LearningRate,
        AdamEpsilon = core.AdamEpsilon,
        ClipRange = core.ClipRange,
        Discount = core.Discount,
        GaeLambda = core.GaeLambda,
        NormaliseAdvantages = core.NormaliseAdvantages,
        EntropyCoefficient = core.EntropyCoefficient,
        MaxGradientNorm = core.MaxGradientNorm,
        NormaliseObservations = core.NormaliseObservations,
        NormaliseRewards = core.NormaliseRewards,
        Hidden = Convert.ToList(core.Hidden),
        Activation = Convert.ToActivation(core.Activation),
        InitialLogStandardDeviation = core.InitialLogStandardDeviation,
        ActionScaling = Convert.ToScaling(core.ActionScaling),
    };

    internal override AgentOptions WithTotalSteps(long totalSteps) => this with { TotalSteps = totalSteps };

    internal override Learner CreateLearner(BatchEnvironment environment, Workers workers) =>
        Ppg.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => PpgConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(RolloutSteps), Convert.Text(RolloutSteps)),
        new(nameof(PolicyRollouts), Convert.Text(PolicyRollouts)),
        new(nameof(PolicyEpochs), Convert.Text(PolicyEpochs)),
        new(nameof(ValueEpochs), Convert.Text(ValueEpochs)),
        new(nameof(AuxiliaryEpochs), Convert.Text(AuxiliaryEpochs)),
        new(nameof(CloneCoefficient), Convert.Text(CloneCoefficient)),
        new(nameof(MinibatchSize), Convert.Text(MinibatchSize)),
        new(nameof(LearningRate), Convert.Text(LearningRate)),
        new(nameof(AdamEpsilon), Convert.Text(AdamEpsilon)),
        new(nameof(ClipRange), Convert.Text(ClipRange)),
        new(nameof(Discount), Convert.Text(Discount)),
        new(nameof(GaeLambda), Convert.Text(GaeLambda)),
        new(nameof(NormaliseAdvantages), Convert.Text(NormaliseAdvantages)),
        new(nameof(EntropyCoefficient), Convert.Text(EntropyCoefficient)),
        new(nameof(MaxGradientNorm), Convert.Text(MaxGradientNorm)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(NormaliseRewards), Convert.Text(NormaliseRewards)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(InitialLogStandardDeviation), Convert.Text(InitialLogStandardDeviation)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
