using System;
using System.Collections.Generic;
using Rl.Core.Distributed;
using Rl.Core.Environments;
using Rl.Internal;

namespace Rl;

/// <content>Training with copies that act in other processes.</content>
public sealed partial class Agent
{
    private IRoundCarrier? carrier;
    private DistributedBatch? placed;

    /// <summary>What a file would hold to find the environment again; empty without one.</summary>
    internal IReadOnlyList<KeyValuePair<string, string>> EnvironmentNotes => source is null ? [] : [.. source.Notes];

    /// <summary>Has the copies that it trains in act by a carrier until the result is disposed of. What it becomes and
    /// saves is the same.</summary>
    /// <exception cref="ArgumentException">The copies depend on each other, or the algorithm steps them itself; nothing
    /// is changed then.</exception>
    internal IDisposable ActElsewhere(IRoundCarrier elsewhere)
    {
        using (Enter())
        {
            if (carrier is not null)
            {
                throw new InvalidOperationException("The agent's copies act elsewhere already; dispose of that first.");
            }

            DropLearner();
            carrier = elsewhere;
            try
            {
                Failures.Translate(() => Learner());
                if (placed is not { IsBound: true })
                {
                    throw new ArgumentException(
                        $"Copies act in other processes by whole rollouts or episodes or with their memory, and "
                            + $"{Options.Algorithm} steps them itself: train it in one process, or choose another "
                            + "algorithm, such as ppo, dqn, sac or es.",
                        nameof(elsewhere));
                }
            }
            catch
            {
                ActHere();
                throw;
            }
        }

        return new Elsewhere(this);
    }

    private void ActHere()
    {
        DropLearner();
        carrier = null;
        placed = null;
    }

    private BatchEnvironment Placed(BatchEnvironment batch) =>
        carrier is null ? batch : placed = new DistributedBatch(batch, carrier);

    private sealed class Elsewhere(Agent agent) : IDisposable
    {
        private bool isDisposed;

        public void Dispose()
        {
            if (!isDisposed && !agent.isDisposed)
            {
                using var _ = agent.Enter();
                agent.ActHere();
            }

            isDisposed = true;
        }
    }
}
