using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Rl.Cli.Data;

/// <summary>Options of an algorithm from a JSON file: an object of names and values, or one as <c>rl tune</c> writes
/// it, with these under "settings" and what they are for.</summary>
/// <param name="Settings">Names and values as texts.</param>
/// <param name="Steps">Environment steps to train for; null if the file does not say.</param>
internal sealed record OptionsFile(IReadOnlyList<KeyValuePair<string, string>> Settings, long? Steps)
{
    private const string SettingsName = "settings";
    private const string AlgorithmName = "algorithm";
    private const string StepsName = "steps";

    /// <summary>Reads a file for an algorithm.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no such JSON; the message says where.</exception>
    /// <exception cref="ArgumentException">It is for another algorithm.</exception>
    public static OptionsFile Read(string path, string algorithm)
    {
        using var document = Parse(path);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Refused(path, "it is no object of names and values");
        }

        if (!root.TryGetProperty(SettingsName, out var settings))
        {
            return new(Texts(path, root), null);
        }

        if (root.TryGetProperty(AlgorithmName, out var of)
            && !string.Equals(of.ToString(), algorithm, StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException(
                $"--options is {path}, which holds options of {of}; the algorithm is {algorithm}. Give options of "
                    + "that.");
        }

        return settings.ValueKind != JsonValueKind.Object
            ? throw Refused(path, "its \"settings\" are no object of names and values")
            : new(Texts(path, settings), StepsOf(path, root));
    }

    /// <summary>A JSON file, with comments and trailing commas.</summary>
    internal static JsonDocument Parse(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file {path}; check the path.");
        }

        try
        {
            return JsonDocument.Parse(
                File.ReadAllBytes(path),
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        }
        catch (JsonException error)
        {
            throw Refused(path, $"it is no JSON: {error.Message}");
        }
    }

    private static long? StepsOf(string path, JsonElement root)
    {
        if (!root.TryGetProperty(StepsName, out var steps))
        {
            return null;
        }

        return steps.ValueKind == JsonValueKind.Number && steps.TryGetInt64(out var number) && number > 0
            ? number
            : throw Refused(path, $"its \"steps\" are {steps.GetRawText()}, and must be a whole number above 0");
    }

    private static List<KeyValuePair<string, string>> Texts(string path, JsonElement settings) =>
        [.. settings.EnumerateObject().Select(setting => KeyValuePair.Create(setting.Name, Value(path, setting)))];

    /// <summary>A value as option texts have it: the numbers of a list are parted by x.</summary>
    private static string Value(string path, JsonProperty setting) => setting.Value.ValueKind switch
    {
        JsonValueKind.String => setting.Value.GetString()!,
        JsonValueKind.Number => setting.Value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Array => string.Join('x', setting.Value.EnumerateArray().Select(item => item.ToString())),
        _ => throw Refused(
            path, $"its {setting.Name} is {setting.Value.GetRawText()}, and must be a text, a number, true or false"),
    };

    private static InvalidDataException Refused(string path, string complaint) =>
        new($"{path} cannot be read as options: {complaint}. For example: {{\"LearningRate\": 3e-4}}.");
}
