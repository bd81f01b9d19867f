using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>Options of V-MPO, on-policy maximum a posteriori policy optimisation (Song et al. 2020). Every default is the core's.</summary>
public sealed record VmpoOptions : AgentOptions
{
    private static readonly VmpoConfiguration Defaults = VmpoConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "vmpo";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>Steps of each copy between updates, T. At least 1.</summary>
    public int RolloutSteps { get; init; } = Defaults.RolloutSteps;

    /// <summary>Gradient steps on each rollout, between two moves of the old policy. At least 1.</summary>
    public int Epochs { get; init; } = Defaults.Epochs;

    /// <summary>Adam's step size, for networks and multipliers. Greater than 0.</summary>
    public double LearningRate { get; init; } = Defaults.LearningRate;

    /// <summary>The share of the samples, those of largest advantage, that the policy is fitted to, in (0, 1].</summary>
    public double TopFraction { get; init; } = Defaults.TopFraction;

    /// <summary>ε_η: the divergence of the weights from equal ones. Greater than 0.</summary>
    public double TemperatureBound { get; init; } = Defaults.TemperatureBound;

    /// <summary>ε_α: the divergence of the policy, or of a normal policy's means, from the old one. Greater than 0.</summary>
    public double KlBound { get; init; } = Defaults.KlBound;

    /// <summary>ε_Σ: the divergence of a normal policy's standard deviations from the old ones. Greater than 0.</summary>
    public double DeviationKlBound { get; init; } = Defaults.DeviationKlBound;

    /// <summary>The start of η. Greater than 0.</summary>
    public double InitialTemperature { get; init; } = Defaults.InitialTemperature;

    /// <summary>The start of α. Greater than 0.</summary>
    public double InitialMultiplier { get; init; } = Defaults.InitialMultiplier;

    /// <summary>The weight of ½ (V − R)². Not negative.</summary>
    public double ValueCoefficient { get; init; } = Defaults.ValueCoefficient;

    /// <summary>γ, in [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>The λ of generalised advantage estimation, in [0, 1] (Schulman et al. 2016).</summary>
    public double GaeLambda { get; init; } = Defaults.GaeLambda;

    /// <summary>Subtract the mean of a rollout's advantages and divide by their standard deviation.</summary>
    public bool NormaliseAdvantages { get; init; } = Defaults.NormaliseAdvantages;

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

    internal VmpoConfiguration ToCore() => VmpoConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static VmpoOptions OfCore(VmpoConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        RolloutSteps = core.RolloutSteps,
        Epochs = core.Epochs,
        LearningRate = core.LearningRate,
        TopFraction = core.TopFraction,
        TemperatureBound = core.TemperatureBound,
        KlBound = core.KlBound,
        DeviationKlBound = core.DeviationKlBound,
        InitialTemperature = core.InitialTemperature,
        InitialMultiplier = core.InitialMultiplier,
        ValueCoefficient = core.ValueCoefficient,
        Discount = core.Discount,
        GaeLambda = core.GaeLambda,
        NormaliseAdvantages = core.NormaliseAdvantages,
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
        Vmpo.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => VmpoConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(RolloutSteps), Convert.Text(RolloutSteps)),
        new(nameof(Epochs), Convert.Text(Epochs)),
        new(nameof(LearningRate), Convert.Text(LearningRate)),
        new(nameof(TopFraction), Convert.Text(TopFraction)),
        new(nameof(TemperatureBound), Convert.Text(TemperatureBound)),
        new(nameof(KlBound), Convert.Text(KlBound)),
        new(nameof(DeviationKlBound), Convert.Text(DeviationKlBound)),
        new(nameof(InitialTemperature), Convert.Text(InitialTemperature)),
        new(nameof(InitialMultiplier), Convert.Text(InitialMultiplier)),
        new(nameof(ValueCoefficient), Convert.Text(ValueCoefficient)),
        new(nameof(Discount), Convert.Text(Discount)),
        new(nameof(GaeLambda), Convert.Text(GaeLambda)),
        new(nameof(NormaliseAdvantages), Convert.Text(NormaliseAdvantages)),
        new(nameof(MaxGradientNorm), Convert.Text(MaxGradientNorm)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(NormaliseRewards), Convert.Text(NormaliseRewards)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(InitialLogStandardDeviation), Convert.Text(InitialLogStandardDeviation)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
