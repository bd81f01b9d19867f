using System;
using Rl.Core.Distributed;

namespace Rl.Distributed.Internal;

/// <summary>Carries for one agent, whose algorithm has its copies wait for each other or not.</summary>
internal sealed class AgentCarrier(RoundCarrier together, AsynchronousCarrier late)
    : IRoundCarrier, IAsynchronousCarrier
{
    public int MaximumLag => late.MaximumLag;

    public void Carry(DistributedRound round) => together.Carry(round);

    public void Fill(AsynchronousRounds rounds) => late.Fill(rounds);

    public void Taken(double mean, int largest, long droppedSteps) => late.Taken(mean, largest, droppedSteps);

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
