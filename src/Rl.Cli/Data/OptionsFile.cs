using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Rl.Cli.Data;

/// <summary>Options of an algorithm from a JSON file: an object of names and values, or one as <c>rl tune</c> writes
/// it, with these under "settings", wrappers, and what they are for.</summary>
/// <param name="Settings">Names and values as texts.</param>
/// <param name="Wrappers">Wrappers around the environment, the first next to it.</param>
/// <param name="Steps">Environment steps to train for; null if the file does not say.</param>
internal sealed record OptionsFile(
    IReadOnlyList<KeyValuePair<string, string>> Settings, IReadOnlyList<string> Wrappers, long? Steps)
{
    private const string SettingsName = "settings";
    private const string AlgorithmName = "algorithm";
    private const string StepsName = "steps";
    private const string WrappersName = "wrappers";
    private const string Example = """For example: {"LearningRate": 3e-4}.""";

    /// <summary>Reads a file for an algorithm.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no such JSON; the message says where.</exception>
    /// <exception cref="ArgumentException">It is for another algorithm, or has an option or a value that the algorithm
    /// does not take.</exception>
    public static OptionsFile Read(string path, string algorithm)
    {
        using var document = JsonFile.Read(path, "options", Example);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Refused(path, "it is no object of names and values");
        }

        if (!root.TryGetProperty(SettingsName, out var settings))
        {
            return Checked(path, algorithm, new(Texts(path, root), [], null));
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
            : Checked(path, algorithm, new(Texts(path, settings), WrappersOf(path, root), StepsOf(path, root)));
    }

    /// <summary>Requires that the algorithm takes each option, so that the file is named where it does not.</summary>
    private static OptionsFile Checked(string path, string algorithm, OptionsFile file)
    {
        if (!Algorithms.All.Any(one => one.Id.Equals(algorithm, StringComparison.OrdinalIgnoreCase)))
        {
            // That is the fault, and not the file's.
            return file;
        }

        foreach (var setting in file.Settings)
        {
            try
            {
                Algorithms.Options(algorithm, [setting]);
            }
            catch (ArgumentException error)
            {
                var why = error.Message.Split(" (Parameter", 2)[0];
                throw new ArgumentException($"{path} has \"{setting.Key}\": {setting.Value}. {why}", error);
            }
        }

        return file;
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

    private static string[] WrappersOf(string path, JsonElement root)
    {
        if (!root.TryGetProperty(WrappersName, out var wrappers))
        {
            return [];
        }

        return wrappers.ValueKind == JsonValueKind.Array
            && wrappers.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String)
            ? [.. wrappers.EnumerateArray().Select(one => one.GetString()!)]
            : throw Refused(
                path,
                $"its \"wrappers\" are {wrappers.GetRawText()}, and must be an array of texts such as "
                    + "\"FrameStackObservation(4)\"");
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
        new($"{path} cannot be read as options: {complaint}. {Example}");
}
