using System;
using System.Threading.Tasks;
using Rl.Core.Distributed;

namespace Rl.Distributed.Internal;

/// <summary>Carries for one agent, whose algorithm has its copies wait for each other, or not, or remember.</summary>
internal sealed class AgentCarrier(RoundCarrier together, AsynchronousCarrier late, MemoryCarrier memories)
    : IRoundCarrier, IAsynchronousCarrier, IMemoryCarrier
{
    public int MaximumLag => late.MaximumLag;

    public void Carry(DistributedRound round) => together.Carry(round);

    public void Fill(AsynchronousRounds rounds) => late.Fill(rounds);

    public void Taken(double mean, int largest, long droppedSteps) => late.Taken(mean, largest, droppedSteps);

    public int Lead => memories.Lead;

    public int Memories(int copies) => memories.Memories(copies);

    public byte[][] Ask(byte[] description, ulong key, MemoryCall[] calls) => memories.Ask(description, key, calls);

    public Task<byte[]> Begin(byte[] description, ulong key, MemoryCall call) => memories.Begin(description, key, call);

    /// <summary>What ends it, with the agent's own end.</summary>
    public IDisposable Until(IDisposable attached) => new Attached(attached, late, memories);

    private sealed class Attached(IDisposable agent, AsynchronousCarrier late, MemoryCarrier memories) : IDisposable
    {
        public void Dispose()
        {
            try
            {
                agent.Dispose();
            }
            finally
            {
                late.Dispose();
                memories.Dispose();
            }
        }
    }
}
