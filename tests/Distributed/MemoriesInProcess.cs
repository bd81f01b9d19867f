using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Core.Distributed;
using Rl.Internal;

namespace Rl.Tests.Distributed;

/// <summary>Workers that remember, without a network: requests and answers are bytes all the same.</summary>
internal sealed class MemoriesInProcess(EnvironmentSource environment, int memories, int workers, int lead = 0)
    : IRoundCarrier, IMemoryCarrier, IDisposable
{
    private readonly Dictionary<int, IShareWorker> present = [];
    private readonly Dictionary<int, int> owners = [];
    private readonly Lock gate = new();
    private int begun;

    public int Lead => lead;

    /// <summary>Bytes that were asked with and answered.</summary>
    public long Bytes { get; private set; }

    public int Calls { get; private set; }

    /// <summary>Is told of calls before they are answered.</summary>
    public Action<MemoryCall> Asked { get; set; } = _ => { };

    /// <summary>How long a call is on its way.</summary>
    public Func<MemoryCall, TimeSpan> Waits { get; set; } = _ => TimeSpan.Zero;

    /// <summary>Is told of calls that have been answered.</summary>
    public Action<MemoryCall> Answered { get; set; } = _ => { };

    /// <summary>What becomes of an answer on its way.</summary>
    public Func<byte[], byte[]> Way { get; set; } = bytes => bytes;

    public void Carry(DistributedRound round) => throw new InvalidOperationException("They remember.");

    public int Memories(int copies) => memories;

    public byte[][] Ask(byte[] description, ulong key, MemoryCall[] calls)
    {
        var answers = new byte[calls.Length][];

        // In another order than their copies', as a network may.
        foreach (var index in Enumerable.Range(0, calls.Length).Reverse())
        {
            var call = calls[index];
            IShareWorker? worker = null;
            lock (gate)
            {
                Asked(call);
                if (call.Begins)
                {
                    owners[call.Shard] = begun++ % workers;
                }

                if (owners.TryGetValue(call.Shard, out var owner) && !present.TryGetValue(owner, out worker))
                {
                    present.Add(owner, worker = ShareWorkers.create(description, environment.Create, 1));
                }
            }

            if (worker is not null)
            {
                Thread.Sleep(Waits(call));
                var answer = worker.Answer(call.Request);
                Answered(call);
                lock (gate)
                {
                    answers[index] = Way(answer);
                    Bytes += call.Request.Length + answers[index].Length;
                    Calls++;
                }
            }
        }

        return answers;
    }

    public Task<byte[]> Begin(byte[] description, ulong key, MemoryCall call) =>
        Task.Run(() => Ask(description, key, [call])[0]);

    /// <summary>The worker of a memory is no more, and another takes its place.</summary>
    public void Lose(int memory)
    {
        var owner = owners[memory];
        present.Remove(owner, out var worker);
        worker?.Dispose();
        foreach (var lost in owners.Where(pair => pair.Value == owner).Select(pair => pair.Key).ToList())
        {
            owners.Remove(lost);
        }
    }

    /// <summary>The worker is there, but has begun anew.</summary>
    public void Restart(int memory)
    {
        present.Remove(owners[memory], out var worker);
        worker?.Dispose();
    }

    public void Dispose()
    {
        foreach (var worker in present.Values)
        {
            worker.Dispose();
        }
    }
}
