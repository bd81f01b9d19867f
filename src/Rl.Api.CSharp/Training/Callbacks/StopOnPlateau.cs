using System;
using System.Globalization;

namespace Rl;

/// <summary>Stops when evaluations do not get better any more.</summary>
/// <param name="evaluations">How many evaluations in a row may be no better than the best before them; at least
/// 1.</param>
/// <exception cref="ArgumentOutOfRangeException">The evaluations are fewer than 1.</exception>
public sealed class StopOnPlateau(int evaluations) : TrainingCallback
{
    private double best = double.NegativeInfinity;
    private int worse;

    /// <summary>How many evaluations in a row may be no better than the best before them.</summary>
    public int Evaluations { get; } = evaluations >= 1
        ? evaluations
        : throw new ArgumentOutOfRangeException(
            nameof(evaluations), evaluations, $"evaluations is {evaluations}; it must be at least 1.");

    /// <summary>By how much a mean return must exceed the best to be better; at least 0.</summary>
    public double LeastImprovement
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(LeastImprovement));
            field = value;
        }
    }

    /// <inheritdoc/>
    protected internal override bool NeedsEvaluations => true;

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context)
    {
        best = double.NegativeInfinity;
        worse = 0;
    }

    /// <inheritdoc/>
    protected internal override void OnEvaluated(TrainingContext context, EvaluationResult evaluation)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(evaluation);
        if (evaluation.Mean > best + LeastImprovement || double.IsNegativeInfinity(best))
        {
            best = evaluation.Mean;
            worse = 0;
        }
        else if (++worse >= Evaluations)
        {
            context.Stop(string.Create(
                CultureInfo.InvariantCulture,
                $"{worse} {(worse == 1 ? "evaluation was" : "evaluations in a row were")} no better than {best:0.##}"));
        }
    }
}
