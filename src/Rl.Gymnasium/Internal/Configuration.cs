using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace Rl.Gymnasium.Internal;

/// <summary>What Python is told of the environment that it is to make, as JSON.</summary>
internal static class Configuration
{
    public static byte[] Write(string id, string mode, int count, GymnasiumOptions options)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("id", id);
            writer.WriteString("mode", mode);
            writer.WriteNumber("count", count);
            writer.WriteBoolean("images", options.ChannelsFirst);
            writer.WriteBoolean("render", options.Rendering && mode == "single");
            writer.WriteBoolean("literals", options.AreLiterals);
            Write(writer, "imports", options.Imports);
            Write(writer, "paths", options.ModulePaths);
            Write(writer, "arguments", options.Arguments, nameof(GymnasiumOptions.Arguments));
            Write(writer, "options", options.ResetOptions, nameof(GymnasiumOptions.ResetOptions));
            writer.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, string name, IReadOnlyList<string> texts)
    {
        writer.WriteStartArray(name);
        foreach (var text in texts)
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }

    private static void Write(
        Utf8JsonWriter writer, string name, IReadOnlyDictionary<string, object?>? values, string option)
    {
        writer.WritePropertyName(name);
        if (values is null)
        {
            writer.WriteNullValue();
            return;
        }

        writer.WriteStartObject();
        foreach (var (key, value) in values)
        {
            writer.WritePropertyName(key);
            Write(writer, value, $"{option}[\"{key}\"]");
        }

        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, object? value, string path)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool truth:
                writer.WriteBooleanValue(truth);
                break;
            case int or long or short or byte or uint:
                writer.WriteNumberValue(System.Convert.ToInt64(value, null));
                break;
            case float or double:
                WriteNumber(writer, System.Convert.ToDouble(value, null));
                break;
            case IReadOnlyDictionary<string, object?> dictionary:
                writer.WriteStartObject();
                foreach (var (key, inner) in dictionary)
                {
                    writer.WritePropertyName(key);
                    Write(writer, inner, $"{path}[\"{key}\"]");
                }

                writer.WriteEndObject();
                break;
            case IEnumerable items:
                writer.WriteStartArray();
                foreach (var item in items)
                {
                    Write(writer, item, path);
                }

                writer.WriteEndArray();
                break;
            default:
                throw new ArgumentException(
                    $"{path} is a {value.GetType().Name}; it must be a text, a truth value, a number, null, or a "
                        + "list or dictionary of these.");
        }
    }

    /// <summary>Python reads the names of what is no finite number; JSON has none.</summary>
    private static void WriteNumber(Utf8JsonWriter writer, double number)
    {
        if (double.IsFinite(number))
        {
            writer.WriteNumberValue(number);
        }
        else
        {
            writer.WriteRawValue(
                double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity", skipInputValidation: true);
        }
    }
}
