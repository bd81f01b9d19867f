using System;
using System.Globalization;
using System.IO;
using System.Text.Json;
using Rl.Logging.Internal;

namespace Rl.Logging;

/// <summary>The episodes of training as Stable-Baselines3's Monitor writes them, for its <c>load_results</c> and
/// whatever else reads them: a line of JSON behind a '#', the header <c>r,l,t</c>, and a row an episode with its
/// return, its length and the seconds since the beginning.</summary>
/// <remarks>An agent that goes on from a file continues the log, without the last episodes there if all of them
/// together took more steps than it has: they ended after it was saved.</remarks>
public sealed class MonitorLog : TrainingLog
{
    private const string Columns = "r,l,t";

    private readonly LineFile file;
    private double start;

    /// <summary>Opens a log of an agent that is to be trained.</summary>
    /// <param name="agent">What trains.</param>
    /// <param name="path">The file; readers look for <c>*monitor.csv</c>. An agent that has taken steps goes on with
    /// it; else an earlier one is replaced.</param>
    /// <exception cref="IOException">The file cannot be written, or another log writes it; the message names
    /// it.</exception>
    public MonitorLog(Agent agent, string path)
        : base(agent, LineFile.Named(path), everySteps: 1)
    {
        var taken = 0L;
        file = LineFile.Open(path, FirstSteps > 0, headers: 2, line =>
        {
            taken = LengthOf(line) is { } length && taken <= FirstSteps ? taken + length : long.MaxValue;
            return taken <= FirstSteps;
        });
        start = Start(file.Header) ?? EventFile.Now();
        if (file.Header is null)
        {
            Attempt(() =>
            {
                var name = JsonEncodedText.Encode(agent.EnvironmentId);
                file.Add(string.Create(
                    CultureInfo.InvariantCulture, $"#{{\"t_start\": {start:F6}, \"env_id\": \"{name}\"}}"));
                file.Add(Columns);
            });
        }
    }

    private protected override void Write(TrainingProgress now)
    {
        var seconds = EventFile.Now() - start;
        foreach (var episode in now.Episodes)
        {
            file.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{Math.Round(episode.Return, 6):0.0#####},{episode.Length},{seconds:0.0#####}"));
        }
    }

    private protected override void Save() => file.Flush();

    private protected override void Close() => file.Dispose();

    private static long? LengthOf(string line) =>
        line.Split(',') is [_, var length, ..]
            && long.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var steps)
            ? steps
            : null;

    /// <summary>The seconds since 1970 at which the run began that the file is of.</summary>
    private static double? Start(string? header)
    {
        try
        {
            using var document = JsonDocument.Parse(header?.TrimStart('#') ?? "{}");
            return document.RootElement.TryGetProperty("t_start", out var start) ? start.GetDouble() : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
