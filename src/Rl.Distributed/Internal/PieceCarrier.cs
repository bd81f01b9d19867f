using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Runtime;
using Rl.Core.Kernels;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>Has the workers of a cluster train the pieces of a population, one at a time each. A piece whose worker is
/// lost or fails is done again by another, and one that takes much longer than others is given to an idle worker too;
/// the bits do not depend on who does it.</summary>
internal sealed class PieceCarrier(
    IGrainFactory grains, WorkerDirectory directory, WorkerLedger ledger, PeerNotices self, Action<string> notify)
{
    /// <summary>How many workers may fail with one piece, until it is the piece's fault.</summary>
    private const int MostFailures = 3;

    /// <summary>A piece is given to an idle worker too when it takes this much longer than the slowest of the last
    /// <see cref="Remembered"/>, and at least <see cref="LeastPatience"/>.</summary>
    private const double Patience = 3;

    private const int Remembered = 32;

    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(1);

    private readonly WorkerCalls calls = new(grains, directory, ledger, self, default);
    private readonly Lock gate = new();
    private readonly HashSet<SiloAddress> busy = [];
    private readonly Queue<TimeSpan> times = [];
    private TaskCompletionSource freed = New();
    private bool hasToldOfNone;
    private int waiting;

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
        var running = new List<Attempt>();
        var failures = 0;
        try
        {
            while (true)
            {
                if (running.Count == 0)
                {
                    running.Add(Begin(request, await Take(cancellation).ConfigureAwait(false)));
                }
                else if (running.Count == 1 && IsSlow(running[0]) && TakeSpare() is { } spare)
                {
                    running.Add(Begin(request, spare));
                }

                if (await Ended(running, name, cancellation).ConfigureAwait(false) is not { } ended)
                {
                    continue;
                }

                running.Remove(ended);
                if (await Reply(request, ended, name).ConfigureAwait(false) is not { } done)
                {
                    continue;
                }

                if (done.Kind == ActorReplyKind.Done)
                {
                    return done;
                }

                if (done.Kind == ActorReplyKind.Failed && ++failures == MostFailures)
                {
                    throw new RlClusterException($"{name} failed {failures} times, the last time: {done.Message}");
                }
            }
        }
        finally
        {
            // Those are at the piece until they are through, whoever asks for it.
            foreach (var left in running)
            {
                WorkerCalls.Observe(left.Reply);
                _ = left.Reply.ContinueWith(_ => Free(left.Worker), TaskScheduler.Default);
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Attempt Begin(PieceRequest request, SiloAddress worker)
    {
        var numbered = request with { Number = Replies.NextRequest() };
        var grain = grains.GetGrain<IPieceGrain>(ActorKey.Of(worker, directory.Self, 0));
        var reply = Replies.Of(grain.Train(numbered), grain, numbered.Number);
        ledger.Began(worker, 1, reply);
        return new(worker, Stopwatch.GetTimestamp(), reply);
    }

    /// <summary>What came of an attempt; null if nothing did.</summary>
    private async Task<PieceReply?> Reply(PieceRequest request, Attempt attempt, string name)
    {
        var worker = attempt.Worker;
        if (attempt.Reply.Exception?.InnerException is LostReplyException lost)
        {
            Lost(worker, name, $"failed: {lost.Message}");
            return new() { Kind = ActorReplyKind.Failed, Message = lost.Message };
        }

        if (!attempt.Reply.IsCompletedSuccessfully)
        {
            WorkerCalls.RequireLostOnItsWay(attempt.Reply);
            calls.Rest(worker);
            Lost(worker, name, "does not answer");
            return null;
        }

        var done = await attempt.Reply.ConfigureAwait(false);
        switch (done.Kind)
        {
            case ActorReplyKind.Done:
                Took(Stopwatch.GetElapsedTime(attempt.Began));
                ledger.Acted(worker, done.Steps, done.Seconds);
                ClusterMetrics.Acted(
                    worker.Endpoint.ToString(), done.Steps, request.Agent.Length + (done.Agent?.Length ?? 0));
                Free(worker);
                break;
            case ActorReplyKind.Refused:
                ledger.Refused(worker, done.Message ?? "");
                Lost(worker, name, $"cannot train for this learner: {done.Message}");
                break;
            default:
                Lost(worker, name, $"failed: {done.Message}");
                break;
        }

        return done;
    }

    private void Took(TimeSpan time)
    {
        lock (gate)
        {
            times.Enqueue(time);
            if (times.Count > Remembered)
            {
                times.Dequeue();
            }
        }
    }

    /// <summary>Whether a piece takes much longer than others.</summary>
    private bool IsSlow(Attempt attempt)
    {
        lock (gate)
        {
            var patience = times.Count == 0 ? TimeSpan.MaxValue : Patience * times.Max();
            return Stopwatch.GetElapsedTime(attempt.Began) > (patience > LeastPatience ? patience : LeastPatience);
        }
    }

    /// <summary>A worker that has nothing to do and that no other piece waits for.</summary>
    private SiloAddress? TakeSpare()
    {
        lock (gate)
        {
            return waiting == 0 ? Idle() : null;
        }
    }

    /// <summary>A worker that has nothing to do, which is busy from now on.</summary>
    private SiloAddress? Idle()
    {
        busy.RemoveWhere(worker => !directory.IsLive(worker));
        var idle = calls.Available(busy.Contains).FirstOrDefault();
        if (idle is not null)
        {
            busy.Add(idle);
        }

        return idle;
    }

    private async Task<SiloAddress> Take(CancellationToken cancellation)
    {
        Interlocked.Increment(ref waiting);
        try
        {
            return await WaitForIdle(cancellation).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    /// <summary>A worker that has nothing to do, as soon as there is one.</summary>
    private async Task<SiloAddress> WaitForIdle(CancellationToken cancellation)
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
                if (Idle() is { } idle)
                {
                    return idle;
                }

                if (busy.Count == 0)
                {
                    calls.RequireWorkers([]);
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

    /// <summary>The next attempt that ends, one way or the other; null where there is none yet, and where one was
    /// struck off because its worker is no member any more.</summary>
    private async Task<Attempt?> Ended(List<Attempt> running, string name, CancellationToken cancellation)
    {
        var changed = directory.Changed;
        if (running.Find(attempt => attempt.Reply.IsCompleted) is { } ended)
        {
            return ended;
        }

        if (running.Find(attempt => !directory.IsLive(attempt.Worker)) is { } lost)
        {
            running.Remove(lost);
            WorkerCalls.Observe(lost.Reply);
            Lost(lost.Worker, name, "is lost");
            return null;
        }

        calls.RequireMembership();
        await Task.WhenAny(
                [
                    changed, self.Lost, Task.Delay(WorkerCalls.Glance, cancellation),
                    .. running.Select(attempt => attempt.Reply),
                ])
            .ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        return null;
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

    /// <summary>A piece in the hands of a worker.</summary>
    private sealed record Attempt(SiloAddress Worker, long Began, Task<PieceReply> Reply);
}
