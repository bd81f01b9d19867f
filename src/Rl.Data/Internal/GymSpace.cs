using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;

namespace Rl.Data.Internal;

/// <summary>A space as Gymnasium has it, with the element types that ours leave out, and as Minari's text.</summary>
/// <param name="Space">The same space as ours: every value a row of float32.</param>
/// <param name="Type">What an element of a value is on disk; of no meaning for tuples and dictionaries.</param>
/// <param name="Shape">The axes of a value on disk.</param>
/// <param name="Parts">The parts of a tuple or dictionary with their names, in the order of their elements.</param>
/// <param name="Json">Minari's text of it, as an object.</param>
internal sealed record GymSpace(
    Space Space,
    ElementType Type,
    IReadOnlyList<int> Shape,
    IReadOnlyList<(string Name, GymSpace Space)> Parts,
    JsonObject Json)
{
    /// <summary>Whether it is a tuple or a dictionary.</summary>
    public bool IsComposite => Space is TupleSpace or DictSpace;

    /// <summary>Whether Minari stores its values as JPEG files unless told otherwise: <c>uint8</c> from 0 to 255, two
    /// or three axes, the first two of 32 and more.</summary>
    public bool IsImage =>
        Space is BoxSpace box && Type == ElementType.UInt8 && Shape.Count is 2 or 3 && Shape[0] >= 32 && Shape[1] >= 32
        && box.Low.All(bound => bound == 0) && box.High.All(bound => bound == 255);

    /// <summary>Whether it or one of its parts is stored as JPEG files.</summary>
    public bool HasImages => IsImage || Parts.Any(part => part.Space.HasImages);

    /// <summary>The text that Minari's metadata has.</summary>
    public string Text => PythonJson.Text(Json);

    /// <summary>Reads a text that Minari's serialiser wrote.</summary>
    /// <exception cref="InvalidDataException">It is no space of ours; the message says why.</exception>
    public static GymSpace Parse(string text)
    {
        try
        {
            return PythonJson.Parse(text) is JsonObject json
                ? Of(json)
                : throw new InvalidDataException("it is no JSON object");
        }
        catch (Exception error) when (error is System.Text.Json.JsonException or FormatException
            or InvalidOperationException or OverflowException or ArgumentException)
        {
            throw new InvalidDataException(error.Message, error);
        }
    }

    /// <summary>One of ours as Gymnasium has it: boxes <c>float32</c>, images <c>uint8</c>, integers <c>int64</c>, bits
    /// <c>int8</c>.</summary>
    public static GymSpace Of(Space space) => space switch
    {
        BoxSpace box => OfBox(box, IsByteImage(box) ? ElementType.UInt8 : ElementType.Float32),
        DiscreteSpace discrete => new(space, ElementType.Int64, [], [], new JsonObject
        {
            ["type"] = "Discrete",
            ["dtype"] = "int64",
            ["start"] = discrete.Start,
            ["n"] = discrete.Count,
        }),
        MultiDiscreteSpace many => new(space, ElementType.Int64, [many.Size], [], new JsonObject
        {
            ["type"] = "MultiDiscrete",
            ["dtype"] = "int64",
            ["nvec"] = Whole(many.Counts),
            ["start"] = Whole(many.Starts),
        }),
        MultiBinarySpace bits => new(space, ElementType.Int8, bits.Shape, [], new JsonObject
        {
            ["type"] = "MultiBinary",
            ["n"] = bits.Shape.Count == 1 ? bits.Size : Whole(bits.Shape),
        }),
        TupleSpace tuple => OfTuple([.. tuple.Parts.Select(Of)]),
        DictSpace dict => OfDict([.. dict.Entries.Select(entry => (entry.Name, Of(entry.Space)))]),
        _ => throw new NotSupportedException($"{space} cannot be written."),
    };

    /// <summary>A box whose elements are of a given type.</summary>
    public static GymSpace OfBox(BoxSpace box, ElementType type)
    {
        var isWhole = ElementTypes.IsWhole(type);
        JsonNode Bound(float value) => isWhole ? JsonValue.Create((long)value) : PythonJson.Value(value);
        return new(box, type, box.Shape, [], new JsonObject
        {
            ["type"] = "Box",
            ["dtype"] = ElementTypes.Name(type),
            ["shape"] = Whole(box.Shape),
            ["low"] = Nested(box.Low, box.Shape, Bound),
            ["high"] = Nested(box.High, box.Shape, Bound),
        });
    }

    private static bool IsByteImage(BoxSpace box) =>
        box.Shape.Count == 3 && box.Low.All(bound => bound == 0) && box.High.All(bound => bound == 255);

    /// <summary>A tuple of parts.</summary>
    public static GymSpace OfTuple(IReadOnlyList<GymSpace> parts) => new(
        Space.Tuple([.. parts.Select(part => part.Space)]),
        default,
        [],
        [.. parts.Select((part, index) => (index.ToString(System.Globalization.CultureInfo.InvariantCulture), part))],
        new JsonObject
        {
            ["type"] = "Tuple",
            ["subspaces"] = new JsonArray([.. parts.Select(part => part.Json.DeepClone())]),
        });

    /// <summary>A dictionary of parts.</summary>
    public static GymSpace OfDict(IReadOnlyList<(string Name, GymSpace Space)> parts)
    {
        var json = new JsonObject();
        foreach (var (name, part) in parts)
        {
            json[name] = part.Json.DeepClone();
        }

        return new(
            Space.Dict([.. parts.Select(part => (part.Name, part.Space.Space))]),
            default,
            [],
            parts,
            new JsonObject { ["type"] = "Dict", ["subspaces"] = json });
    }

    private static GymSpace Of(JsonObject json)
    {
        var kind = json["type"] is JsonValue type && type.TryGetValue<string>(out var named) ? named : "nothing";
        switch (kind)
        {
            case "Box":
                var element = Element(json);
                var shape = Integers(json["shape"], "shape");
                return new(Space.Box(Singles(json["low"]), Singles(json["high"]), shape), element, shape, [], json);
            case "Discrete":
                return new(
                    Space.Discrete(Integer(json["n"], "n"), json["start"] is { } start ? Integer(start, "start") : 0),
                    ElementType.Int64,
                    [],
                    [],
                    json);
            case "MultiDiscrete":
                var counts = Integers(json["nvec"], "nvec");
                var starts = json["start"] is { } given ? Integers(given, "start") : new int[counts.Length];
                return new(
                    Space.MultiDiscrete(counts, starts),
                    json["dtype"] is null ? ElementType.Int64 : Element(json),
                    Axes(json["nvec"]),
                    [],
                    json);
            case "MultiBinary":
                var bits = json["n"] is JsonArray ? Integers(json["n"], "n") : [Integer(json["n"], "n")];
                return new(Space.MultiBinary(bits), ElementType.Int8, bits, [], json);
            case "Tuple" when json["subspaces"] is JsonArray parts:
                return OfTuple([.. parts.Select(part => Of(Inner(part)))]) with { Json = json };
            case "Dict" when json["subspaces"] is JsonObject entries:
                return OfDict([.. entries.Select(entry => (entry.Key, Of(Inner(entry.Value))))]) with { Json = json };
            default:
                throw new InvalidDataException(
                    $"it is of the type {kind}; there are Box, Discrete, MultiDiscrete, MultiBinary, Tuple and Dict");
        }
    }

    private static JsonObject Inner(JsonNode? node) =>
        node as JsonObject ?? throw new InvalidDataException("a part of it is no JSON object");

    private static ElementType Element(JsonObject json)
    {
        var name = json["dtype"]?.GetValue<string>() ?? "nothing";
        return ElementTypes.Named(name)
            ?? throw new InvalidDataException($"its elements are {name}, no numbers that data sets have");
    }

    private static int Integer(JsonNode? node, string name)
    {
        var number = PythonJson.Number(node);
        return number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue
            ? (int)number
            : throw new InvalidDataException($"{name} is {number}, no integer within ±{int.MaxValue}");
    }

    private static int[] Integers(JsonNode? node, string name) =>
        [.. Leaves(node).Select(leaf => Integer(leaf, name))];

    private static float[] Singles(JsonNode? node) => [.. Leaves(node).Select(leaf => (float)PythonJson.Number(leaf))];

    private static IEnumerable<JsonNode?> Leaves(JsonNode? node) =>
        node is JsonArray items ? items.SelectMany(Leaves) : [node];

    private static int[] Axes(JsonNode? node) =>
        node is JsonArray { Count: > 0 } items ? [items.Count, .. Axes(items[0])] : [];

    private static JsonArray Whole(IReadOnlyList<int> numbers) =>
        new([.. numbers.Select(number => JsonValue.Create(number))]);

    private static JsonNode Nested(IReadOnlyList<float> values, IReadOnlyList<int> shape, Func<float, JsonNode> made)
    {
        var next = 0;
        JsonNode Level(int axis) => axis == shape.Count
            ? made(values[next++])
            : new JsonArray([.. Enumerable.Range(0, shape[axis]).Select(_ => Level(axis + 1))]);
        return Level(0);
    }
}
