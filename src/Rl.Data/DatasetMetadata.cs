using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.Linq;

namespace Rl.Data;

/// <summary>What a data set says of itself, in Minari's words.</summary>
public sealed record DatasetMetadata
{
    /// <summary>Its name, <c>namespace/name-v0</c>; empty for a bare file.</summary>
    public string Id { get; init; } = string.Empty;

    /// <summary>The environment's id; null where it is not said.</summary>
    public string? EnvironmentId { get; init; }

    /// <summary>The options with which the library makes the environment, where they are not its defaults.</summary>
    public IReadOnlyDictionary<string, string> EnvironmentOptions { get; init; } =
        ReadOnlyDictionary<string, string>.Empty;

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

    /// <summary>What is said of several data sets together: what is the same in all; what acted, and texts, one after
    /// the other.</summary>
    internal static DatasetMetadata Joined(IReadOnlyList<DatasetMetadata> parts)
    {
        var first = parts[0];
        return new()
        {
            EnvironmentId = parts.All(part => part.EnvironmentId == first.EnvironmentId) ? first.EnvironmentId : null,
            EnvironmentOptions = parts.All(part => part.EnvironmentOptions.Count == first.EnvironmentOptions.Count
                && !part.EnvironmentOptions.Except(first.EnvironmentOptions).Any())
                    ? first.EnvironmentOptions
                    : ReadOnlyDictionary<string, string>.Empty,
            EnvironmentSpecification = parts.All(
                part => part.EnvironmentSpecification == first.EnvironmentSpecification)
                    ? first.EnvironmentSpecification
                    : null,
            Authors = [.. parts.SelectMany(part => part.Authors).Distinct()],
            AuthorEmails = [.. parts.SelectMany(part => part.AuthorEmails).Distinct()],
            AlgorithmName = Together(parts.Select(part => part.AlgorithmName), "; "),
            Description = Together(parts.Select(part => part.Description), " "),
            CodePermalink = parts.All(part => part.CodePermalink == first.CodePermalink) ? first.CodePermalink : null,
            References = parts.All(part => part.References == first.References) ? first.References : null,
        };
    }

    private static string? Together(IEnumerable<string?> texts, string separator)
    {
        string[] known = [.. texts.OfType<string>().Distinct()];
        return known.Length == 0 ? null : string.Join(separator, known);
    }
}
