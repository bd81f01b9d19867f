using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Orleans.Runtime;
using Rl.Core.Distributed;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>Has copies act and remember in the workers of a cluster: each memory stays with the worker that it began
/// in, as long as that is there. Several may ask at once.</summary>
internal sealed class MemoryCarrier(
    WorkerCalls calls,
    WorkerDirectory directory,
    WorkerLedger ledger,
    PeerNotices self,
    int memories,
    int lead,
    Action<string> notify,
    CancellationToken cancellation) : IMemoryCarrier, IDisposable
{
    /// <summary>How often in a row copies may fail, until it is their own fault.</summary>
    private const int MostFailures = 3;

    private readonly Lock gate = new();
    private readonly Dictionary<int, SiloAddress> owners = [];
    private readonly Dictionary<int, int> failures = [];

    /// <summary>The copies of each memory.</summary>
    private readonly Dictionary<int, int> copiesOf = [];

    private volatile bool isOver;

    public int Lead => lead;

    public int Memories(int copies)
    {
        lock (gate)
        {
            owners.Clear();
            copiesOf.Clear();
        }

        return memories > 0 ? memories : WaitForWorkers().GetAwaiter().GetResult().Count;
    }

    public byte[][] Ask(byte[] description, ulong key, MemoryCall[] calls) =>
        AskAll(description, key, calls).GetAwaiter().GetResult();

    public Task<byte[]> Begin(byte[] description, ulong key, MemoryCall call) =>
        Task.Run(async () => (await AskAll(description, key, [call]).ConfigureAwait(false))[0]);

    /// <summary>Nobody is asked any more.</summary>
    public void Dispose() => isOver = true;

    private async Task<byte[][]> AskAll(byte[] description, ulong key, MemoryCall[] asked)
    {
        var began = Stopwatch.GetTimestamp();
        var answers = new byte[asked.Length][];
        var running = new List<Attempt>();
        try
        {
            for (var index = 0; index < asked.Length; index++)
            {
                if (await Owner(asked[index]).ConfigureAwait(false) is { } worker)
                {
                    var reply = calls.Ask(worker, key, description, asked[index].Request);
                    running.Add(new(index, asked[index], worker, Stopwatch.GetTimestamp(), reply));
                    Note(asked[index], worker, reply);
                }
            }

            while (running.Count > 0)
            {
                RequireTraining();
                calls.RequireMembership();
                self.Tell(notify);
                var changed = directory.Changed;
                foreach (var attempt in running.Where(attempt => !directory.IsLive(attempt.Worker)).ToList())
                {
                    running.Remove(attempt);
                    WorkerCalls.Observe(attempt.Reply);
                    Lose(attempt.Worker, "is lost");
                }

                var glance = Task.Delay(WorkerCalls.Glance, cancellation);
                await Task.WhenAny([changed, self.Lost, glance, .. running.Select(attempt => attempt.Reply)])
                    .ConfigureAwait(false);
                foreach (var attempt in running.Where(attempt => attempt.Reply.IsCompleted).ToList())
                {
                    running.Remove(attempt);
                    answers[attempt.Index] = Take(attempt);
                }
            }
        }
        finally
        {
            running.ForEach(attempt => WorkerCalls.Observe(attempt.Reply));
        }

        if (asked.Any(call => call.Steps > 0))
        {
            ClusterMetrics.Round(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return answers;
    }

    /// <summary>Who is asked: whoever has the memory, and for one that begins whoever has the fewest; null where
    /// nobody has it any more.</summary>
    private async Task<SiloAddress?> Owner(MemoryCall call)
    {
        lock (gate)
        {
            if (!call.Begins)
            {
                return owners.GetValueOrDefault(call.Shard);
            }

            owners.Remove(call.Shard);
        }

        var workers = await WaitForWorkers().ConfigureAwait(false);
        lock (gate)
        {
            return owners[call.Shard] = workers.MinBy(worker => owners.Values.Count(worker.Equals))!;
        }
    }

    private void RequireTraining()
    {
        cancellation.ThrowIfCancellationRequested();
        if (isOver)
        {
            throw new OperationCanceledException("The cluster was left.");
        }
    }

    /// <summary>A worker's copies are at work, with those of its other memories.</summary>
    private void Note(MemoryCall call, SiloAddress worker, Task reply)
    {
        if (call.Steps == 0)
        {
            return;
        }

        int copies;
        lock (gate)
        {
            copiesOf[call.Shard] = call.Number;
            copies = owners.Where(owner => owner.Value.Equals(worker))
                .Sum(owner => copiesOf.GetValueOrDefault(owner.Key));
        }

        ledger.Began(worker, copies, reply);
        if (lead > 0)
        {
            ledger.Lagged(worker, call.Lag);
            ClusterMetrics.Lag(call.Lag, 0);
        }
    }

    private async Task<List<SiloAddress>> WaitForWorkers()
    {
        var hasTold = false;
        while (true)
        {
            RequireTraining();
            calls.RequireMembership();
            self.Tell(notify);
            var changed = directory.Changed;
            var workers = calls.Available(_ => false);
            if (workers.Count > 0)
            {
                return workers;
            }

            calls.RequireWorkers(workers);
            if (!hasTold && directory.Live.Count == 0)
            {
                hasTold = true;
                notify("there is no worker; waiting for one");
            }

            await Task.WhenAny(changed, self.Lost, Task.Delay(WorkerCalls.Glance, cancellation)).ConfigureAwait(false);
        }
    }

    /// <summary>All memories of a worker are lost.</summary>
    private void Lose(SiloAddress worker, string why)
    {
        List<int> lost;
        lock (gate)
        {
            lost = [.. owners.Where(owner => owner.Value.Equals(worker)).Select(owner => owner.Key)];
            lost.ForEach(shard => owners.Remove(shard));
        }

        if (lost.Count > 0)
        {
            ClusterMetrics.ShareLost();
            notify($"worker {worker.Endpoint} {why}, and with it what it remembered; its copies act in another");
        }

        calls.Forget(worker);
    }

    /// <summary>What came of a call; null where the memory is lost.</summary>
    private byte[] Take(Attempt attempt)
    {
        var worker = attempt.Worker;
        if (!attempt.Reply.IsCompletedSuccessfully)
        {
            WorkerCalls.RequireLostOnItsWay(attempt.Reply);
            calls.Rest(worker);
            Lose(worker, "does not answer");
            return null!;
        }

        var (reply, bytes) = attempt.Reply.Result;
        switch (reply.Kind)
        {
            case ActorReplyKind.Done:
                calls.HasBegun(worker);
                if (attempt.Call.Steps > 0)
                {
                    lock (gate)
                    {
                        failures.Remove(attempt.Call.Shard);
                    }

                    ledger.Acted(worker, attempt.Call.Steps, Stopwatch.GetElapsedTime(attempt.Began).TotalSeconds);
                }

                ClusterMetrics.Acted(worker.Endpoint.ToString(), attempt.Call.Steps, bytes);
                if (reply.Answer!.Length == 0)
                {
                    lock (gate)
                    {
                        owners.Remove(attempt.Call.Shard);
                    }

                    notify($"worker {worker.Endpoint} has forgotten what it remembered");
                }

                return reply.Answer;
            case ActorReplyKind.Refused:
                ledger.Refused(worker, reply.Message ?? "");
                Lose(worker, $"cannot act for this learner: {reply.Message}");
                return null!;
            default:
                int failed;
                lock (gate)
                {
                    owners.Remove(attempt.Call.Shard);
                    failed = failures[attempt.Call.Shard] = failures.GetValueOrDefault(attempt.Call.Shard) + 1;
                    if (failed >= MostFailures)
                    {
                        failures.Clear();
                    }
                }

                if (failed >= MostFailures)
                {
                    throw new RlClusterException(
                        $"Copies {attempt.Call.First} to {attempt.Call.First + attempt.Call.Number - 1} failed "
                            + $"{failed} times in a row, the last time: {reply.Message}");
                }

                notify($"worker {worker.Endpoint} failed: {reply.Message}; its copies begin with an empty memory");
                return null!;
        }
    }

    /// <summary>A call in the hands of a worker.</summary>
    private sealed record Attempt(
        int Index, MemoryCall Call, SiloAddress Worker, long Began, Task<(ActorReply Reply, long Bytes)> Reply);
}
