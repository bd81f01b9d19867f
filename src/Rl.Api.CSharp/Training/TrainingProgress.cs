using System;
using System.Collections.Generic;

namespace Rl;

/// <summary>An episode that ended.</summary>
/// <param name="Return">The undiscounted sum of its rewards.</param>
/// <param name="Length">The number of its steps.</param>
public readonly record struct EpisodeSummary(double Return, int Length);

/// <summary>Where training stands after an update.</summary>
public sealed record TrainingProgress
{
    /// <summary>Environment steps taken so far, over all copies.</summary>
    public required long Steps { get; init; }

    /// <summary>The environment steps at which this call of training ends.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>Updates so far.</summary>
    public required long Updates { get; init; }

    /// <summary>Time since this call of training began.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Environment steps a second since this call of training began.</summary>
    public required double StepsPerSecond { get; init; }

    /// <summary>The time to <see cref="TotalSteps"/> at that speed.</summary>
    public TimeSpan TimeLeft { get; init; }

    /// <summary>The episodes that ended since the last report.</summary>
    public required IReadOnlyList<EpisodeSummary> Episodes { get; init; }

    /// <summary>Episodes that ended since this call of training began.</summary>
    public required long EpisodeCount { get; init; }

    /// <summary>Episodes that ended, since the agent was made or loaded, because the numbers of a simulation's state
    /// lost their sense: NaN, or beyond 1e10. The first raises
    /// <see cref="TrainingWarningKind.BlownUpStates"/>.</summary>
    public long BlownUpEpisodes { get; init; }

    /// <summary>The mean return of the last 100 episodes of this call; NaN before the first.</summary>
    public required double MeanReturn { get; init; }

    /// <summary>The mean number of steps of the last 100 episodes of this call; NaN before the first.</summary>
    public required double MeanLength { get; init; }

    /// <summary>The algorithm's own numbers, such as <c>policyLoss</c> and <c>entropy</c>, always in the same
    /// order.</summary>
    public required IReadOnlyList<KeyValuePair<string, double>> Metrics { get; init; }

    /// <summary>What was noticed in this update and not before, such as <c>KL 0.4 in epoch 1: learning rate too
    /// high?</c>; mostly empty.</summary>
    public IReadOnlyList<TrainingWarning> Warnings { get; init; } = [];
}

/// <summary>What a call of training did.</summary>
/// <param name="Steps">Environment steps of the agent at the end.</param>
/// <param name="StepsTaken">Environment steps of this call.</param>
/// <param name="Updates">Updates of this call.</param>
/// <param name="Episodes">Episodes that ended in this call.</param>
/// <param name="MeanReturn">The mean return of the last 100 of them; NaN if there were none.</param>
/// <param name="Elapsed">The time that it took.</param>
public sealed record TrainingResult(
    long Steps, long StepsTaken, long Updates, long Episodes, double MeanReturn, TimeSpan Elapsed)
{
    /// <summary>Why a callback has stopped it before its end; null if none has.</summary>
    public string? StopReason { get; init; }

    /// <summary>Environment steps a second.</summary>
    public double StepsPerSecond => StepsTaken / Math.Max(Elapsed.TotalSeconds, 1e-9);
}

/// <summary>Calls a function for each report at once, on the thread that trains; unlike <see cref="Progress{T}"/>,
/// which calls later and elsewhere.</summary>
/// <param name="report">What to call; training goes on when it returns.</param>
/// <typeparam name="T">What is reported.</typeparam>
public sealed class SynchronousProgress<T>(Action<T> report) : IProgress<T>
{
    private readonly Action<T> report = report ?? throw new ArgumentNullException(nameof(report));

    /// <inheritdoc/>
    public void Report(T value) => report(value);
}
