using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>Options of the natural policy gradient (Kakade 2001). Every default is the core's.</summary>
public sealed record NpgOptions : AgentOptions
{
    private static readonly NpgConfiguration Defaults = NpgConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "npg";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>Steps of each copy between updates, T. At least 1.</summary>
    public int RolloutSteps { get; init; } = Defaults.RolloutSteps;

    /// <summary>δ: the divergence of a step by its quadratic model, from which the step's length follows. Greater than 0.</summary>
    public double TargetKl { get; init; } = Defaults.TargetKl;

    /// <summary>Iterations of conjugate gradients. At least 1.</summary>
    public int CgSteps { get; init; } = Defaults.CgSteps;

    /// <summary>What is added to the diagonal of the Fisher information. Not negative.</summary>
    public double CgDamping { get; init; } = Defaults.CgDamping;

    /// <summary>α of θ ← θ + α F⁻¹∇J as Kakade has it; 0 for the length that δ gives. Not negative.</summary>
    public double LearningRate { get; init; } = Defaults.LearningRate;

    /// <summary>Passes of the value function's regression over a rollout. At least 1.</summary>
    public int ValueEpochs { get; init; } = Defaults.ValueEpochs;

    /// <summary>Samples of one of its gradient steps. At least 1.</summary>
    public int ValueMinibatchSize { get; init; } = Defaults.ValueMinibatchSize;

    /// <summary>Adam's step size for the value function. Greater than 0.</summary>
    public double ValueLearningRate { get; init; } = Defaults.ValueLearningRate;

    /// <summary>γ, in [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>The λ of generalised advantage estimation, in [0, 1] (Schulman et al. 2016).</summary>
    public double GaeLambda { get; init; } = Defaults.GaeLambda;

    /// <summary>Subtract the mean of a rollout's advantages and divide by their standard deviation.</summary>
    public bool NormaliseAdvantages { get; init; } = Defaults.NormaliseAdvantages;

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

    internal NpgConfiguration ToCore() => NpgConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static NpgOptions OfCore(NpgConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        RolloutSteps = core.RolloutSteps,
        TargetKl = core.TargetKl,
        CgSteps = core.CgSteps,
        CgDamping = core.CgDamping,
        LearningRate = core.LearningRate,
        ValueEpochs = core.ValueEpochs,
        ValueMinibatchSize = core.ValueMinibatchSize,
        ValueLearningRate = core.ValueLearningRate,
        Discount = core.Discount,
        GaeLambda = core.GaeLambda,
        NormaliseAdvantages = core.NormaliseAdvantages,
        NormaliseObservations = core.NormaliseObservations,
        NormaliseRewards = core.NormaliseRewards,
        Hidden = Convert.ToList(core.Hidden),
        Activation = Convert.ToActivation(core.Activation),
        InitialLogStandardDeviation = core.InitialLogStandardDeviation,
        ActionScaling = Convert.ToScaling(core.ActionScaling),
    };

    internal override AgentOptions WithTotalSteps(long totalSteps) => this with { TotalSteps = totalSteps };

    internal override Learner CreateLearner(BatchEnvironment environment, Workers workers) =>
        Npg.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => NpgConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(RolloutSteps), Convert.Text(RolloutSteps)),
        new(nameof(TargetKl), Convert.Text(TargetKl)),
        new(nameof(CgSteps), Convert.Text(CgSteps)),
        new(nameof(CgDamping), Convert.Text(CgDamping)),
        new(nameof(LearningRate), Convert.Text(LearningRate)),
        new(nameof(ValueEpochs), Convert.Text(ValueEpochs)),
        new(nameof(ValueMinibatchSize), Convert.Text(ValueMinibatchSize)),
        new(nameof(ValueLearningRate), Convert.Text(ValueLearningRate)),
        new(nameof(Discount), Convert.Text(Discount)),
        new(nameof(GaeLambda), Convert.Text(GaeLambda)),
        new(nameof(NormaliseAdvantages), Convert.Text(NormaliseAdvantages)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(NormaliseRewards), Convert.Text(NormaliseRewards)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(InitialLogStandardDeviation), Convert.Text(InitialLogStandardDeviation)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
