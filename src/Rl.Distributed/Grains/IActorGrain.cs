using System.Threading.Tasks;
using Orleans;

namespace Rl.Distributed.Grains;

/// <summary>Copies of an environment in a worker, with the program that acts for one learner. Its key names the worker
/// and the learner's plan (<see cref="ActorKey"/>).</summary>
[Alias("Rl.IActorGrain")]
internal interface IActorGrain : IWorkGrain
{
    /// <summary>Takes up a plan: makes the program and looks whether version, environment and spaces are the
    /// learner's.</summary>
    [Alias("Begin")]
    Task<ActorReply> Begin(ActorPlan plan);

    /// <summary>Has copies act: the bytes of a request in, those of an answer out.</summary>
    [Alias("Act")]
    Task<ActorReply> Act(ActorRequest request);
}

/// <summary>What a worker needs to act for a learner. Large parts travel as arrays of bytes, which Orleans moves as
/// they are.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Rl.ActorPlan")]
internal readonly struct ActorPlan
{
    /// <summary>The library's version, which a worker compares before it reads the rest.</summary>
    [Id(0)]
    public string Version { get; init; }

    /// <summary>The description of <c>DistributedRound</c>.</summary>
    [Id(1)]
    public byte[] Description { get; init; }

    /// <summary>The environment's id or name.</summary>
    [Id(2)]
    public string Environment { get; init; }

    /// <summary>Names and values, in turn, by which the library finds the environment.</summary>
    [Id(3)]
    public string[] Notes { get; init; }

    /// <summary>The number that the learner asks by whether the worker is still at it.</summary>
    [Id(4)]
    public long Number { get; init; }
}

/// <summary>A request as bytes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Rl.ActorRequest")]
internal readonly struct ActorRequest
{
    [Id(0)]
    public byte[] Bytes { get; init; }

    /// <summary>The number that the learner asks by whether the worker is still at it.</summary>
    [Id(1)]
    public long Number { get; init; }
}

/// <summary>What a worker replies.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Rl.ActorReply")]
internal readonly struct ActorReply
{
    [Id(0)]
    public ActorReplyKind Kind { get; init; }

    /// <summary>Why it refuses or failed.</summary>
    [Id(1)]
    public string? Message { get; init; }

    /// <summary>The answer as bytes.</summary>
    [Id(2)]
    public byte[]? Answer { get; init; }
}

/// <summary>The kinds of replies.</summary>
internal enum ActorReplyKind
{
    /// <summary>Done as asked.</summary>
    Done,

    /// <summary>It has no plan yet, or has lost it: <see cref="IActorGrain.Begin"/> first.</summary>
    NeedsPlan,

    /// <summary>It cannot act for this learner.</summary>
    Refused,

    /// <summary>Its own code failed: another worker may do better.</summary>
    Failed,
}
