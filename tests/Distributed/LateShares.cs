using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Distributed;
using Rl.Internal;

namespace Rl.Tests.Distributed;

/// <summary>Workers that do not wait, without a network and in a time of their own: each takes so long for a copy's
/// share. The same each time.</summary>
internal sealed class LateShares(EnvironmentSource environment, int maximumLag, params int[] durations)
    : IRoundCarrier, IAsynchronousCarrier, IDisposable
{
    private readonly Dictionary<int, ShareWorker> workers = [];
    private readonly List<(int Worker, LateShare Share, long Ends)> running = [];
    private readonly HashSet<int> lost = [];
    private AsynchronousRounds? present;
    private long now;

    public int MaximumLag => maximumLag;

    /// <summary>The shares that each worker has done.</summary>
    public int[] Done { get; } = new int[durations.Length];

    public List<(double Mean, int Largest, long Dropped)> Lags { get; } = [];

    /// <summary>The copies of the shares that were lost.</summary>
    public List<(int First, int Number)> Lost { get; } = [];

    /// <summary>Is told of each share as it begins.</summary>
    public Action<LateShare> Begun { get; init; } = _ => { };

    public void Carry(DistributedRound round) => throw new InvalidOperationException("They do not wait.");

    public void Fill(AsynchronousRounds rounds)
    {
        if (!ReferenceEquals(rounds, present))
        {
            running.Clear();
            present = rounds;
        }

        while (!rounds.IsFull)
        {
            var alive = Enumerable.Range(0, durations.Length).Where(worker => !lost.Contains(worker)).ToList();
            foreach (var worker in alive.Where(worker => !running.Exists(share => share.Worker == worker)))
            {
                if (rounds.TryBegin(worker, alive.Count) is { } share)
                {
                    Begun(share);
                    running.Add((worker, share, now + (long)durations[worker] * share.Number));
                }
            }

            var next = running.MinBy(share => share.Ends);
            running.Remove(next);
            now = next.Ends;
            rounds.Accept(next.Share, Worker(next.Worker, rounds).Answer(next.Share.Request));
            Done[next.Worker]++;
        }
    }

    public void Taken(double mean, int largest, long droppedSteps) => Lags.Add((mean, largest, droppedSteps));

    /// <summary>The worker is no more.</summary>
    public void Lose(int worker)
    {
        lost.Add(worker);
        foreach (var share in running.Where(share => share.Worker == worker).ToList())
        {
            running.Remove(share);
            Lost.Add((share.Share.First, share.Share.Number));
            present!.Lose(share.Share, isWorkerGone: true);
        }
    }

    public void Dispose()
    {
        foreach (var worker in workers.Values)
        {
            ((IDisposable)worker).Dispose();
        }
    }

    private ShareWorker Worker(int index, AsynchronousRounds rounds)
    {
        if (!workers.TryGetValue(index, out var worker))
        {
            workers.Add(index, worker = new(rounds.Description, environment.Create, 1));
        }

        return worker;
    }
}
