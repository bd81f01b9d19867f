using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Rl.Cli.Runs;

/// <summary>An evaluation as the journal has it.</summary>
/// <param name="Mean">The mean return; NaN if it is not finite.</param>
/// <param name="StandardError">Its standard error.</param>
/// <param name="Episodes">How many were played.</param>
internal sealed record EvaluationScore(double Mean, double StandardError, int Episodes);

/// <summary>A line of a run's journal.</summary>
/// <param name="Type">What happened, in the journal's word.</param>
/// <param name="Time">When.</param>
/// <param name="Steps">The environment steps before it.</param>
/// <param name="Message">What was said; null where there is nothing to say.</param>
/// <param name="Evaluation">What was measured; null where nothing was.</param>
internal sealed record RunEvent(string Type, DateTime Time, long Steps, string? Message, EvaluationScore? Evaluation);

/// <summary>What happened to a run, as its journal tells.</summary>
/// <param name="Events">All that still holds, in order; sessions, and what they told of steps that were not taken anew
/// by a later one.</param>
/// <param name="System">The machine of the last session.</param>
/// <param name="Damaged">Lines that could not be read and were left out.</param>
internal sealed record RunEvents(
    IReadOnlyList<RunEvent> Events, IReadOnlyDictionary<string, string> System, int Damaged)
{
    public const string Session = "session";
    public const string Finished = "finished";
    public const string Interrupted = "interrupted";
    public const string Failed = "failed";

    /// <summary>Those of a run without a journal.</summary>
    public static RunEvents None { get; } = new([], new Dictionary<string, string>(), 0);

    /// <summary>When the run was begun; null if that is not told.</summary>
    public DateTime? Begun => Events.Count == 0 ? null : Events[0].Time;

    /// <summary>What happened last; null if nothing is told.</summary>
    public RunEvent? Last => Events.Count == 0 ? null : Events[^1];

    /// <summary>Warnings and notices.</summary>
    public IEnumerable<RunEvent> Warnings => Events.Where(happened => happened.Type is "warning" or "notice");

    /// <summary>Evaluations on the way and at the end.</summary>
    public IEnumerable<RunEvent> Evaluations => Events.Where(happened => happened.Evaluation is not null);

    /// <summary>The one at the end of the plan; null before.</summary>
    public EvaluationScore? Final => Events.LastOrDefault(happened => happened.Type == Finished)?.Evaluation;

    /// <summary>The mean return of the last evaluation; NaN before one.</summary>
    public double LastReturn => Evaluations.LastOrDefault()?.Evaluation!.Mean ?? double.NaN;

    /// <summary>Reads a journal, which may be written at the same time.</summary>
    public static RunEvents Read(string path)
    {
        if (!File.Exists(path))
        {
            return None;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        return Of(reader.ReadToEnd());
    }

    private static RunEvents Of(string text)
    {
        var events = new List<RunEvent>();
        var system = new Dictionary<string, string>();
        var damaged = 0;

        // What follows the last line's end is being written.
        foreach (var line in text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                var happened = Event(document.RootElement);
                if (happened.Type == Session)
                {
                    events.RemoveAll(earlier => earlier.Steps > happened.Steps);
                    system = document.RootElement.GetProperty("system").EnumerateObject()
                        .ToDictionary(fact => fact.Name, fact => fact.Value.ToString());
                }

                events.Add(happened);
            }
            catch (Exception error) when (
                error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
                    or ArgumentException)
            {
                damaged++;
            }
        }

        return new(events, system, damaged);
    }

    private static RunEvent Event(JsonElement line)
    {
        var type = line.GetProperty("type").GetString()!;
        return new(
            type,
            line.GetProperty("time").GetDateTime(),
            line.GetProperty(type == Session ? "firstStep" : "steps").GetInt64(),
            line.TryGetProperty("message", out var message) ? message.GetString() : null,
            line.TryGetProperty("evaluation", out var score)
                ? new(Number(score, "mean"), Number(score, "standardError"), score.GetProperty("episodes").GetInt32())
                : null);
    }

    private static double Number(JsonElement element, string name) =>
        element.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : double.NaN;
}
