using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>Options of the cross-entropy method over a policy's parameters (Rubinstein 1999; Szita and Lőrincz 2006). Every default is the core's.</summary>
public sealed record CemOptions : AgentOptions
{
    private static readonly CemConfiguration Defaults = CemConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "cem";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>Policies drawn for each update. At least 2.</summary>
    public int Population { get; init; } = Defaults.Population;

    /// <summary>The share of them that the distribution is fitted to, in (0, 1]; at least two policies.</summary>
    public double EliteFraction { get; init; } = Defaults.EliteFraction;

    /// <summary>Episodes that a policy is judged by. At least 1.</summary>
    public int EpisodesPerCandidate { get; init; } = Defaults.EpisodesPerCandidate;

    /// <summary>An episode counts for no more than this many steps. At least 1.</summary>
    public int MaxEpisodeSteps { get; init; } = Defaults.MaxEpisodeSteps;

    /// <summary>The start of the distribution's standard deviations. Greater than 0.</summary>
    public double InitialDeviation { get; init; } = Defaults.InitialDeviation;

    /// <summary>Standard deviation of noise added to the fit, √Z of Szita and Lőrincz. Not negative.</summary>
    public double ExtraDeviation { get; init; } = Defaults.ExtraDeviation;

    /// <summary>Its variance falls to 0 in a straight line over this many updates. At least 1.</summary>
    public int ExtraDeviationUpdates { get; init; } = Defaults.ExtraDeviationUpdates;

    /// <summary>Give the networks observations of running mean 0 and variance 1, clipped to ± 10.</summary>
    public bool NormaliseObservations { get; init; } = Defaults.NormaliseObservations;

    /// <summary>Widths of the policy's hidden layers; none for a linear policy; each at least 1.</summary>
    public IReadOnlyList<int> Hidden { get; init => field = Convert.ToValues(value); } = Convert.ToList(Defaults.Hidden);

    /// <summary>What stands after each hidden layer.</summary>
    public Activation Activation { get; init; } = Convert.ToActivation(Defaults.Activation);

    /// <summary>The units in which the policy acts where actions are numbers: those of their finite bounds, or the environment's own.</summary>
    public ActionScaling ActionScaling { get; init; } = Convert.ToScaling(Defaults.ActionScaling);

    internal CemConfiguration ToCore() => CemConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static CemOptions OfCore(CemConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        Population = core.Population,
        EliteFraction = core.EliteFraction,
        EpisodesPerCandidate = core.EpisodesPerCandidate,
        MaxEpisodeSteps = core.MaxEpisodeSteps,
        InitialDeviation = core.InitialDeviation,
        ExtraDeviation = core.ExtraDeviation,
        ExtraDeviationUpdates = core.ExtraDeviationUpdates,
        NormaliseObservations = core.NormaliseObservations,
        Hidden = Convert.ToList(core.Hidden),
        Activation = Convert.ToActivation(core.Activation),
        ActionScaling = Convert.ToScaling(core.ActionScaling),
    };

    internal override AgentOptions WithTotalSteps(long totalSteps) => this with { TotalSteps = totalSteps };

    internal override Learner CreateLearner(BatchEnvironment environment, Workers workers) =>
        Cem.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => CemConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(Population), Convert.Text(Population)),
        new(nameof(EliteFraction), Convert.Text(EliteFraction)),
        new(nameof(EpisodesPerCandidate), Convert.Text(EpisodesPerCandidate)),
        new(nameof(MaxEpisodeSteps), Convert.Text(MaxEpisodeSteps)),
        new(nameof(InitialDeviation), Convert.Text(InitialDeviation)),
        new(nameof(ExtraDeviation), Convert.Text(ExtraDeviation)),
        new(nameof(ExtraDeviationUpdates), Convert.Text(ExtraDeviationUpdates)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
