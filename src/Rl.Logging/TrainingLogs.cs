using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Logging;

/// <summary>Several receivers of progress as one: logs, a view, a recorder. Each is told in turn. It is also one of the
/// callbacks of a training; those among the receivers that are callbacks too, as all logs are, hear all that a callback
/// hears.</summary>
public sealed class TrainingLogs : TrainingCallback, IProgress<TrainingProgress>, IDisposable
{
    private readonly IProgress<TrainingProgress>[] receivers;
    private int started;

    /// <summary>Tells all of them.</summary>
    /// <param name="receivers">The receivers in the order in which they are told.</param>
    public TrainingLogs(params IEnumerable<IProgress<TrainingProgress>> receivers)
    {
        ArgumentNullException.ThrowIfNull(receivers);
        this.receivers = [.. receivers];
        if (this.receivers.Contains(null!))
        {
            throw new ArgumentException("One of the receivers is null; leave it out.", nameof(receivers));
        }
    }

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        foreach (var receiver in receivers)
        {
            receiver.Report(value);
        }
    }

    /// <inheritdoc/>
    protected internal override bool Evaluates => Callbacks.Any(callback => callback.Evaluates);

    /// <inheritdoc/>
    protected internal override bool NeedsEvaluations => Callbacks.Any(callback => callback.NeedsEvaluations);

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context)
    {
        started = 0;
        foreach (var callback in Callbacks)
        {
            callback.OnStart(context);
            started++;
        }
    }

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
        foreach (var receiver in receivers)
        {
            if (receiver is TrainingCallback callback)
            {
                callback.OnUpdate(context, progress);
            }
            else
            {
                receiver.Report(progress);
            }
        }
    }

    /// <inheritdoc/>
    protected internal override void OnEvaluated(TrainingContext context, EvaluationResult evaluation)
    {
        foreach (var callback in Callbacks)
        {
            callback.OnEvaluated(context, evaluation);
        }
    }

    /// <inheritdoc/>
    protected internal override void OnEnd(TrainingContext context)
    {
        foreach (var callback in Callbacks.Take(started))
        {
            callback.OnEnd(context);
        }
    }

    /// <summary>Disposes of those that need it, all logs among them.</summary>
    public void Dispose()
    {
        foreach (var receiver in receivers.OfType<IDisposable>())
        {
            receiver.Dispose();
        }
    }

    private IEnumerable<TrainingCallback> Callbacks => receivers.OfType<TrainingCallback>();
}
