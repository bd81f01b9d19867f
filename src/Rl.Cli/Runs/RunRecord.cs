using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Views;

namespace Rl.Cli.Runs;

/// <summary>A run as its folder tells: what was trained where and how, and what came of it so far.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Algorithm">The algorithm's id.</param>
/// <param name="Environment">The environment's id.</param>
/// <param name="Seed">Where all randomness came from.</param>
/// <param name="Options">All options of algorithm and environment, except how long it trains.</param>
/// <param name="History">Its updates.</param>
internal sealed record RunRecord(
    string Folder,
    string Algorithm,
    string Environment,
    ulong Seed,
    IReadOnlyDictionary<string, string> Options,
    MetricsHistory History)
{
    private const int LastEpisodes = 100;

    /// <summary>Environment steps so far.</summary>
    public long Steps => History.Rows.Count == 0 ? 0 : History.Rows[^1].Steps;

    /// <summary>The mean return of the last 100 episodes; NaN if none has ended.</summary>
    public double Return { get; } = LastReturn(History);

    /// <summary>The runs that are meant, each once.</summary>
    /// <exception cref="IOException">One is not there or cannot be read; the message names it.</exception>
    public static IReadOnlyList<RunRecord> Find(IEnumerable<string> runs) =>
        [.. runs.SelectMany(RunPlaces.FindFolders).DistinctBy(Path.GetFullPath).Select(Read)];

    /// <summary>The returns of its episodes over environment steps.</summary>
    public IReadOnlyList<(double Steps, double Return)> Episodes()
    {
        var curve = new LearningCurve();
        curve.Record(History);
        return [.. curve.Points];
    }

    private static RunRecord Read(string folder)
    {
        var path = Path.Combine(folder, RunFiles.Configuration);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            var environment = root.GetProperty("environment");
            var options = root.GetProperty("options").EnumerateObject()
                .Where(option => option.Name != nameof(AgentOptions.TotalSteps))
                .Concat(environment.GetProperty("options").EnumerateObject())
                .Append(root.EnumerateObject().First(field => field.Name == "environmentCopies"))
                .ToDictionary(option => option.Name, option => option.Value.ToString());
            return new(
                folder,
                root.GetProperty("algorithm").GetString()!,
                environment.GetProperty("id").GetString()!,
                root.GetProperty("seed").GetUInt64(),
                options,
                MetricsHistory.Read(Path.Combine(folder, RunFiles.Metrics)));
        }
        catch (Exception error) when (
            error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
                or ArgumentException)
        {
            throw new InvalidDataException($"{path} is damaged: {error.Message} Train the run anew.", error);
        }
    }

    /// <summary>By the episodes, or by the last update where the file does not tell them.</summary>
    internal static double LastReturn(MetricsHistory history)
    {
        var last = new List<double>();
        for (var row = history.Rows.Count - 1; row >= 0 && last.Count < LastEpisodes; row--)
        {
            last.AddRange((history.Rows[row].Returns ?? []).Reverse());
        }

        return last.Count > 0 ? last.Take(LastEpisodes).Average()
            : history.Rows.Count > 0 ? history.Rows[^1].MeanReturn
            : double.NaN;
    }
}
