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
/// in, as long as that is there.</summary>
internal sealed class MemoryCarrier(
    WorkerCalls calls,
    WorkerDirectory directory,
    WorkerLedger ledger,
    PeerNotices self,
    int memories,
    Action<string> notify,
    CancellationToken cancellation) : IMemoryCarrier
{
    /// <summary>How often in a row copies may fail, until it is their own fault.</summary>
    private const int MostFailures = 3;

    private readonly Dictionary<int, SiloAddress> owners = [];
    private readonly Dictionary<int, int> failures = [];

    public int Memories(int copies)
    {
        owners.Clear();
        return memories > 0 ? memories : WaitForWorkers().GetAwaiter().GetResult().Count;
    }

    public byte[][] Ask(byte[] description, ulong key, MemoryCall[] calls) =>
        AskAll(description, key, calls).GetAwaiter().GetResult();

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
                }
            }

            while (running.Count > 0)
            {
                cancellation.ThrowIfCancellationRequested();
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
        if (!call.Begins)
        {
            return owners.GetValueOrDefault(call.Shard);
        }

        owners.Remove(call.Shard);
        var workers = await WaitForWorkers().ConfigureAwait(false);
        return owners[call.Shard] = workers.MinBy(worker => owners.Values.Count(worker.Equals))!;
    }

    private async Task<List<SiloAddress>> WaitForWorkers()
    {
        var hasTold = false;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
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
        var lost = owners.Where(owner => owner.Value.Equals(worker)).Select(owner => owner.Key).ToList();
        if (lost.Count > 0)
        {
            lost.ForEach(shard => owners.Remove(shard));
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
                failures.Remove(attempt.Call.Shard);
                if (attempt.Call.Steps > 0)
                {
                    ledger.Acted(worker, attempt.Call.Steps, Stopwatch.GetElapsedTime(attempt.Began).TotalSeconds);
                }

                ClusterMetrics.Acted(worker.Endpoint.ToString(), attempt.Call.Steps, bytes);
                if (reply.Answer!.Length == 0)
                {
                    owners.Remove(attempt.Call.Shard);
                    notify($"worker {worker.Endpoint} has forgotten what it remembered");
                }

                return reply.Answer;
            case ActorReplyKind.Refused:
                ledger.Refused(worker, reply.Message ?? "");
                Lose(worker, $"cannot act for this learner: {reply.Message}");
                return null!;
            default:
                owners.Remove(attempt.Call.Shard);
                var failed = failures[attempt.Call.Shard] = failures.GetValueOrDefault(attempt.Call.Shard) + 1;
                if (failed >= MostFailures)
                {
                    failures.Clear();
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
