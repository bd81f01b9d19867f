using System;

namespace Rl.Cli.Views;

/// <summary>What a run shows while it trains and when it ends.</summary>
internal abstract class TrainingView
{
    /// <summary>The workers that the agent's copies act in; null where they act here.</summary>
    public IWorkerRows? Workers { get; set; }

    /// <summary>The first word, before anything is slow.</summary>
    public abstract void Start(TrainingOutline outline);

    /// <summary>Runs training; <paramref name="train"/> is given what to call after each update.</summary>
    public virtual void During(Action<Action<TrainingProgress>> train)
    {
        TrainingProgress? last = null;
        TimeSpan? shown = null;
        train(progress =>
        {
            last = progress;
            foreach (var warning in progress.Warnings)
            {
                Warning(warning);
            }

            if (shown is null || progress.Elapsed - shown >= Interval)
            {
                shown = progress.Elapsed;
                last = null;
                Progress(progress);
            }
        });
        if (last is not null)
        {
            Progress(last);
        }
    }

    /// <summary>Training was interrupted, and what was learned is saved.</summary>
    public abstract void Interrupted(TrainingOutline outline, long steps);

    /// <summary>Training made a number that is not finite; <paramref name="command"/> shows it again.</summary>
    public abstract void Failed(TrainingOutline outline, TrainingFailureDetails details, long steps, string command);

    /// <summary>Something that is not as it should be, and that training goes on with.</summary>
    public abstract void Notice(string message);

    /// <summary>The agent was evaluated after so many steps; whether it is the best so far.</summary>
    public abstract void Evaluated(EvaluationResult evaluation, long steps, bool isBest);

    /// <summary>The end.</summary>
    public abstract void Result(TrainingOutcome outcome);

    /// <summary>The time between two reports.</summary>
    protected abstract TimeSpan Interval { get; }

    /// <summary>Something to look at; comes before the progress that it belongs to.</summary>
    protected abstract void Warning(TrainingWarning warning);

    /// <summary>Where training stands.</summary>
    protected abstract void Progress(TrainingProgress progress);
}

/// <summary>What is going to be trained.</summary>
/// <param name="Algorithm">The algorithm's id.</param>
/// <param name="Environment">The environment's id.</param>
/// <param name="Seed">Where all randomness comes from.</param>
/// <param name="TotalSteps">The environment steps at which it ends.</param>
/// <param name="Run">The run's folder.</param>
/// <param name="Tuning">Where its options come from; null for the algorithm's defaults.</param>
/// <param name="FirstStep">The environment steps that an interrupted run has taken already.</param>
internal sealed record TrainingOutline(
    string Algorithm, string Environment, ulong Seed, long TotalSteps, string Run, string? Tuning, long FirstStep = 0)
{
    /// <summary>The bytes that remembered steps take at most; 0 for algorithms that remember none.</summary>
    public long ReplayBytes { get; init; }

    /// <summary>The recorded data that are learned from, and how many; null for none.</summary>
    public string? Data { get; init; }
}

/// <summary>What came of it.</summary>
internal sealed record TrainingOutcome(
    TrainingOutline Outline,
    TrainingResult Training,
    EvaluationResult? Evaluation,
    double RewardThreshold,
    TimeSpan WallTime,
    int? CutAt);
