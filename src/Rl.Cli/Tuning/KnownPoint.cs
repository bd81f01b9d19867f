using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;

namespace Rl.Cli.Tuning;

/// <summary>Where the options without a search lie in a space, so that samplers learn from their trial too.</summary>
internal static class KnownPoint
{
    /// <summary>The coordinates of options. One that a space cannot express, since no choice is equal to it, has none:
    /// NaN. A number outside its range is at the end of it.</summary>
    public static double[] Of(SearchSpace space, IReadOnlyList<KeyValuePair<string, string>> settings)
    {
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in settings)
        {
            values[name] = value;
        }

        // The numbers within texts, of the first text that reads as the option does.
        foreach (var (name, text) in space.Texts)
        {
            if (values.TryGetValue(name, out var value) && Match(text, value) is { } numbers)
            {
                foreach (var (placeholder, number) in numbers)
                {
                    values.TryAdd(placeholder, number);
                }
            }
        }

        return space.Fill(index => Coordinate(space.Dimensions[index], values));
    }

    private static double Coordinate(Dimension dimension, Dictionary<string, string> values)
    {
        var value = values.GetValueOrDefault(dimension.Name, "");
        return dimension switch
        {
            NumberDimension number => Number(value) is { } x ? number.Coordinate(x) : double.NaN,
            ChoiceDimension choice => IndexOf(
                choice,
                WrapperName.Is(choice.Name)
                    ? text => WrapperName.Text(choice.Name, text) is null
                    : text => Match(text, value) is not null),
            _ => double.NaN,
        };
    }

    /// <summary>Options without a search have none of the wrappers that are sought.</summary>
    private static double IndexOf(ChoiceDimension choice, Predicate<string> isEqual)
    {
        var at = choice.Choices.ToList().FindIndex(isEqual);
        return at < 0 ? double.NaN : at;
    }

    /// <summary>The numbers that make a text equal to a value; null where none do.</summary>
    private static IReadOnlyList<KeyValuePair<string, string>>? Match(string text, string value)
    {
        string[] names = [.. Placeholder.In(text)];
        if (names.Length == 0)
        {
            return Plain(text) == Plain(value) || (Number(text) is { } x && x == Number(value)) ? [] : null;
        }

        var pattern = Placeholder.Fill(
            Regex.Escape(Plain(text)).Replace("\\$", "$", StringComparison.Ordinal),
            names.DistinctBy(name => name.ToUpperInvariant()).ToDictionary(
                name => name, name => $"(?<{Group(name)}>[-+0-9.e]+)", StringComparer.OrdinalIgnoreCase));
        var match = Regex.Match(Plain(value), $"^{pattern}$", RegexOptions.IgnoreCase);
        return match.Success && names.All(name => Number(match.Groups[Group(name)].Value) is not null)
            ? [.. names.Select(name => KeyValuePair.Create(name, match.Groups[Group(name)].Value))]
            : null;
    }

    private static string Group(string placeholder) => $"n{placeholder[1..].ToLowerInvariant()}";

    private static string Plain(string text) =>
        string.Concat(text.Where(letter => !char.IsWhiteSpace(letter))).ToLowerInvariant();

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;
}
