using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.Text.Json.Nodes;

namespace Rl.Data;

/// <summary>An episode of a data set: what was observed, done and earned, and what was noted beside it.</summary>
/// <param name="Number">Which it is, from 0.</param>
/// <param name="Steps">Observations, actions, rewards and the end.</param>
public sealed record DatasetEpisode(int Number, RecordedEpisode Steps)
{
    /// <summary>Whether the data say that it ended; an episode that merely stops counts as truncated.</summary>
    public bool HasEnd { get; init; } = true;

    /// <summary>The seed of the environment's reset; null where none was noted.</summary>
    public ulong? Seed { get; init; }

    /// <summary>The options of the environment's reset, nested; null where none were noted.</summary>
    public JsonObject? Options { get; init; }

    /// <summary>The infos of the environment by their paths, for example <c>pole/tilt</c>: T + 1 rows each in Minari's
    /// format, as many as there were steps in others.</summary>
    public IReadOnlyDictionary<string, DataArray> Infos { get; init; } = ReadOnlyDictionary<string, DataArray>.Empty;
}
