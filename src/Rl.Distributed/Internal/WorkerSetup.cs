using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Distributed;
using Rl.Distributed.Grains;
using Rl.Internal;

namespace Rl.Distributed.Internal;

/// <summary>What a worker acts with: its threads, and the environments that it can make.</summary>
internal sealed class WorkerSetup(RlClusterOptions options)
{
    private readonly Dictionary<string, Func<IEnvironment>> own = new(options.Environments, StringComparer.Ordinal);

    private int Threads => options.Threads == 0 ? Environment.ProcessorCount : options.Threads;

    /// <summary>Acts by a plan; refused with an <see cref="ArgumentException"/> or a <see cref="ShareRefusal"/> that
    /// says what differs.</summary>
    public IShareWorker Create(ActorPlan plan)
    {
        if (LibraryVersion.Misfit(plan.Version) is { } misfit)
        {
            throw new ArgumentException(misfit);
        }

        var source = Find(plan);
        return ShareWorkers.create(plan.Description, source.Create, Threads);
    }

    /// <summary>Reads an agent with its environment; null, with what to do, where the worker has none such.</summary>
    public Agent? Load(string path, out string? refusal)
    {
        refusal = null;
        var agent = Agent.Load(path, Threads);
        if (agent.HasEnvironment)
        {
            return agent;
        }

        var name = agent.EnvironmentId;
        agent.Dispose();
        if (own.TryGetValue(name, out var factory))
        {
            return Agent.Load(path, factory, Threads);
        }

        refusal = Missing(name);
        return null;
    }

    private static string Missing(string environment) =>
        $"The worker has no environment {environment}; start it with the assembly that has it (rl cluster worker "
            + "--plugin), or add it to RlClusterOptions.Environments.";

    private EnvironmentSource Find(ActorPlan plan)
    {
        if (own.TryGetValue(plan.Environment, out var factory))
        {
            return EnvironmentSource.Of(factory);
        }

        var notes = plan.Notes.Chunk(2).Select(pair => KeyValuePair.Create(pair[0], pair[1])).ToList();
        return EnvironmentSource.Find(plan.Environment, notes) is { } known
            ? EnvironmentSource.Of(known)
            : throw new ArgumentException(Missing(plan.Environment));
    }
}
