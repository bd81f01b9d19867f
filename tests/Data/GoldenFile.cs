using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>The files of recorded reference values: those beside the tests, or those of the folder that the environment
/// variable RL_GOLDEN_DIR names; a file that this folder does not hold is skipped with a notice.</summary>
internal static class GoldenFile
{
    private static readonly string? Requested = System.Environment.GetEnvironmentVariable("RL_GOLDEN_DIR");

    public static string Folder => Requested ?? Path.Combine(AppContext.BaseDirectory, "golden");

    /// <summary>A data set of other programs.</summary>
    public static string Dataset(string name)
    {
        var path = Path.Combine(Folder, "datasets", name);
        if (Requested is not null && !Path.Exists(path))
        {
            Assert.Skip($"{Requested} holds no datasets/{name}.");
        }

        return path;
    }

    /// <summary>The cases of a topic by their ids.</summary>
    public static IReadOnlyList<JsonObject> Cases(string topic)
    {
        var path = Path.Combine(Folder, topic + ".json");
        if (Requested is not null && !File.Exists(path))
        {
            Assert.Skip($"{Requested} holds no {topic}.json.");
        }

        return [.. JsonNode.Parse(File.ReadAllText(path))!["cases"]!.AsArray().Select(node => node!.AsObject())];
    }

    /// <summary>The numbers of a nested list, row-major.</summary>
    public static IEnumerable<double> Numbers(JsonNode? node) => node switch
    {
        JsonArray items => items.SelectMany(Numbers),
        JsonValue value when value.TryGetValue<bool>(out var truth) => [truth ? 1 : 0],
        JsonValue value when value.TryGetValue<string>(out var text) => [text switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => throw new InvalidDataException(text),
        }],
        _ => [node!.GetValue<double>()],
    };
}
