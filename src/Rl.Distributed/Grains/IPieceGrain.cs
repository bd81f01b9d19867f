using System.Threading.Tasks;
using Orleans;

namespace Rl.Distributed.Grains;

/// <summary>Trains pieces of a population in a worker: an agent's file in, trained further, out. Its key names the
/// worker and the learner (<see cref="ActorKey"/>). It keeps nothing.</summary>
[Alias("Rl.IPieceGrain")]
internal interface IPieceGrain : IWorkGrain
{
    /// <summary>Trains a piece and evaluates what came of it.</summary>
    [Alias("Train")]
    Task<PieceReply> Train(PieceRequest request);
}

/// <summary>A piece, whole in itself. Large parts travel as arrays of bytes, which Orleans moves as they are.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Rl.PieceRequest")]
internal readonly struct PieceRequest
{
    /// <summary>The library's version, which a worker compares before it reads the rest.</summary>
    [Id(0)]
    public string Version { get; init; }

    /// <summary>The width of vectors, which last bits depend on.</summary>
    [Id(1)]
    public int VectorBits { get; init; }

    /// <summary>The file of the agent that it begins with.</summary>
    [Id(2)]
    public byte[] Agent { get; init; }

    /// <summary>The options, names and values in turn.</summary>
    [Id(3)]
    public string[] Settings { get; init; }

    /// <summary>The steps that rates are planned for.</summary>
    [Id(4)]
    public long TotalSteps { get; init; }

    /// <summary>The member's number where it goes on from another's training; −1 where from its own.</summary>
    [Id(5)]
    public int Branch { get; init; }

    /// <summary>The steps after which the piece ends.</summary>
    [Id(6)]
    public long Target { get; init; }

    /// <summary>The episodes of the evaluation at its end.</summary>
    [Id(7)]
    public int Episodes { get; init; }

    /// <summary>The number that the learner asks by whether the worker is still at it.</summary>
    [Id(8)]
    public long Number { get; init; }
}

/// <summary>What came of a piece.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Rl.PieceReply")]
internal readonly struct PieceReply
{
    [Id(0)]
    public ActorReplyKind Kind { get; init; }

    /// <summary>Why it refuses or failed.</summary>
    [Id(1)]
    public string? Message { get; init; }

    /// <summary>The file of the agent at the end of the piece; null if its options do not learn.</summary>
    [Id(2)]
    public byte[]? Agent { get; init; }

    /// <summary>The mean return of the evaluation; NaN if its options do not learn.</summary>
    [Id(3)]
    public double Score { get; init; }

    /// <summary>Why its options do not learn; null if they do.</summary>
    [Id(4)]
    public string? Failure { get; init; }

    /// <summary>The steps that were taken.</summary>
    [Id(5)]
    public long Steps { get; init; }

    /// <summary>How long it took the worker.</summary>
    [Id(6)]
    public double Seconds { get; init; }
}
