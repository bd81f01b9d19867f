using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Data;

namespace Rl.Cli.Tuning;

/// <summary>
/// Search spaces as JSON: an object whose names are options. A text, a number, true or false is an option that stays;
/// an array is a choice among its values; an object is a range: <c>{"type": "float", "low": 0.1, "high": 1}</c> with
/// the types <c>float</c>, <c>logFloat</c>, <c>complementLogFloat</c>, <c>int</c>, <c>logInt</c>, <c>choice</c> (with
/// "values") and <c>flag</c>. A range may hold <c>"when": {"Option": value}</c>, with one value or an array of them. A
/// range named <c>$rate</c> is of a number that stands in texts of options: <c>"linear($rate, 0)"</c>. A name such as
/// <c>@FrameStackObservation</c> is of a wrapper (<see cref="WrapperName"/>).
/// </summary>
internal static class SearchSpaceFile
{
    /// <summary>The type of a choice.</summary>
    public const string Choice = "choice";

    private const string Flag = "flag";
    private const string Example =
        """For example: {"LearningRate": {"type": "logFloat", "low": 1e-5, "high": 1e-2}, "Hidden": ["8", "64x64"]}.""";

    private static readonly (string Type, NumberScale Scale, bool IsWhole)[] Numbers =
    [
        ("float", NumberScale.Linear, false),
        ("logFloat", NumberScale.Log, false),
        ("complementLogFloat", NumberScale.LogComplement, false),
        ("int", NumberScale.Linear, true),
        ("logInt", NumberScale.Log, true),
    ];

    /// <summary>Reads a file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It holds no space; the message says what is wrong.</exception>
    public static SearchSpace Read(string path)
    {
        using var document = JsonFile.Read(path, "a search space", Example);
        try
        {
            return Read(document.RootElement);
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{path} holds no search space: {error.Message} {Example}", error);
        }
    }

    /// <summary>The name of a range of numbers.</summary>
    public static string TypeOf(NumberDimension dimension) =>
        Numbers.Single(one => one.Scale == dimension.Scale && one.IsWhole == dimension.IsWhole).Type;

    /// <summary>The space that comes with the program for an algorithm; null if none does.</summary>
    public static SearchSpace? Default(string algorithm)
    {
        using var document = DataFile.Open("search-spaces.json");
        return document.RootElement.TryGetProperty(algorithm, out var space) ? Read(space) : null;
    }

    /// <summary>The algorithms that a space comes with the program for.</summary>
    public static IReadOnlyList<string> Algorithms()
    {
        using var document = DataFile.Open("search-spaces.json");
        return [.. document.RootElement.EnumerateObject().Select(space => space.Name)];
    }

    /// <summary>Reads a space.</summary>
    /// <exception cref="ArgumentException">It is none; the message says what is wrong.</exception>
    public static SearchSpace Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new ArgumentException("it is no object of options and their ranges.");
        }

        var (dimensions, settled) = (new List<Dimension>(), new List<KeyValuePair<string, string>>());
        foreach (var option in root.EnumerateObject())
        {
            switch (option.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    dimensions.Add(Range(option.Name, option.Value));
                    break;
                case JsonValueKind.Array:
                    dimensions.Add(new ChoiceDimension(option.Name, Choices(option.Name, option.Value), null));
                    break;
                default:
                    settled.Add(new(option.Name, Text(option.Name, option.Value)));
                    break;
            }
        }

        return new(dimensions, settled);
    }

    private static Dimension Range(string name, JsonElement range)
    {
        var type = range.TryGetProperty("type", out var given) ? given.ToString() : "";
        if (Array.Find(Numbers, one => one.Type == type) is { Type: not null } number)
        {
            RequireMembers(name, range, type, "low", "high");
            return Number(name, range, number.Scale, number.IsWhole, When(name, range));
        }

        switch (type)
        {
            case Flag:
                RequireMembers(name, range, type);
                return new ChoiceDimension(name, ["false", "true"], When(name, range));
            case Choice:
                RequireMembers(name, range, type, "values");
                return new ChoiceDimension(
                    name,
                    range.TryGetProperty("values", out var values)
                        ? Choices(name, values)
                        : throw new ArgumentException($"{name} is a choice without \"values\"."),
                    When(name, range));
            default:
                var types = string.Join(", ", Numbers.Select(one => one.Type));
                throw new ArgumentException(
                    $"{name} has the type \"{type}\"; the types are {types}, {Choice} and {Flag}.");
        }
    }

    /// <summary>Requires that a range holds nothing else: a member that is misspelt would have no say.</summary>
    private static void RequireMembers(string name, JsonElement range, string type, params string[] own)
    {
        string[] known = ["type", .. own, "when"];
        foreach (var member in range.EnumerateObject().Where(member => !known.Contains(member.Name)))
        {
            throw new ArgumentException(
                $"{name} has \"{member.Name}\", which the type {type} does not; it may have "
                    + $"{string.Join(", ", known.Select(one => $"\"{one}\""))}.");
        }
    }

    private static NumberDimension Number(
        string name, JsonElement range, NumberScale scale, bool isWhole, Condition? when)
    {
        var (low, high) = (Bound(name, range, "low"), Bound(name, range, "high"));
        if (!(low < high))
        {
            throw new ArgumentException(FormattableString.Invariant(
                $"{name} goes from {low} to {high}; \"low\" must be below \"high\"."));
        }

        if (isWhole && (low != Math.Round(low) || high != Math.Round(high)))
        {
            throw new ArgumentException($"{name} is a range of whole numbers; its bounds must be such.");
        }

        if (scale == NumberScale.Log && low <= 0)
        {
            throw new ArgumentException(FormattableString.Invariant(
                $"{name} has the lower bound {low}; a range of logarithms begins above 0."));
        }

        return scale == NumberScale.LogComplement && high >= 1
            ? throw new ArgumentException(FormattableString.Invariant(
                $"{name} has the upper bound {high}; a range of logarithms of 1 - x ends below 1."))
            : new(name, low, high, scale, isWhole, when);
    }

    private static double Bound(string name, JsonElement range, string bound) =>
        range.TryGetProperty(bound, out var value) && value.ValueKind == JsonValueKind.Number
            && double.IsFinite(value.GetDouble())
            ? value.GetDouble()
            : throw new ArgumentException($"{name} needs a number \"{bound}\".");

    private static string[] Choices(string name, JsonElement values)
    {
        if (values.ValueKind != JsonValueKind.Array)
        {
            throw new ArgumentException($"{name} has \"values\" that are no array.");
        }

        string[] choices = [.. values.EnumerateArray().Select(value => Text(name, value))];
        return choices.Length > 0 && choices.Distinct().Count() == choices.Length
            ? choices
            : throw new ArgumentException($"{name} needs a choice at least, and each of them once.");
    }

    private static Condition? When(string name, JsonElement range)
    {
        if (!range.TryGetProperty("when", out var when))
        {
            return null;
        }

        var conditions = when.ValueKind == JsonValueKind.Object ? when.EnumerateObject().ToArray() : [];
        if (conditions is not [var only])
        {
            throw new ArgumentException($"{name} has a \"when\" that is no object of one option and its value.");
        }

        return new(
            only.Name,
            only.Value.ValueKind == JsonValueKind.Array ? Choices(name, only.Value) : [Text(name, only.Value)]);
    }

    private static string Text(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => throw new ArgumentException($"{name} has the value {value.GetRawText()}, which no option has."),
    };
}
