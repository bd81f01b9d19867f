using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Logging;

/// <summary>Several receivers of progress as one: logs, a view, a recorder. Each is told in turn.</summary>
public sealed class TrainingLogs : IProgress<TrainingProgress>, IDisposable
{
    private readonly IProgress<TrainingProgress>[] receivers;

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

    /// <summary>Disposes of those that need it, all logs among them.</summary>
    public void Dispose()
    {
        foreach (var receiver in receivers.OfType<IDisposable>())
        {
            receiver.Dispose();
        }
    }
}
