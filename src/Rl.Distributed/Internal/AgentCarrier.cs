using System;
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

    public int Memories(int copies) => memories.Memories(copies);

    public byte[][] Ask(byte[] description, ulong key, MemoryCall[] calls) => memories.Ask(description, key, calls);

    /// <summary>What ends it, with the agent's own end.</summary>
    public IDisposable Until(IDisposable attached) => new Attached(attached, late);

    private sealed class Attached(IDisposable agent, AsynchronousCarrier late) : IDisposable
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
            }
        }
    }
}
