using System;
using System.Linq;
using System.Threading.Tasks;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace Rl.Distributed.Grains;

/// <summary>Places an actor in the worker that its key names: the learner chooses who acts, not chance.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class WorkerPlacementAttribute() : PlacementAttribute(new WorkerPlacement());

/// <summary>The strategy's name.</summary>
[Serializable]
internal sealed class WorkerPlacement : PlacementStrategy;

/// <summary>Finds the worker.</summary>
internal sealed class WorkerPlacementDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(
        PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var worker = ActorKey.Worker(target.GrainIdentity.Key.ToString()!);
        return context.GetCompatibleSilos(target).Contains(worker)
            ? Task.FromResult(worker)
            : throw new SiloUnavailableException($"The worker {worker} is not there any more.");
    }
}
