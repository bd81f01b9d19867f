using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;

namespace Rl.Internal;

/// <summary>The callbacks of one call of training.</summary>
internal sealed class CallbackRun
{
    private readonly IReadOnlyList<TrainingCallback> callbacks;
    private readonly TrainingContext context;
    private int started;

    public CallbackRun(Agent agent, IEnumerable<TrainingCallback> callbacks, CancellationToken cancellationToken)
    {
        this.callbacks = [.. callbacks];
        context = new(agent, this.callbacks, cancellationToken);
        for (var index = 0; index < this.callbacks.Count; index++)
        {
            if (this.callbacks[index] is null)
            {
                throw new ArgumentException($"callbacks[{index}] is null.", nameof(callbacks));
            }
        }

        if (this.callbacks.FirstOrDefault(callback => callback.NeedsEvaluations) is { } judge
            && !this.callbacks.Any(callback => callback.Evaluates))
        {
            throw new ArgumentException(
                $"{judge.GetType().Name} judges evaluations, and no callback makes any: add an EvaluationCallback, "
                + "or a CheckpointCallback whose Checkpoints have EvaluateEverySteps.",
                nameof(callbacks));
        }
    }

    /// <summary>Why a callback has stopped the training; null while none has.</summary>
    public string? StopReason => context.StopReason;

    public void Start()
    {
        foreach (var callback in callbacks)
        {
            callback.OnStart(context);
            started++;
        }
    }

    public void Update(TrainingProgress progress)
    {
        foreach (var callback in callbacks)
        {
            callback.OnUpdate(context, progress);
        }
    }

    /// <summary>Tells the end to all that were started; then the first complaint is raised.</summary>
    [SuppressMessage(
        "Design", "CA1031:Do not catch general exception types",
        Justification = "Whatever one throws, the others must be told; it is thrown again.")]
    public void End()
    {
        ExceptionDispatchInfo? complaint = null;
        foreach (var callback in callbacks.Take(started))
        {
            try
            {
                callback.OnEnd(context);
            }
            catch (Exception error)
            {
                complaint ??= ExceptionDispatchInfo.Capture(error);
            }
        }

        complaint?.Throw();
    }
}
