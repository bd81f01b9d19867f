using System;
using System.Threading;
using System.Threading.Tasks;
using Orleans.Runtime;

namespace Rl.Distributed.Internal;

/// <summary>What a member hears of itself and of its peers: that the others gave it up, that a stranger was turned
/// away.</summary>
internal sealed class PeerNotices : IFatalErrorHandler
{
    private readonly TaskCompletionSource lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int strangers;
    private int toldOf;

    /// <summary>Ends when this member cannot go on as the one that it is: it may join anew as another.</summary>
    public Task Lost => lost.Task;

    /// <summary>Whether somebody was turned away for knowing another secret, or none.</summary>
    public bool HasSeenStrangers => Volatile.Read(ref strangers) > 0;

    public void Stranger() => Interlocked.Increment(ref strangers);

    /// <summary>Tells of strangers, once: whoever is wrong tries again and again.</summary>
    public void Tell(Action<string> notify)
    {
        if (HasSeenStrangers && Interlocked.Exchange(ref toldOf, 1) == 0)
        {
            notify("a peer that does not know this cluster's secret was turned away; give all members the same");
        }
    }

    public bool IsUnexpected(Exception exception) => exception is not OperationCanceledException;

    /// <summary>Instead of ending the process, as Orleans would: whoever runs the member decides.</summary>
    public void OnFatalException(object? sender, string? context, Exception? exception) => lost.TrySetResult();
}
