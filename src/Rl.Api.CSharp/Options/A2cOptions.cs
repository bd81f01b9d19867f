using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>Options of synchronous advantage actor-critic (Mnih et al. 2016). Every default is the core's.</summary>
public sealed record A2cOptions : AgentOptions
{
    private static readonly A2cConfiguration Defaults = A2cConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "a2c";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>Steps of each copy between updates, T. At least 1.</summary>
    public int RolloutSteps { get; init; } = Defaults.RolloutSteps;

    /// <summary>RMSprop's step size. Greater than 0.</summary>
    public double LearningRate { get; init; } = Defaults.LearningRate;

    /// <summary>Lower the learning rate in a straight line to 0 at <see cref="TotalSteps"/>.</summary>
    public bool AnnealLearningRate { get; init; } = Defaults.AnnealLearningRate;

    /// <summary>RMSprop's decay of the average of squared gradients, in [0, 1).</summary>
    public double RmsDecay { get; init; } = Defaults.RmsDecay;

    /// <summary>RMSprop's ε. Greater than 0.</summary>
    public double RmsEpsilon { get; init; } = Defaults.RmsEpsilon;

    /// <summary>Divide by √(v + ε) with v starting at 1, as TensorFlow's RMSprop, instead of by √v + ε.</summary>
    public bool EpsilonInsideRoot { get; init; } = Defaults.EpsilonInsideRoot;

    /// <summary>γ, in [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>The λ of generalised advantage estimation, in [0, 1] (Schulman et al. 2016).</summary>
    public double GaeLambda { get; init; } = Defaults.GaeLambda;

    /// <summary>Subtract the mean of a rollout's advantages and divide by their standard deviation.</summary>
    public bool NormaliseAdvantages { get; init; } = Defaults.NormaliseAdvantages;

    /// <summary>The weight of the entropy bonus. Not negative.</summary>
    public double EntropyCoefficient { get; init; } = Defaults.EntropyCoefficient;

    /// <summary>The weight of ½ (V − R)²; 1 is Stable Baselines3's 0.5 on the whole square. Not negative.</summary>
    public double ValueCoefficient { get; init; } = Defaults.ValueCoefficient;

    /// <summary>The gradient is scaled down to this norm. Greater than 0.</summary>
    public double MaxGradientNorm { get; init; } = Defaults.MaxGradientNorm;

    /// <summary>Give the networks observations of running mean 0 and variance 1, clipped to ± 10.</summary>
    public bool NormaliseObservations { get; init; } = Defaults.NormaliseObservations;

    /// <summary>Divide rewards by the running standard deviation of the discounted return, clipped to ± 10.</summary>
    public bool NormaliseRewards { get; init; } = Defaults.NormaliseRewards;

    /// <summary>Widths of the hidden layers of actor and critic; each at least 1.</summary>
    public IReadOnlyList<int> Hidden { get; init => field = Convert.ToValues(value); } = Convert.ToList(Defaults.Hidden);

    /// <summary>What stands after each hidden layer.</summary>
    public Activation Activation { get; init; } = Convert.ToActivation(Defaults.Activation);

    /// <summary>The start of ln σ for continuous actions.</summary>
    public double InitialLogStandardDeviation { get; init; } = Defaults.InitialLogStandardDeviation;

    /// <summary>The units in which the policy acts where actions are numbers: those of their finite bounds, or the environment's own.</summary>
    public ActionScaling ActionScaling { get; init; } = Convert.ToScaling(Defaults.ActionScaling);

    internal A2cConfiguration ToCore() => A2cConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static A2cOptions OfCore(A2cConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        RolloutSteps = core.RolloutSteps,
        LearningRate = core.LearningRate,
        AnnealLearningRate = core.AnnealLearningRate,
        RmsDecay = core.RmsDecay,
        RmsEpsilon = core.RmsEpsilon,
        EpsilonInsideRoot = core.EpsilonInsideRoot,
        Discount = core.Discount,
        GaeLambda = core.GaeLambda,
        NormaliseAdvantages = core.NormaliseAdvantages,
        EntropyCoefficient = core.EntropyCoefficient,
        ValueCoefficient = core.ValueCoefficient,
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
        A2c.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => A2cConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(RolloutSteps), Convert.Text(RolloutSteps)),
        new(nameof(LearningRate), Convert.Text(LearningRate)),
        new(nameof(AnnealLearningRate), Convert.Text(AnnealLearningRate)),
        new(nameof(RmsDecay), Convert.Text(RmsDecay)),
        new(nameof(RmsEpsilon), Convert.Text(RmsEpsilon)),
        new(nameof(EpsilonInsideRoot), Convert.Text(EpsilonInsideRoot)),
        new(nameof(Discount), Convert.Text(Discount)),
        new(nameof(GaeLambda), Convert.Text(GaeLambda)),
        new(nameof(NormaliseAdvantages), Convert.Text(NormaliseAdvantages)),
        new(nameof(EntropyCoefficient), Convert.Text(EntropyCoefficient)),
        new(nameof(ValueCoefficient), Convert.Text(ValueCoefficient)),
        new(nameof(MaxGradientNorm), Convert.Text(MaxGradientNorm)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(NormaliseRewards), Convert.Text(NormaliseRewards)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(InitialLogStandardDeviation), Convert.Text(InitialLogStandardDeviation)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
