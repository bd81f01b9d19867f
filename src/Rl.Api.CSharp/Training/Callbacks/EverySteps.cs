using System;

namespace Rl;

/// <summary>Calls a function of yours every so many steps.</summary>
/// <param name="steps">Environment steps between two calls, at least 1; the update that reaches them is the last before
/// one.</param>
/// <param name="call">What to call.</param>
/// <exception cref="ArgumentOutOfRangeException">The steps are fewer than 1.</exception>
public sealed class EverySteps(long steps, Action<TrainingContext, TrainingProgress> call) : TrainingCallback
{
    private readonly Action<TrainingContext, TrainingProgress> call =
        call ?? throw new ArgumentNullException(nameof(call));

    private readonly long steps = steps >= 1
        ? steps
        : throw new ArgumentOutOfRangeException(nameof(steps), steps, $"steps is {steps}; it must be at least 1.");

    private long last;

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        last = context.Agent.Steps;
    }

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        if (progress.Steps - last >= steps)
        {
            last = progress.Steps;
            call(context, progress);
        }
    }
}
