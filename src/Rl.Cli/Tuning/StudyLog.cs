using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Rl.Cli.Views;
using Rl.Core.Foundations;

namespace Rl.Cli.Tuning;

/// <summary>
/// The trainings of a study in a file of JSON lines: the first says what the study is, each other one what a training
/// came to. A line is there whole or does not count, so that a process may be killed at any time.
/// </summary>
internal sealed class StudyLog : IDisposable
{
    /// <summary>The number of the trainings with the options that nothing was sought for.</summary>
    public const int Baseline = -1;

    private const string SpaceName = "searchSpace";

    private readonly FileStream stream;
    private readonly Dictionary<TrialUnit, TrialScore> scores;

    private StudyLog(FileStream stream, Dictionary<TrialUnit, TrialScore> scores)
    {
        this.stream = stream;
        this.scores = scores;
    }

    /// <summary>The trainings that are known.</summary>
    public int Count => scores.Count;

    /// <summary>Opens the log of a study, or begins it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="facts">What the study is, as names and texts.</param>
    /// <param name="space">What it seeks.</param>
    /// <exception cref="InvalidDataException">The file is the log of another study, or none.</exception>
    public static StudyLog Open(
        string path, IReadOnlyList<KeyValuePair<string, string>> facts, SearchSpace space)
    {
        var scores = new Dictionary<TrialUnit, TrialScore>();
        if (!File.Exists(path) || new FileInfo(path).Length == 0)
        {
            WholeFile.WriteText(path, $"{Line(writer => WriteFacts(writer, facts, space))}\n");
        }
        else
        {
            var text = File.ReadAllText(path);
            var lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
            RequireSame(path, lines.Length == 0 ? "" : lines[0], facts, space);
            foreach (var line in lines[1..])
            {
                if (Parse(line) is var (unit, score))
                {
                    scores[unit] = score;
                }
            }

            if (text[^1] != '\n')
            {
                // A line that was cut by a kill.
                WholeFile.WriteText(path, string.Concat(lines.Select(line => $"{line}\n")));
            }
        }

        return new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read), scores);
    }

    /// <summary>What a training came to; null if it has not been done.</summary>
    public TrialScore? Find(TrialUnit unit)
    {
        lock (scores)
        {
            return scores.GetValueOrDefault(unit);
        }
    }

    /// <summary>Why a training failed; null if none did.</summary>
    public string? Failure()
    {
        lock (scores)
        {
            return scores.Values.Select(score => score.Failure).FirstOrDefault(failure => failure is not null);
        }
    }

    /// <summary>Adds a training, in one piece; it is on the disk when this returns.</summary>
    public void Add(
        TrialUnit unit, long steps, IReadOnlyList<KeyValuePair<string, string>> settings, TrialScore score)
    {
        var line = Encoding.UTF8.GetBytes(Line(writer =>
        {
            writer.WriteString("type", "training");
            writer.WriteNumber("trial", unit.Trial);
            writer.WriteNumber("rung", unit.Rung);
            writer.WriteNumber("seed", unit.Seed);
            writer.WriteNumber("steps", steps);
            writer.Number("score", score.Score);
            writer.WriteString("failure", score.Failure);
            writer.WriteNumber("seconds", Math.Round(score.Seconds, 3));
            writer.WriteStartObject("settings");
            foreach (var (name, value) in settings)
            {
                writer.WriteString(name, value);
            }

            writer.WriteEndObject();
        }) + "\n");
        lock (scores)
        {
            stream.Write(line);
            stream.Flush(flushToDisk: true);
            scores[unit] = score;
        }
    }

    public void Dispose() => stream.Dispose();

    private static (TrialUnit, TrialScore)? Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            var score = root.GetProperty("score");
            return (
                new(
                    root.GetProperty("trial").GetInt32(),
                    root.GetProperty("rung").GetInt32(),
                    root.GetProperty("seed").GetUInt64()),
                new(
                    score.ValueKind == JsonValueKind.Null ? double.NaN : score.GetDouble(),
                    root.GetProperty("failure").GetString(),
                    root.GetProperty("seconds").GetDouble()));
        }
        catch (Exception error) when (
            error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // What cannot be read is trained again.
            return null;
        }
    }

    private static void RequireSame(
        string path, string line, IReadOnlyList<KeyValuePair<string, string>> facts, SearchSpace space)
    {
        Dictionary<string, string?> known;
        string? difference;
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            known = root.EnumerateObject().Where(fact => fact.Value.ValueKind == JsonValueKind.String).ToDictionary(
                fact => fact.Name, fact => fact.Value.GetString());
            difference = root.TryGetProperty(SpaceName, out var before)
                ? SpaceText.Difference(SearchSpaceFile.Read(before), space)
                : "it is not known";
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException(
                $"{path} is no log of rl tune; choose another folder with --output.", error);
        }

        foreach (var (name, value) in facts)
        {
            if (known.GetValueOrDefault(name) is var before && before != value)
            {
                throw Another(path, $"whose {name} is {before ?? "not known"}, and now it is {value}");
            }
        }

        if (difference is not null)
        {
            throw Another(path, $"with another search space: {difference}");
        }
    }

    private static InvalidDataException Another(string path, string how) =>
        new($"{path} is of a study {how}. Begin another study with --output, or replace that one with --overwrite.");

    private static void WriteFacts(
        Utf8JsonWriter writer, IReadOnlyList<KeyValuePair<string, string>> facts, SearchSpace space)
    {
        writer.WriteString("type", "study");
        foreach (var (name, value) in facts)
        {
            writer.WriteString(name, value);
        }

        writer.WritePropertyName(SpaceName);
        SpaceText.Write(writer, space);
    }

    private static string Line(Action<Utf8JsonWriter> fields)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            fields(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
