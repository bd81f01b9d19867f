using System.Collections.Generic;

namespace Rl.Data;

/// <summary>What a data set says of itself, in Minari's words.</summary>
public sealed record DatasetMetadata
{
    /// <summary>Its name, <c>namespace/name-v0</c>; empty for a bare file.</summary>
    public string Id { get; init; } = string.Empty;

    /// <summary>The environment's id; null where it is not said.</summary>
    public string? EnvironmentId { get; init; }

    /// <summary>The environment's specification as Gymnasium writes it, JSON; null where there is none.</summary>
    public string? EnvironmentSpecification { get; init; }

    /// <summary>Who made it.</summary>
    public IReadOnlyList<string> Authors { get; init; } = [];

    /// <summary>Where these are reached.</summary>
    public IReadOnlyList<string> AuthorEmails { get; init; } = [];

    /// <summary>What acted, for example <c>random</c> or <c>SAC, medium</c>; null where it is not said.</summary>
    public string? AlgorithmName { get; init; }

    /// <summary>A text on it; null where there is none.</summary>
    public string? Description { get; init; }

    /// <summary>Where the program stands that made it; null where it is not said.</summary>
    public string? CodePermalink { get; init; }

    /// <summary>The version of Minari whose layout it has; null in other formats.</summary>
    public string? MinariVersion { get; init; }

    /// <summary>The returns that count as 0 and as 100; null where none were stated.</summary>
    public ReferenceReturns? References { get; init; }
}
