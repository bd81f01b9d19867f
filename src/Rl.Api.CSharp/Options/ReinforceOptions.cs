using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>What REINFORCE credits an action with.</summary>
public enum ReturnEstimate
{
    /// <summary>The discounted return of its whole trajectory.</summary>
    FullReturn,

    /// <summary>The discounted rewards from its own step on: what came before does not depend on it.</summary>
    RewardToGo,
}

/// <summary>What REINFORCE subtracts from the credit to lower its variance.</summary>
public enum ReturnBaseline
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The average over the trajectories: of full returns, or of the rewards-to-go at the same step.</summary>
    Average,

    /// <summary>A network's V(s), fitted to the returns.</summary>
    Learned,
}

/// <summary>Options of REINFORCE (Williams 1992). Every default is the core's.</summary>
public sealed record ReinforceOptions : AgentOptions
{
    private static readonly ReinforceConfiguration Defaults = ReinforceConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "reinforce";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>Whole episodes, over all copies, between updates. At least 1.</summary>
    public int EpisodesPerUpdate { get; init; } = Defaults.EpisodesPerUpdate;

    /// <summary>A trajectory is cut after this many steps. At least 1.</summary>
    public int MaxTrajectorySteps { get; init; } = Defaults.MaxTrajectorySteps;

    /// <summary>What an action is credited with.</summary>
    public ReturnEstimate Estimate { get; init; } = Convert.ToEstimate(Defaults.Estimate);

    /// <summary>What is subtracted from the credit.</summary>
    public ReturnBaseline Baseline { get; init; } = Convert.ToBaseline(Defaults.Baseline);

    /// <summary>γ, in [0, 1].</summary>
    public double Discount { get; init; } = Defaults.Discount;

    /// <summary>Adam's step size for the policy. Greater than 0.</summary>
    public double LearningRate { get; init; } = Defaults.LearningRate;

    /// <summary>Adam's step size for a learned baseline. Greater than 0.</summary>
    public double ValueLearningRate { get; init; } = Defaults.ValueLearningRate;

    /// <summary>Gradient steps of a learned baseline after each update. At least 1.</summary>
    public int ValueSteps { get; init; } = Defaults.ValueSteps;

    /// <summary>Subtract the mean of an update's advantages and divide by their standard deviation.</summary>
    public bool NormaliseAdvantages { get; init; } = Defaults.NormaliseAdvantages;

    /// <summary>The weight of the entropy bonus. Not negative.</summary>
    public double EntropyCoefficient { get; init; } = Defaults.EntropyCoefficient;

    /// <summary>The gradient is scaled down to this norm. Greater than 0.</summary>
    public double MaxGradientNorm { get; init; } = Defaults.MaxGradientNorm;

    /// <summary>Give the networks observations of running mean 0 and variance 1, clipped to ± 10.</summary>
    public bool NormaliseObservations { get; init; } = Defaults.NormaliseObservations;

    /// <summary>Widths of the hidden layers; each at least 1.</summary>
    public IReadOnlyList<int> Hidden { get; init => field = Convert.ToValues(value); } = Convert.ToList(Defaults.Hidden);

    /// <summary>What stands after each hidden layer.</summary>
    public Activation Activation { get; init; } = Convert.ToActivation(Defaults.Activation);

    /// <summary>The start of ln σ for continuous actions.</summary>
    public double InitialLogStandardDeviation { get; init; } = Defaults.InitialLogStandardDeviation;

    /// <summary>The units in which the policy acts where actions are numbers: those of their finite bounds, or the environment's own.</summary>
    public ActionScaling ActionScaling { get; init; } = Convert.ToScaling(Defaults.ActionScaling);

    internal ReinforceConfiguration ToCore() => ReinforceConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static ReinforceOptions OfCore(ReinforceConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        EpisodesPerUpdate = core.EpisodesPerUpdate,
        MaxTrajectorySteps = core.MaxTrajectorySteps,
        Estimate = Convert.ToEstimate(core.Estimate),
        Baseline = Convert.ToBaseline(core.Baseline),
        Discount = core.Discount,
        LearningRate = core.LearningRate,
        ValueLearningRate = core.ValueLearningRate,
        ValueSteps = core.ValueSteps,
        NormaliseAdvantages = core.NormaliseAdvantages,
        EntropyCoefficient = core.EntropyCoefficient,
        MaxGradientNorm = core.MaxGradientNorm,
        NormaliseObservations = core.NormaliseObservations,
        Hidden = Convert.ToList(core.Hidden),
        Activation = Convert.ToActivation(core.Activation),
        InitialLogStandardDeviation = core.InitialLogStandardDeviation,
        ActionScaling = Convert.ToScaling(core.ActionScaling),
    };

    internal override AgentOptions WithTotalSteps(long totalSteps) => this with { TotalSteps = totalSteps };

    internal override Learner CreateLearner(BatchEnvironment environment, Workers workers) =>
        Reinforce.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => ReinforceConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(EpisodesPerUpdate), Convert.Text(EpisodesPerUpdate)),
        new(nameof(MaxTrajectorySteps), Convert.Text(MaxTrajectorySteps)),
        new(nameof(Estimate), Convert.Text(Estimate)),
        new(nameof(Baseline), Convert.Text(Baseline)),
        new(nameof(Discount), Convert.Text(Discount)),
        new(nameof(LearningRate), Convert.Text(LearningRate)),
        new(nameof(ValueLearningRate), Convert.Text(ValueLearningRate)),
        new(nameof(ValueSteps), Convert.Text(ValueSteps)),
        new(nameof(NormaliseAdvantages), Convert.Text(NormaliseAdvantages)),
        new(nameof(EntropyCoefficient), Convert.Text(EntropyCoefficient)),
        new(nameof(MaxGradientNorm), Convert.Text(MaxGradientNorm)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(InitialLogStandardDeviation), Convert.Text(InitialLogStandardDeviation)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
