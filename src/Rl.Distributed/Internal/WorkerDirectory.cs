using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Orleans.Runtime;

namespace Rl.Distributed.Internal;

/// <summary>The workers that are there, as this member's view of the list of members says.</summary>
internal sealed class WorkerDirectory : ISiloStatusListener, IDisposable
{
    private readonly ISiloStatusOracle oracle;
    private readonly Lock gate = new();
    private TaskCompletionSource changed = New();

    public WorkerDirectory(ISiloStatusOracle oracle)
    {
        this.oracle = oracle;
        oracle.SubscribeToSiloStatusEvents(this);
    }

    /// <summary>This member.</summary>
    public SiloAddress Self => oracle.SiloAddress;

    /// <summary>The workers, in the order of their addresses.</summary>
    public IReadOnlyList<SiloAddress> Live =>
    [
        .. oracle.GetActiveSilos()
            .Where(silo => oracle.TryGetSiloName(silo, out var name)
                && name.StartsWith(SiloSetup.WorkerPrefix, StringComparison.Ordinal))
            .Order(),
    ];

    /// <summary>Ends with the next change of the list; ask for it before <see cref="Live"/>.</summary>
    public Task Changed
    {
        get
        {
            lock (gate)
            {
                return changed.Task;
            }
        }
    }

    public bool IsLive(SiloAddress worker) => oracle.GetApproximateSiloStatus(worker) == SiloStatus.Active;

    public void SiloStatusChangeNotification(SiloAddress updatedSilo, SiloStatus status)
    {
        lock (gate)
        {
            changed.TrySetResult();
            changed = New();
        }
    }

    public void Dispose() => oracle.UnSubscribeFromSiloStatusEvents(this);

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
