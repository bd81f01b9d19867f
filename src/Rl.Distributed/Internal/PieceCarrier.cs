using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Runtime;
using Rl.Core.Kernels;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>Has the workers of a cluster train the pieces of a population, one at a time each. A piece whose worker is
/// lost is done again by another; the bits do not depend on who does it.</summary>
internal sealed class PieceCarrier(
    IGrainFactory grains, WorkerDirectory directory, WorkerLedger ledger, PeerNotices self, Action<string> notify)
{
    /// <summary>How many workers may fail with one piece, until it is the piece's fault.</summary>
    private const int MostFailures = 3;

    private readonly WorkerCalls calls = new(grains, directory, ledger, self, default);
    private readonly Lock gate = new();
    private readonly HashSet<SiloAddress> busy = [];
    private TaskCompletionSource freed = New();
    private bool hasToldOfNone;

    /// <summary>Trains a piece: of the request, its version and vectors are filled in.</summary>
    /// <exception cref="RlClusterException">No worker can do it, or this learner was given up by the
    /// others.</exception>
    public async Task<PieceReply> Train(PieceRequest piece, string name, CancellationToken cancellation)
    {
        if (piece.Agent.Length > SiloSetup.LargestMessage - 65_536)
        {
            throw new RlClusterException(
                $"{name} has a file of {piece.Agent.Length} bytes, more than a message may hold: use a smaller network "
                    + "or memory.");
        }

        var request = piece with { Version = LibraryVersion.Text, VectorBits = Kernels.vectorBits };
        for (var failures = 0; ;)
        {
            var worker = await Take(cancellation).ConfigureAwait(false);
            var reply = grains.GetGrain<IPieceGrain>(ActorKey.Of(worker, directory.Self, 0)).Train(request);
            ledger.Began(worker, 1, reply);
            try
            {
                if (!await Ends(reply, worker, cancellation).ConfigureAwait(false))
                {
                    Lost(worker, name, "is lost");
                    continue;
                }
            }
            catch
            {
                // It is at the piece until it is through, whoever asks for it.
                _ = reply.ContinueWith(done => Free(worker), TaskScheduler.Default);
                WorkerCalls.Observe(reply);
                throw;
            }

            if (!reply.IsCompletedSuccessfully)
            {
                WorkerCalls.RequireLostOnItsWay(reply);
                lock (gate)
                {
                    calls.Rest(worker);
                }

                Lost(worker, name, "does not answer");
                continue;
            }

            var done = await reply.ConfigureAwait(false);
            switch (done.Kind)
            {
                case ActorReplyKind.Done:
                    ledger.Acted(worker, done.Steps, done.Seconds);
                    ClusterMetrics.Acted(
                        worker.Endpoint.ToString(), done.Steps, request.Agent.Length + (done.Agent?.Length ?? 0));
                    Free(worker);
                    return done;
                case ActorReplyKind.Refused:
                    ledger.Refused(worker, done.Message ?? "");
                    Lost(worker, name, $"cannot train for this learner: {done.Message}");
                    break;
                default:
                    Lost(worker, name, $"failed: {done.Message}");
                    if (++failures == MostFailures)
                    {
                        throw new RlClusterException(
                            $"{name} failed {failures} times, the last time: {done.Message}");
                    }

                    break;
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A worker that has nothing to do, as soon as there is one.</summary>
    private async Task<SiloAddress> Take(CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var changed = directory.Changed;
            Task next;
            lock (gate)
            {
                calls.RequireMembership();
                self.Tell(notify);
                busy.RemoveWhere(worker => !directory.IsLive(worker));
                var idle = calls.Available(busy.Contains);
                if (idle.Count > 0)
                {
                    busy.Add(idle[0]);
                    return idle[0];
                }

                if (busy.Count == 0)
                {
                    calls.RequireWorkers(idle);
                }

                if (directory.Live.Count == 0 && !hasToldOfNone)
                {
                    notify("there is no worker; waiting for one");
                }

                hasToldOfNone = directory.Live.Count == 0;
                next = freed.Task;
            }

            await Task.WhenAny(changed, next, self.Lost, Task.Delay(WorkerCalls.Glance, cancellation))
                .ConfigureAwait(false);
        }
    }

    /// <summary>Whether a call ends, one way or the other, before its worker is no member any more.</summary>
    private async Task<bool> Ends(Task reply, SiloAddress worker, CancellationToken cancellation)
    {
        while (true)
        {
            var changed = directory.Changed;
            if (reply.IsCompleted)
            {
                return true;
            }

            if (!directory.IsLive(worker))
            {
                WorkerCalls.Observe(reply);
                return false;
            }

            calls.RequireMembership();
            await Task.WhenAny(reply, changed, self.Lost, Task.Delay(WorkerCalls.Glance, cancellation))
                .ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private void Lost(SiloAddress worker, string name, string why)
    {
        ClusterMetrics.ShareLost();
        notify($"worker {worker.Endpoint} {why}; another does {name}");
        Free(worker);
    }

    private void Free(SiloAddress worker)
    {
        lock (gate)
        {
            busy.Remove(worker);
            freed.TrySetResult();
            freed = New();
        }
    }
}
