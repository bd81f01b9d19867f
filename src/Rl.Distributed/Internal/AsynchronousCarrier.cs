using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Orleans.Runtime;
using Rl.Core.Distributed;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>Has the workers of a cluster act without waiting for each other or for the learner: whoever is free is
/// given the copies that have waited longest and the newest policy, as far ahead of the learner as it may lag.
/// </summary>
internal sealed class AsynchronousCarrier(
    WorkerCalls calls,
    WorkerDirectory directory,
    WorkerLedger ledger,
    PeerNotices self,
    int maximumLag,
    Action<string> notify,
    CancellationToken cancellation) : IAsynchronousCarrier, IDisposable
{
    /// <summary>How often in a row shares may fail, until it is their own fault.</summary>
    private const int MostFailures = 3;

    private readonly Lock gate = new();
    private AsynchronousRounds? present;
    private CancellationTokenSource? end;
    private Task pump = Task.CompletedTask;
    private TaskCompletionSource asked = New();
    private TaskCompletionSource answered = New();
    private bool hasToldOfDrops;

    /// <summary>The updates of the newest policy that was sent out.</summary>
    private long newest;

    public int MaximumLag => maximumLag;

    public void Fill(AsynchronousRounds rounds)
    {
        if (!ReferenceEquals(rounds, present) || pump.IsCompleted)
        {
            Stop();
            (present, newest) = (rounds, 0);
            end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var token = end.Token;
            pump = Task.Run(() => Pump(rounds, token), CancellationToken.None);
        }

        FillAsync(rounds).GetAwaiter().GetResult();
    }

    public void Taken(double mean, int largest, long droppedSteps)
    {
        ClusterMetrics.Lag(mean, droppedSteps);
        if (droppedSteps > 0 && !hasToldOfDrops)
        {
            hasToldOfDrops = true;
            notify(string.Create(
                CultureInfo.InvariantCulture,
                $"steps that are more than {maximumLag} updates old are not learned from, {droppedSteps} so far: a "
                    + $"worker is much slower than the others; a larger maximum lag uses what it does"));
        }
    }

    public void Dispose() => Stop();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task FillAsync(AsynchronousRounds rounds)
    {
        // There is a newer policy, and room for more.
        Signal(ref asked);
        while (true)
        {
            var next = Next(ref answered);
            if (rounds.IsFull)
            {
                return;
            }

            cancellation.ThrowIfCancellationRequested();
            if (pump.IsCompleted)
            {
                await pump.ConfigureAwait(false);
                throw new OperationCanceledException("The cluster was left while a rollout was collected.");
            }

            await Task.WhenAny(next, pump, Task.Delay(WorkerCalls.Glance, cancellation)).ConfigureAwait(false);
        }
    }

    /// <summary>Ends what is under way; shares that workers are still at are nobody's any more.</summary>
    private void Stop()
    {
        end?.Cancel();
        Task.WaitAny(pump);
        _ = pump.Exception;
        end?.Dispose();
        end = null;
        present = null;
    }

    private async Task Pump(AsynchronousRounds rounds, CancellationToken stop)
    {
        var running = new List<Attempt>();
        var failures = 0;
        var hasTold = false;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                calls.RequireMembership();
                self.Tell(notify);
                var changed = directory.Changed;
                var newer = Next(ref asked);
                DropLost(rounds, running);
                var live = calls.Available(_ => false);
                foreach (var worker in live.Where(worker => !running.Exists(attempt => attempt.Worker.Equals(worker))))
                {
                    if (rounds.TryBegin(worker, live.Count) is { } share)
                    {
                        var reply = calls.Ask(worker, rounds.Key, rounds.Description, share.Request);
                        ledger.Began(worker, share.Number, reply);
                        newest = Math.Max(newest, share.Updates);
                        running.Add(new(share, worker, reply));
                    }
                }

                if (running.Count == 0)
                {
                    calls.RequireWorkers(live);
                    if (!hasTold && directory.Live.Count == 0)
                    {
                        hasTold = true;
                        notify("there is no worker; waiting for one");
                    }
                }

                var glance = Task.Delay(WorkerCalls.Glance, stop);
                await Task.WhenAny([changed, newer, self.Lost, glance, .. running.Select(attempt => attempt.Reply)])
                    .ConfigureAwait(false);
                foreach (var attempt in running.Where(attempt => attempt.Reply.IsCompleted).ToList())
                {
                    running.Remove(attempt);
                    failures = Take(rounds, attempt) ? 0 : failures;
                    failures += attempt.HasFailed ? 1 : 0;
                    if (failures >= MostFailures)
                    {
                        throw new RlClusterException(
                            $"Copies {attempt.Share.First} to {attempt.Share.First + attempt.Share.Number - 1} failed, "
                                + $"as others before, {failures} times in a row: {attempt.Failure}");
                    }
                }

                Signal(ref answered);
            }
        }
        finally
        {
            foreach (var attempt in running)
            {
                WorkerCalls.Observe(attempt.Reply);
                rounds.Lose(attempt.Share, isWorkerGone: false);
            }
        }
    }

    private void DropLost(AsynchronousRounds rounds, List<Attempt> running)
    {
        foreach (var attempt in running.Where(attempt => !directory.IsLive(attempt.Worker)).ToList())
        {
            running.Remove(attempt);
            WorkerCalls.Observe(attempt.Reply);
            Lose(rounds, attempt, "is lost", isWorkerGone: true);
        }
    }

    private void Lose(AsynchronousRounds rounds, Attempt attempt, string why, bool isWorkerGone)
    {
        rounds.Lose(attempt.Share, isWorkerGone);
        calls.Forget(attempt.Worker);
        ClusterMetrics.ShareLost();
        notify($"worker {attempt.Worker.Endpoint} {why}; its copies act in another");
    }

    /// <summary>Takes in what came of an attempt; whether its share is done.</summary>
    private bool Take(AsynchronousRounds rounds, Attempt attempt)
    {
        var worker = attempt.Worker;
        if (!attempt.Reply.IsCompletedSuccessfully)
        {
            WorkerCalls.RequireLostOnItsWay(attempt.Reply);
            calls.Rest(worker);
            Lose(rounds, attempt, "does not answer", isWorkerGone: !directory.IsLive(worker));
            return false;
        }

        var (reply, bytes) = attempt.Reply.Result;
        switch (reply.Kind)
        {
            case ActorReplyKind.Done:
                calls.HasBegun(worker);
                return Accept(rounds, attempt, reply.Answer!, bytes);
            case ActorReplyKind.Refused:
                ledger.Refused(worker, reply.Message ?? "");
                Lose(rounds, attempt, $"cannot act for this learner: {reply.Message}", isWorkerGone: true);
                return false;
            default:
                Lose(rounds, attempt, $"failed: {reply.Message}", isWorkerGone: false);
                attempt.Failure = reply.Message ?? "";
                return false;
        }
    }

    private bool Accept(AsynchronousRounds rounds, Attempt attempt, byte[] answer, long bytes)
    {
        try
        {
            var done = rounds.Accept(attempt.Share, answer);
            ledger.Acted(attempt.Worker, done.Steps, done.Seconds);
            ledger.Lagged(attempt.Worker, (int)(newest - attempt.Share.Updates));
            ClusterMetrics.Acted(attempt.Worker.Endpoint.ToString(), done.Steps, bytes);
            return true;
        }
        catch (Exception error) when (error is InvalidDataException or ArgumentException)
        {
            notify($"worker {attempt.Worker.Endpoint} gave an answer that cannot be read: {error.Message}");
            rounds.Lose(attempt.Share, isWorkerGone: false);
            attempt.Failure = error.Message;
            return false;
        }
    }

    /// <summary>The task that ends with the next signal.</summary>
    private Task Next(ref TaskCompletionSource source)
    {
        lock (gate)
        {
            return source.Task;
        }
    }

    private void Signal(ref TaskCompletionSource source)
    {
        lock (gate)
        {
            source.TrySetResult();
            source = New();
        }
    }

    /// <summary>A share in the hands of a worker.</summary>
    private sealed record Attempt(LateShare Share, SiloAddress Worker, Task<(ActorReply Reply, long Bytes)> Reply)
    {
        /// <summary>What went wrong with its code or its answer.</summary>
        public string? Failure { get; set; }

        public bool HasFailed => Failure is not null;
    }
}
