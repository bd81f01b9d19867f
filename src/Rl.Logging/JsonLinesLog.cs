using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using Rl.Logging.Internal;

namespace Rl.Logging;

/// <summary>A JSON object a line after an update, a thousand of them in a plan at most unless you want more. By
/// default its fields are those that <c>rl train --json</c> prints, with the returns and lengths of the episodes that
/// ended; with <see cref="LogKeys.StableBaselines3"/> those of its <c>progress.json</c>. A number that is not finite is
/// null.</summary>
public sealed class JsonLinesLog : TrainingLog
{
    private readonly LineFile file;
    private readonly LoggedNumbers numbers;
    private readonly LogKeys keys;
    private readonly ArrayBufferWriter<byte> buffer = new();
    private readonly Utf8JsonWriter json;

    /// <summary>Opens a log of an agent that is to be trained.</summary>
    /// <param name="agent">What trains.</param>
    /// <param name="path">The file, usually <c>progress.jsonl</c>. An agent that has taken steps goes on with it; else
    /// an earlier one is replaced.</param>
    /// <param name="keys">What the fields are called.</param>
    /// <param name="everySteps">The environment steps between two lines, at least 1; null for a
    /// thousandth of the plan.</param>
    /// <exception cref="ArgumentException">The steps are out of their range.</exception>
    /// <exception cref="IOException">The file cannot be written, or another log writes it; the message names
    /// it.</exception>
    public JsonLinesLog(Agent agent, string path, LogKeys keys = LogKeys.Rl, long? everySteps = null)
        : base(agent, LineFile.Named(path), everySteps)
    {
        this.keys = keys;
        numbers = LoggedNumbers.Of(keys, agent);
        file = LineFile.Open(path, FirstSteps > 0, headers: 0, line => StepsOf(line) <= FirstSteps);
        json = new(buffer);
    }

    private protected override void Write(TrainingProgress now)
    {
        buffer.ResetWrittenCount();
        json.Reset();
        json.WriteStartObject();
        if (keys == LogKeys.Rl)
        {
            WriteOwn(now);
        }
        else
        {
            WriteNumbers(numbers.Row(now));
        }

        json.WriteEndObject();
        json.Flush();
        buffer.Write("\n"u8);
        file.Add(buffer.WrittenSpan);
    }

    private protected override void Save() => file.Flush();

    private protected override void Close()
    {
        json.Dispose();
        file.Dispose();
    }

    private void WriteOwn(TrainingProgress now)
    {
        json.WriteString("type", "progress");
        json.WriteNumber("steps", now.Steps);
        json.WriteNumber("totalSteps", now.TotalSteps);
        json.WriteNumber("updates", now.Updates);
        WriteNumber("seconds", now.Elapsed.TotalSeconds);
        WriteNumber("stepsPerSecond", now.StepsPerSecond);
        WriteNumber("secondsLeft", now.TimeLeft.TotalSeconds);
        json.WriteNumber("episodes", now.EpisodeCount);
        WriteNumber("meanReturn", now.MeanReturn);
        WriteNumber("meanLength", now.MeanLength);
        json.WriteStartObject("metrics");
        WriteNumbers(LoggedNumbers.Metrics(now));
        json.WriteEndObject();
        json.WriteStartArray("episodeReturns");
        foreach (var episode in now.Episodes)
        {
            WriteValue(episode.Return);
        }

        json.WriteEndArray();
        json.WriteStartArray("episodeLengths");
        foreach (var episode in now.Episodes)
        {
            json.WriteNumberValue(episode.Length);
        }

        json.WriteEndArray();
        json.WriteStartArray("warnings");
        foreach (var warning in now.Warnings)
        {
            json.WriteStringValue(warning.Message);
        }

        json.WriteEndArray();
    }

    private void WriteNumbers(IEnumerable<KeyValuePair<string, double>> pairs)
    {
        foreach (var (key, value) in pairs)
        {
            WriteNumber(key, value);
        }
    }

    private void WriteNumber(string key, double value)
    {
        json.WritePropertyName(key);
        WriteValue(value);
    }

    private void WriteValue(double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteNullValue();
        }
    }

    /// <summary>Those of a line; beyond any number where they cannot be read.</summary>
    private double StepsOf(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.GetProperty(numbers.Steps).GetDouble();
        }
        catch (Exception error) when (
            error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            return double.PositiveInfinity;
        }
    }
}
