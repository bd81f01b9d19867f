using System;
using System.Collections.Generic;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl;

/// <summary>Options of OpenAI's evolution strategies (Salimans et al. 2017). Every default is the core's.</summary>
public sealed record EsOptions : AgentOptions
{
    private static readonly EsConfiguration Defaults = EsConfigurationModule.defaults;

    /// <inheritdoc/>
    public override string Algorithm => "es";

    /// <inheritdoc/>
    public override long TotalSteps { get; init; } = Defaults.TotalSteps;

    /// <summary>n: random directions of an update; two policies each. At least 1.</summary>
    public int Directions { get; init; } = Defaults.Directions;

    /// <summary>Episodes that a policy is judged by. At least 1.</summary>
    public int EpisodesPerCandidate { get; init; } = Defaults.EpisodesPerCandidate;

    /// <summary>An episode counts for no more than this many steps. At least 1.</summary>
    public int MaxEpisodeSteps { get; init; } = Defaults.MaxEpisodeSteps;

    /// <summary>Adam's step size. Greater than 0.</summary>
    public double LearningRate { get; init; } = Defaults.LearningRate;

    /// <summary>σ: the standard deviation of the perturbations. Greater than 0.</summary>
    public double Deviation { get; init; } = Defaults.Deviation;

    /// <summary>The weight of the L2 penalty. Not negative.</summary>
    public double WeightDecay { get; init; } = Defaults.WeightDecay;

    /// <summary>Give the networks observations of running mean 0 and variance 1, clipped to ± 10.</summary>
    public bool NormaliseObservations { get; init; } = Defaults.NormaliseObservations;

    /// <summary>Widths of the policy's hidden layers; none for a linear policy; each at least 1.</summary>
    public IReadOnlyList<int> Hidden { get; init => field = Convert.ToValues(value); } = Convert.ToList(Defaults.Hidden);

    /// <summary>What stands after each hidden layer.</summary>
    public Activation Activation { get; init; } = Convert.ToActivation(Defaults.Activation);

    /// <summary>The units in which the policy acts where actions are numbers: those of their finite bounds, or the environment's own.</summary>
    public ActionScaling ActionScaling { get; init; } = Convert.ToScaling(Defaults.ActionScaling);

    internal EsConfiguration ToCore() => EsConfigurationModule.ofPairs(Convert.ToPairs(Pairs()));

    internal static EsOptions OfCore(EsConfiguration core) => new()
    {
        TotalSteps = core.TotalSteps,
        Directions = core.Directions,
        EpisodesPerCandidate = core.EpisodesPerCandidate,
        MaxEpisodeSteps = core.MaxEpisodeSteps,
        LearningRate = core.LearningRate,
        Deviation = core.Deviation,
        WeightDecay = core.WeightDecay,
        NormaliseObservations = core.NormaliseObservations,
        Hidden = Convert.ToList(core.Hidden),
        Activation = Convert.ToActivation(core.Activation),
        ActionScaling = Convert.ToScaling(core.ActionScaling),
    };

    internal override AgentOptions WithTotalSteps(long totalSteps) => this with { TotalSteps = totalSteps };

    internal override Learner CreateLearner(BatchEnvironment environment, Workers workers) =>
        Es.create(ToCore(), environment, workers);

    private protected override void ValidateAlgorithm() => EsConfigurationModule.validate(ToCore());

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
    [
        new(nameof(TotalSteps), Convert.Text(TotalSteps)),
        new(nameof(Directions), Convert.Text(Directions)),
        new(nameof(EpisodesPerCandidate), Convert.Text(EpisodesPerCandidate)),
        new(nameof(MaxEpisodeSteps), Convert.Text(MaxEpisodeSteps)),
        new(nameof(LearningRate), Convert.Text(LearningRate)),
        new(nameof(Deviation), Convert.Text(Deviation)),
        new(nameof(WeightDecay), Convert.Text(WeightDecay)),
        new(nameof(NormaliseObservations), Convert.Text(NormaliseObservations)),
        new(nameof(Hidden), Convert.Text(Hidden)),
        new(nameof(Activation), Convert.Text(Activation)),
        new(nameof(ActionScaling), Convert.Text(ActionScaling)),
    ];
}
