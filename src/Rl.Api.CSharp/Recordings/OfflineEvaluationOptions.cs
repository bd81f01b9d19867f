using System.Collections.Generic;

namespace Rl;

/// <summary>How a policy is judged by recorded episodes: the critic of fitted Q evaluation, and the
/// intervals.</summary>
public sealed record OfflineEvaluationOptions
{
    /// <summary>The discount γ of the return that is estimated. In [0, 1].</summary>
    public double Discount { get; init; } = 0.99;

    /// <summary>Widths of the critic's hidden layers; none for a linear one.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [128, 128];

    /// <summary>Adam's step size at the start; it falls to 0. Greater than 0.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Gradient steps. At least 1.</summary>
    public int Steps { get; init; } = 10_000;

    /// <summary>Steps of the data that each draws. At least 1.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>The share τ of the critic in its target after each step. In [0, 1].</summary>
    public double TargetRate { get; init; } = 0.01;

    /// <summary>Ratios of a step count as at most this; infinity for no bound.</summary>
    public double LargestRatio { get; init; } = double.PositiveInfinity;

    /// <summary>The share of estimates from resampled episodes that lies in an interval. In [0, 1].</summary>
    public double Confidence { get; init; } = 0.95;

    /// <summary>How often episodes are resampled. At least 1.</summary>
    public int Resamples { get; init; } = 500;

    /// <summary>Threads; 0 for one a processor core. Results do not depend on it.</summary>
    public int Threads { get; init; }
}

/// <summary>How a policy's return is estimated from episodes of another.</summary>
public enum OfflineEstimator
{
    /// <summary>Σ W G / n with W the product of an episode's ratios: unbiased, of a variance that grows with each
    /// step.</summary>
    Ordinary,

    /// <summary>Σ W G / Σ W: biased, never beyond the returns that were seen.</summary>
    Weighted,

    /// <summary>Each reward with the ratios before it alone: unbiased.</summary>
    PerDecision,

    /// <summary>The same with weights divided by their sum of each step.</summary>
    WeightedPerDecision,

    /// <summary>The mean value of first states by fitted Q evaluation: as good as the critic, without ratios.</summary>
    Values,

    /// <summary>Unbiased where either the ratios or the values are right.</summary>
    DoublyRobust,

    /// <summary>The same with weights divided by their sum of each step.</summary>
    WeightedDoublyRobust,
}

/// <summary>An estimate of the discounted return of a policy, with the interval that resampled episodes
/// give it.</summary>
/// <param name="Estimator">How it was made.</param>
/// <param name="Value">The estimate.</param>
/// <param name="Low">The lower end of the interval.</param>
/// <param name="High">Its upper end.</param>
/// <param name="EffectiveEpisodes">How many episodes of the policy itself the data is worth: (Σ W)² / Σ W².</param>
public sealed record OfflineEstimate(
    OfflineEstimator Estimator, double Value, double Low, double High, double EffectiveEpisodes);
