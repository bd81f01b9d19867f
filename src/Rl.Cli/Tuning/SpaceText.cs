using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;

namespace Rl.Cli.Tuning;

/// <summary>Spaces as JSON that is the same for equal ones, and in words.</summary>
internal static class SpaceText
{
    /// <summary>Writes a space, as <see cref="SearchSpaceFile"/> reads it.</summary>
    public static void Write(Utf8JsonWriter writer, SearchSpace space)
    {
        writer.WriteStartObject();
        foreach (var dimension in space.Dimensions)
        {
            writer.WriteStartObject(dimension.Name);
            if (dimension is NumberDimension number)
            {
                writer.WriteString("type", SearchSpaceFile.TypeOf(number));
                writer.WriteNumber("low", number.Low);
                writer.WriteNumber("high", number.High);
            }
            else
            {
                writer.WriteString("type", SearchSpaceFile.Choice);
                WriteTexts(writer, "values", ((ChoiceDimension)dimension).Choices);
            }

            if (dimension.When is { } when)
            {
                writer.WriteStartObject("when");
                WriteTexts(writer, when.Name, when.Values);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        foreach (var (name, value) in space.Settled.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            writer.WriteString(name, value);
        }

        writer.WriteEndObject();
    }

    /// <summary>In which option a space differs from an earlier one, as "X is … and now …"; null if in none.</summary>
    public static string? Difference(SearchSpace before, SearchSpace now)
    {
        var (old, current) = (InWords(before), InWords(now));
        foreach (var name in current.Keys.Union(old.Keys, StringComparer.OrdinalIgnoreCase))
        {
            var (then, today) = (old.GetValueOrDefault(name), current.GetValueOrDefault(name));
            if (then != today)
            {
                return $"{name} is {then ?? "not there"}, and now it is {today ?? "not there"}";
            }
        }

        // What is drawn for an option depends on its place.
        var (order, place) = (Order(before), Order(now));
        return order == place ? null : $"the order is {order}, and now it is {place}";
    }

    private static string Order(SearchSpace space) =>
        string.Join(", ", space.Dimensions.Select(dimension => dimension.Name.ToLowerInvariant()));

    private static Dictionary<string, string> InWords(SearchSpace space) =>
        space.Dimensions.Select(dimension => KeyValuePair.Create(dimension.Name, InWords(dimension)))
            .Concat(space.Settled.Select(pair => KeyValuePair.Create(pair.Key, $"always {pair.Value}")))
            .ToDictionary(StringComparer.OrdinalIgnoreCase);

    private static string InWords(Dimension dimension)
    {
        var values = dimension switch
        {
            NumberDimension number => string.Create(
                CultureInfo.InvariantCulture,
                $"{SearchSpaceFile.TypeOf(number)} from {number.Low} to {number.High}"),
            ChoiceDimension choice => $"one of {string.Join(" | ", choice.Choices)}",
            _ => throw new ArgumentException($"{dimension.Name} is no known kind of dimension.", nameof(dimension)),
        };
        return dimension.When is { } when ? $"{values} when {when.Name} is {string.Join(" | ", when.Values)}" : values;
    }

    private static void WriteTexts(Utf8JsonWriter writer, string name, IEnumerable<string> texts)
    {
        writer.WriteStartArray(name);
        foreach (var text in texts)
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }
}
