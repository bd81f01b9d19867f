using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Distributed;
using Rl.Internal;

namespace Rl.Tests.Distributed;

/// <summary>Workers without a network: requests and answers are bytes all the same.</summary>
internal sealed class SharesInProcess(EnvironmentSource environment, Func<int, int> workersOfRound)
    : IRoundCarrier, IDisposable
{
    private readonly Dictionary<int, ShareWorker> workers = [];
    private int rounds;

    /// <summary>Which worker takes a share of a round; each its own if not given.</summary>
    public Func<int, int, int> WorkerOf { get; init; } = (_, share) => share;

    /// <summary>What becomes of an answer on its way.</summary>
    public Func<byte[], byte[]> Way { get; init; } = bytes => bytes;

    public int RestartedCopies { get; private set; }

    public void Carry(DistributedRound round)
    {
        var count = Math.Min(workersOfRound(rounds), round.Copies);
        // In another order than their copies', as a network may.
        foreach (var share in Enumerable.Range(0, count).Reverse())
        {
            var first = share * round.Copies / count;
            var number = (share + 1) * round.Copies / count - first;
            var worker = Worker(WorkerOf(rounds, share), round);
            round.Accept(first, number, Way(worker.Answer(round.Request(first, number))));
        }

        RestartedCopies = round.RestartedCopies;
        rounds++;
    }

    public void Dispose()
    {
        foreach (var worker in workers.Values)
        {
            ((IDisposable)worker).Dispose();
        }
    }

    private ShareWorker Worker(int index, DistributedRound round)
    {
        if (!workers.TryGetValue(index, out var worker))
        {
            workers.Add(index, worker = new(round.Description, environment.Create, 1));
        }

        return worker;
    }
}
