using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Orleans.Runtime;

namespace Rl.Distributed.Internal;

/// <summary>What each worker has done for a learner, for whoever looks on.</summary>
internal sealed class WorkerLedger
{
    private readonly Lock gate = new();
    private readonly Dictionary<SiloAddress, Entry> entries = [];

    public void Acted(SiloAddress worker, long steps, double seconds)
    {
        lock (gate)
        {
            var entry = Of(worker);
            entry.Steps += steps;
            entry.Seconds += seconds;
            entry.Answers++;
        }
    }

    /// <summary>A worker was asked to act for so many copies.</summary>
    public void Began(SiloAddress worker, int copies, Task work)
    {
        lock (gate)
        {
            var entry = Of(worker);
            entry.Copies = copies;
            entry.Began = Stopwatch.GetTimestamp();

            // A task of its own, which does not keep the reply.
            entry.Work = work.ContinueWith(
                static _ => { }, default, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>How old the policy was that it acted by.</summary>
    public void Lagged(SiloAddress worker, int lag)
    {
        lock (gate)
        {
            Of(worker).Lag = lag;
        }
    }

    public void Refused(SiloAddress worker, string message)
    {
        lock (gate)
        {
            Of(worker).Refusal = message;
        }
    }

    /// <summary>Has all workers asked again.</summary>
    public void ForgetRefusals()
    {
        lock (gate)
        {
            foreach (var entry in entries.Values)
            {
                entry.Refusal = null;
            }
        }
    }

    public bool HasRefused(SiloAddress worker)
    {
        lock (gate)
        {
            return entries.TryGetValue(worker, out var entry) && entry.Refusal is not null;
        }
    }

    /// <summary>All that are there or were, in the order of their addresses.</summary>
    public IReadOnlyList<ClusterWorker> Read(IReadOnlyList<SiloAddress> live)
    {
        lock (gate)
        {
            return
            [
                .. live.Union(entries.Keys).Order().Select(worker =>
                {
                    var entry = entries.GetValueOrDefault(worker);
                    return new ClusterWorker(
                        worker.Endpoint.ToString(),
                        live.Contains(worker),
                        entry?.Steps ?? 0,
                        TimeSpan.FromSeconds(entry?.Seconds ?? 0),
                        entry?.Refusal)
                    {
                        Copies = entry?.Copies ?? 0,
                        AtWork = entry?.Work is { IsCompleted: false } ? Stopwatch.GetElapsedTime(entry.Began) : null,
                        Answers = entry?.Answers ?? 0,
                        Lag = entry?.Lag,
                    };
                }),
            ];
        }
    }

    private Entry Of(SiloAddress worker)
    {
        if (!entries.TryGetValue(worker, out var entry))
        {
            entries.Add(worker, entry = new());
        }

        return entry;
    }

    private sealed class Entry
    {
        public long Steps { get; set; }

        public double Seconds { get; set; }

        public string? Refusal { get; set; }

        public long Answers { get; set; }

        public int Copies { get; set; }

        /// <summary>What it was asked for last.</summary>
        public Task? Work { get; set; }

        public long Began { get; set; }

        public int? Lag { get; set; }
    }
}
