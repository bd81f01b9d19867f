using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Rl.Gymnasium.Internal;

/// <summary>What Python says of the environment that it has made.</summary>
internal sealed record Description(
    string Gymnasium,
    string NumPy,
    string Python,
    bool BeginsInNextStep,
    Space Observations,
    Space Actions,
    RowLayout Row,
    bool IsMasked,
    bool Renders,
    IReadOnlyList<string> RenderModes,
    double FramesPerSecond,
    int MaxEpisodeSteps,
    double RewardThreshold)
{
    public static Description Read(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        var parts = new List<(int Elements, bool AreBytes)>();
        var observations = Space(root.GetProperty("observations"), parts);
        return new(
            Text(root, "gymnasium"),
            Text(root, "numpy"),
            Text(root, "python"),
            Text(root, "autoreset") == "next",
            observations,
            Space(root.GetProperty("actions"), []),
            new(parts),
            root.GetProperty("masked").GetBoolean(),
            root.GetProperty("renders").GetBoolean(),
            [.. root.GetProperty("renderModes").EnumerateArray().Select(mode => mode.GetString()!)],
            root.GetProperty("framesPerSecond").GetDouble() is > 0 and var rate ? rate : 30,
            root.GetProperty("maxEpisodeSteps").GetInt32(),
            root.GetProperty("rewardThreshold") is { ValueKind: JsonValueKind.Number } number
                ? number.GetDouble()
                : double.NaN);
    }

    private static string Text(JsonElement root, string name) => root.GetProperty(name).GetString()!;

    private static Space Space(JsonElement found, List<(int Elements, bool AreBytes)> parts)
    {
        var kind = Text(found, "kind");
        switch (kind)
        {
            case "dict":
                return Rl.Space.Dict(
                    [.. found.GetProperty("entries").EnumerateArray().Select(
                        entry => (entry[0].GetString()!, Space(entry[1], parts)))]);
            case "tuple":
                return Rl.Space.Tuple(
                    [.. found.GetProperty("parts").EnumerateArray().Select(part => Space(part, parts))]);
            default:
                var space = Leaf(kind, found);
                parts.Add((space.Size, kind == "box" && found.GetProperty("bytes").GetBoolean()));
                return space;
        }
    }

    private static Space Leaf(string kind, JsonElement found) => kind switch
    {
        "box" => Box(found),
        "discrete" => Rl.Space.Discrete(found.GetProperty("count").GetInt32(), found.GetProperty("start").GetInt32()),
        "multiDiscrete" => Rl.Space.MultiDiscrete(Integers(found, "counts"), Integers(found, "starts")),
        _ => Rl.Space.MultiBinary(Integers(found, "shape")),
    };

    private static BoxSpace Box(JsonElement found)
    {
        var shape = Integers(found, "shape");
        var low = Bounds(found, "low");
        var high = Bounds(found, "high");
        if (low.Length == 1 && high.Length == 1)
        {
            return Rl.Space.Box(low[0], high[0], shape);
        }

        var size = shape.Aggregate(1, (product, length) => product * length);
        return Rl.Space.Box(Spread(low, size), Spread(high, size), shape);
    }

    private static float[] Spread(float[] bounds, int size) =>
        bounds.Length == size ? bounds : [.. Enumerable.Repeat(bounds[0], size)];

    private static float[] Bounds(JsonElement found, string name) =>
        MemoryMarshal.Cast<byte, float>(found.GetProperty(name).GetBytesFromBase64()).ToArray();

    private static int[] Integers(JsonElement found, string name) =>
        [.. found.GetProperty(name).EnumerateArray().Select(number => number.GetInt32())];
}
