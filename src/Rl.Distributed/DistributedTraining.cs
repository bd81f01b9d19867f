using System;
using System.Threading;

namespace Rl.Distributed;

/// <summary>Training of agents whose copies act in a cluster.</summary>
public static class DistributedTraining
{
    /// <summary>Trains as <see cref="Agent.Train(long, IProgress{TrainingProgress}?, CancellationToken)"/>, with the
    /// agent's copies acting in the workers of a cluster. It becomes the same bit for bit.</summary>
    /// <param name="agent">An agent of an algorithm that collects rollouts with a critic or judges candidates; see
    /// <see cref="RlCluster.Attach"/>.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="totalSteps">More than the agent has taken already; it becomes the plan.</param>
    /// <param name="progress">Is told after each update.</param>
    /// <param name="cancellationToken">Stops training, also within an update that waits for workers.</param>
    /// <exception cref="RlClusterException">No worker can act for this agent, or this learner was given up by the
    /// others.</exception>
    /// <exception cref="OperationCanceledException">Training was stopped. The agent keeps what it has
    /// learned.</exception>
    public static TrainingResult TrainDistributed(
        this Agent agent,
        RlCluster cluster,
        long totalSteps,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(agent);
        ArgumentNullException.ThrowIfNull(cluster);
        using var _ = cluster.Attach(agent, cancellationToken);
        return agent.Train(totalSteps, progress, cancellationToken);
    }
}
