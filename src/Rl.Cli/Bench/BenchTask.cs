using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Data;

namespace Rl.Cli.Bench;

/// <summary>A row of a results table before it is measured.</summary>
/// <param name="Algorithm">The algorithm's id.</param>
/// <param name="Environment">The environment's id.</param>
/// <param name="Steps">Environment steps of a run.</param>
/// <param name="Seeds">How many runs, with the seeds from <see cref="FirstSeed"/> on.</param>
/// <param name="Asked">The mean over seeds that it must reach.</param>
/// <param name="Reference">What others reach in the same number of steps.</param>
/// <param name="Note">A word after the algorithm's name; may be empty.</param>
/// <param name="Deterministic">Evaluate the most probable actions; else drawn ones.</param>
/// <param name="Episodes">How many episodes are evaluated.</param>
internal sealed record BenchTask(
    string Algorithm,
    string Environment,
    long Steps,
    int Seeds,
    double Asked,
    string Reference,
    string Note,
    bool Deterministic,
    int Episodes)
{
    /// <summary>The seed of a task's first run. Options are chosen with smaller seeds, so that no seed is reported that
    /// helped to choose.</summary>
    public const ulong FirstSeed = 101;

    /// <summary>A name for files.</summary>
    public string Name =>
        string.Create(CultureInfo.InvariantCulture, $"{Algorithm}-{Environment.Replace('/', '-')}-{Steps}");

    /// <summary>The options of a run: the tuned ones of the task, or the algorithm's defaults, on one thread.</summary>
    public AgentOptions Options()
    {
        var tuned = TunedOptions.Find(Algorithm, Environment);
        return Algorithms.Options(Algorithm, tuned?.Settings ?? []) with { TotalSteps = Steps, Threads = 1 };
    }

    /// <summary>The tasks of a suite such as <c>on-policy</c>.</summary>
    public static IReadOnlyList<BenchTask> Load(string suite)
    {
        using var document = DataFile.Open($"{suite}.json");
        return [.. document.RootElement.EnumerateArray().Select(Read)];
    }

    private static BenchTask Read(JsonElement entry) => new(
        entry.GetProperty("algorithm").GetString()!,
        entry.GetProperty("environment").GetString()!,
        entry.GetProperty("steps").GetInt64(),
        entry.GetProperty("seeds").GetInt32(),
        entry.GetProperty("asked").GetDouble(),
        entry.GetProperty("reference").GetString()!,
        entry.TryGetProperty("note", out var note) ? note.GetString()! : "",
        !(entry.TryGetProperty("evaluation", out var evaluation) && evaluation.GetString() == "sampled"),
        entry.TryGetProperty("episodes", out var episodes) ? episodes.GetInt32() : 100);
}
