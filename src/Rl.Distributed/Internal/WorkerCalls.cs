using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Runtime;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>Which workers a learner may ask now, and how it asks them. Thread-safe.</summary>
internal sealed class WorkerCalls(
    IGrainFactory grains, WorkerDirectory directory, WorkerLedger ledger, PeerNotices self, ActorPlan environment)
{
    /// <summary>How often what cannot be waited for is looked at.</summary>
    public static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a worker that could not be reached is left alone.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    private readonly Lock gate = new();
    private readonly HashSet<SiloAddress> begun = [];
    private readonly Dictionary<SiloAddress, long> restsUntil = [];

    /// <summary>The workers that are there and have refused nothing, but for those that rest or are busy.</summary>
    public List<SiloAddress> Available(Predicate<SiloAddress> isBusy)
    {
        var now = Stopwatch.GetTimestamp();
        lock (gate)
        {
            return
            [
                .. directory.Live.Where(worker => !ledger.HasRefused(worker)
                    && restsUntil.GetValueOrDefault(worker) < now
                    && !isBusy(worker)),
            ];
        }
    }

    /// <summary>Whoever was given up by the others cannot go on.</summary>
    /// <exception cref="RlClusterException">This learner was.</exception>
    public void RequireMembership()
    {
        if (self.Lost.IsCompleted)
        {
            throw new RlClusterException(
                "The other members gave this learner up, since it did not answer for too long: it was stopped, or the "
                    + "network was away. What was saved is there: resume the run.");
        }
    }

    /// <summary>Somebody must be able to act.</summary>
    /// <exception cref="RlClusterException">All that are there have refused.</exception>
    public void RequireWorkers(List<SiloAddress> available)
    {
        if (available.Count == 0 && directory.Live is { Count: > 0 } live && live.All(ledger.HasRefused))
        {
            var refusals = ledger.Read(live).Select(worker => $"{worker.Address}: {worker.Refusal}");
            throw new RlClusterException($"No worker can act for this learner. {string.Join(" ", refusals)}");
        }
    }

    /// <summary>Has a worker act by a plan, which it is given first where it has none: its reply, and the bytes that
    /// travelled.</summary>
    public async Task<(ActorReply Reply, long Bytes)> Ask(
        SiloAddress worker, ulong key, byte[] description, byte[] request)
    {
        if (request.Length > SiloSetup.LargestMessage - 4096)
        {
            throw new RlClusterException(
                $"A request has {request.Length} bytes, more than a message may hold: use fewer parameters.");
        }

        var actor = grains.GetGrain<IActorGrain>(ActorKey.Of(worker, directory.Self, key));
        ActorReply reply;
        try
        {
            reply = HasPlan(worker) ? await Act(actor, request).ConfigureAwait(false)
                : new() { Kind = ActorReplyKind.NeedsPlan };
            if (reply.Kind == ActorReplyKind.NeedsPlan)
            {
                var number = Replies.NextRequest();
                var plan = environment with { Description = description, Number = number };
                reply = await Replies.Of(actor.Begin(plan), actor, number).ConfigureAwait(false);
                if (reply.Kind == ActorReplyKind.Done)
                {
                    reply = await Act(actor, request).ConfigureAwait(false);
                }
            }
        }
        catch (LostReplyException lost)
        {
            reply = new() { Kind = ActorReplyKind.Failed, Message = lost.Message };
        }

        return (reply, request.Length + (reply.Answer?.Length ?? 0));
    }

    private static Task<ActorReply> Act(IActorGrain actor, byte[] request)
    {
        var number = Replies.NextRequest();
        return Replies.Of(actor.Act(new() { Bytes = request, Number = number }), actor, number);
    }

    private bool HasPlan(SiloAddress worker)
    {
        lock (gate)
        {
            return begun.Contains(worker);
        }
    }

    /// <summary>The worker has the plan.</summary>
    public void HasBegun(SiloAddress worker)
    {
        lock (gate)
        {
            begun.Add(worker);
        }
    }

    /// <summary>Whether it has the plan is not known any more.</summary>
    public void Forget(SiloAddress worker)
    {
        lock (gate)
        {
            begun.Remove(worker);
        }
    }

    /// <summary>The worker could not be reached.</summary>
    public void Rest(SiloAddress worker)
    {
        lock (gate)
        {
            restsUntil[worker] = Stopwatch.GetTimestamp() + (long)(Pause.TotalSeconds * Stopwatch.Frequency);
        }
    }

    /// <summary>A call that ended without a reply was lost on its way, or cancelled; what failed here is
    /// thrown.</summary>
    public static void RequireLostOnItsWay(Task call)
    {
        // One that was cancelled has no exception.
        if (call.Exception?.GetBaseException() is { } error
            and not (OrleansException or TimeoutException or IOException))
        {
            ExceptionDispatchInfo.Throw(error);
        }
    }

    /// <summary>What nobody waits for any more may fail unheard.</summary>
    public static void Observe(Task task) =>
        task.ContinueWith(
            done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default);
}
