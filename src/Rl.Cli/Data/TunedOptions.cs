using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Rl.Cli.Data;

/// <summary>Options that are known to be good for a task, from hyperparameters.json.</summary>
/// <param name="Algorithm">The algorithm's id.</param>
/// <param name="Environment">The environment's id; one that ends with <c>*</c> stands for all that begin so.</param>
/// <param name="Steps">Environment steps to train for.</param>
/// <param name="Source">Where the options come from.</param>
/// <param name="Settings">Names and values of the options.</param>
internal sealed record TunedOptions(
    string Algorithm,
    string Environment,
    long Steps,
    string Source,
    IReadOnlyList<KeyValuePair<string, string>> Settings)
{
    private static readonly Lazy<IReadOnlyList<TunedOptions>> Entries = new(() =>
    {
        using var document = DataFile.Open("hyperparameters.json");
        return [.. document.RootElement.EnumerateArray().Select(Read)];
    });

    /// <summary>Every entry, in the order of the file.</summary>
    public static IReadOnlyList<TunedOptions> All => Entries.Value;

    /// <summary>The entry of a task; null if the algorithm's defaults are the best known.</summary>
    public static TunedOptions? Find(string algorithm, string environment) =>
        All.FirstOrDefault(
            entry => entry.Algorithm.Equals(algorithm, StringComparison.OrdinalIgnoreCase) && entry.IsFor(environment));

    private bool IsFor(string environment) =>
        Environment.EndsWith('*')
            ? environment.StartsWith(Environment[..^1], StringComparison.Ordinal)
            : environment == Environment;

    private static TunedOptions Read(JsonElement entry) => new(
        entry.GetProperty("algorithm").GetString()!,
        entry.GetProperty("environment").GetString()!,
        entry.GetProperty("steps").GetInt64(),
        entry.GetProperty("source").GetString()!,
        [
            .. entry.GetProperty("settings").EnumerateObject()
                .Select(setting => KeyValuePair.Create(setting.Name, setting.Value.GetString()!))]);
}
