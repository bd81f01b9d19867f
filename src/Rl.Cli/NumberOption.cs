using System;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Linq;
using System.Numerics;

namespace Rl.Cli;

/// <summary>Options that are numbers, as people write them: 250000, 250_000, 250k, 1e6 or 1M; with a refusal in their
/// own words.</summary>
internal static class NumberOption
{
    private static readonly (char Letter, decimal Factor)[] Suffixes =
        [('k', 1_000), ('M', 1_000_000), ('G', 1_000_000_000)];

    /// <summary>A whole number that may be left out.</summary>
    public static Option<T?> Whole<T>(string name, string description, T least)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        new(name)
        {
            Description = description,
            CustomParser = result => Read(result, least, out var value) ? value : null,
        };

    /// <summary>A whole number with a default.</summary>
    public static Option<T> Whole<T>(string name, string description, T least, T otherwise)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        new(name)
        {
            Description = description,
            DefaultValueFactory = _ => otherwise,
            CustomParser = result => Read(result, least, out var value) ? value : otherwise,
        };

    /// <summary>A number above 0 that may be left out.</summary>
    public static Option<double?> Positive(string name, string description) =>
        new(name) { Description = description, CustomParser = result => Read(result, out var value) ? value : null };

    /// <summary>A number above 0 with a default.</summary>
    public static Option<double> Positive(string name, string description, double otherwise) =>
        new(name)
        {
            Description = description,
            DefaultValueFactory = _ => otherwise,
            CustomParser = result => Read(result, out var value) ? value : otherwise,
        };

    /// <summary>A finite number within bounds, or any, that may be left out.</summary>
    public static Option<double?> Real(
        string name, string description, double least = double.MinValue, double most = double.MaxValue) =>
        new(name)
        {
            Description = description,
            HelpName = "number",
            CustomParser = result => Read(result, least, most, out var value) ? value : null,
        };

    private static bool Read<T>(ArgumentResult result, T least, out T value)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
    {
        value = default;
        if (result.Tokens.SingleOrDefault()?.Value is not { } text)
        {
            return false;
        }

        if (!TryNumber(text, out var number) || number != decimal.Truncate(number))
        {
            return Refuse(result, text, "a whole number, for example 250000, 250_000, 250k or 1e6");
        }

        if (number < decimal.CreateChecked(least) || number > decimal.CreateChecked(T.MaxValue))
        {
            return Refuse(result, text, number < decimal.CreateChecked(least)
                ? $"at least {least.ToString(null, CultureInfo.InvariantCulture)}"
                : $"at most {T.MaxValue.ToString(null, CultureInfo.InvariantCulture)}");
        }

        value = T.CreateChecked(number);
        return true;
    }

    private static bool Read(ArgumentResult result, out double value) =>
        TryReal(result, out var text, out value)
            ? value > 0 || Refuse(result, text, "a number above 0, for example 0.5")
            : text.Length > 0 && Refuse(result, text, "a number above 0, for example 0.5");

    private static bool Read(ArgumentResult result, double least, double most, out double value)
    {
        var must = most == double.MaxValue
            ? "a finite number, for example -150.5"
            : string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}");
        return TryReal(result, out var text, out value)
            ? (value >= least && value <= most) || Refuse(result, text, must)
            : text.Length > 0 && Refuse(result, text, must);
    }

    /// <summary>A finite number, and the text that stands there; an empty one where none does.</summary>
    private static bool TryReal(ArgumentResult result, out string text, out double value)
    {
        text = result.Tokens.SingleOrDefault()?.Value ?? string.Empty;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value)
            && double.IsFinite(value);
    }

    /// <summary>The number exactly, or false for what is none or is beyond 28 digits.</summary>
    private static bool TryNumber(string text, out decimal number)
    {
        var factor = Suffixes.FirstOrDefault(suffix => text.Length > 1 && text[^1] == suffix.Letter).Factor;
        var digits = (factor == 0 ? text : text[..^1]).Replace("_", "", StringComparison.Ordinal);
        if (!decimal.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out number))
        {
            return false;
        }

        try
        {
            number *= factor == 0 ? 1 : factor;
            return true;
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    private static bool Refuse(ArgumentResult result, string text, string must)
    {
        var name = result.Parent is OptionResult option ? option.Option.Name : "the number";
        result.AddError($"{name} is \"{text}\"; it must be {must}.");
        return false;
    }
}
