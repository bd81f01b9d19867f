using System;
using System.Globalization;

namespace Rl;

/// <summary>Stops when the agent is good enough.</summary>
/// <param name="threshold">The mean return at which it stops; finite.</param>
/// <exception cref="ArgumentOutOfRangeException">The threshold is not finite.</exception>
public sealed class StopAtReturn(double threshold) : TrainingCallback
{
    private const int Window = 100;

    /// <summary>The mean return at which it stops.</summary>
    public double Threshold { get; } = double.IsFinite(threshold)
        ? threshold
        : throw new ArgumentOutOfRangeException(
            nameof(threshold), threshold, $"threshold is {threshold}; it must be a finite return.");

    /// <summary>Whether the last 100 episodes of training are judged, in which the agent explores; else each evaluation
    /// is, by an <see cref="EvaluationCallback"/> or a <see cref="CheckpointCallback"/> that evaluates.</summary>
    public bool OfTraining { get; init; }

    /// <inheritdoc/>
    protected internal override bool NeedsEvaluations => !OfTraining;

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(progress);
        if (OfTraining && progress.EpisodeCount >= Window)
        {
            Judge(context, progress.MeanReturn, $"the last {Window} episodes");
        }
    }

    /// <inheritdoc/>
    protected internal override void OnEvaluated(TrainingContext context, EvaluationResult evaluation)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(evaluation);
        if (!OfTraining)
        {
            Judge(context, evaluation.Mean, "the evaluation");
        }
    }

    private void Judge(TrainingContext context, double mean, string what)
    {
        if (mean >= Threshold)
        {
            context.Stop(string.Create(
                CultureInfo.InvariantCulture, $"the mean return of {what}, {mean:0.##}, has reached {Threshold:0.##}"));
        }
    }
}
