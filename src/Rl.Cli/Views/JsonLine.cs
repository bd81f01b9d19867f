using System;
using System.Buffers;
using System.IO;
using System.Text;
using System.Text.Json;

namespace Rl.Cli.Views;

/// <summary>One JSON object on one line.</summary>
internal static class JsonLine
{
    /// <summary>Writes an object with the given type and fields, and flushes, so that a reader sees it at
    /// once.</summary>
    public static void Write(TextWriter output, string type, Action<Utf8JsonWriter> fields)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("type", type);
            fields(writer);
            writer.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
        output.Flush();
    }

    /// <summary>A number; null for NaN and infinities, which JSON does not have.</summary>
    public static void Number(this Utf8JsonWriter writer, string name, double value)
    {
        if (double.IsFinite(value))
        {
            writer.WriteNumber(name, value);
        }
        else
        {
            writer.WriteNull(name);
        }
    }

    /// <summary>The object "failure".</summary>
    public static void Failure(this Utf8JsonWriter writer, TrainingFailureDetails details)
    {
        writer.WriteStartObject("failure");
        writer.WriteString("operation", details.Operation);
        writer.WriteString("value", details.Value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        writer.WriteNumber("update", details.Update);
        Optional(writer, "epoch", details.Epoch);
        writer.WriteNumber("minibatch", details.Minibatch);
        Optional(writer, "rolloutStep", details.RolloutStep);
        Optional(writer, "copy", details.Copy);
        writer.WriteString("summary", details.ToString());
        writer.WriteEndObject();
    }

    /// <summary>The object "evaluation".</summary>
    public static void Evaluation(this Utf8JsonWriter writer, EvaluationResult evaluation, int? cutAt)
    {
        writer.WriteStartObject("evaluation");
        writer.Number("mean", evaluation.Mean);
        writer.Number("std", evaluation.StandardDeviation);
        writer.Number("standardError", evaluation.StandardError);
        writer.WriteNumber("episodes", evaluation.Episodes);
        if (!double.IsNaN(evaluation.SuccessRate))
        {
            writer.Number("successRate", evaluation.SuccessRate);
        }

        if (cutAt is { } steps)
        {
            writer.WriteNumber("cutAt", steps);
        }

        writer.WriteEndObject();
    }

    private static void Optional(Utf8JsonWriter writer, string name, int? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(name, number);
        }
        else
        {
            writer.WriteNull(name);
        }
    }
}
