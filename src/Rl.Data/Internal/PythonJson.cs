using System;
using System.Globalization;
using System.IO;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rl.Data.Internal;

/// <summary>JSON as Python's <c>json</c> module reads and writes it: bare <c>NaN</c>, <c>Infinity</c> and
/// <c>-Infinity</c>, blanks behind commas and colons, every letter beyond ASCII escaped.</summary>
internal static class PythonJson
{
    /// <summary>Stands before a name of a number, where no text of a user has it.</summary>
    private const char Bare = '\u0001';

    /// <summary>A number, also one that JSON has no word for.</summary>
    public static JsonValue Value(double number) =>
        double.IsFinite(number) ? JsonValue.Create(number) : JsonValue.Create(Bare + Text(number));

    /// <summary>The node of a text, whose bare names of numbers become strings that <see cref="Number"/> knows: .NET's
    /// own parser refuses them.</summary>
    public static JsonNode? Parse(string text)
    {
        var result = new StringBuilder(text.Length);
        var isInside = false;
        for (var index = 0; index < text.Length;)
        {
            var letter = text[index];
            var name = isInside ? null : BareName(text.AsSpan(index));
            if (name is not null)
            {
                result.Append("\"\\u0001").Append(name).Append('"');
                index += name.Length;
                continue;
            }

            result.Append(letter);
            index++;
            if (letter == '\\' && isInside && index < text.Length)
            {
                result.Append(text[index++]);
            }
            else if (letter == '"')
            {
                isInside = !isInside;
            }
        }

        return JsonNode.Parse(result.ToString());
    }

    /// <summary>Whether a text stands for a number that JSON has no word for.</summary>
    public static bool IsNumber(string text) => text is [Bare, ..];

    /// <summary>The number of a node that <see cref="Parse"/> made.</summary>
    /// <exception cref="InvalidDataException">It is no number.</exception>
    public static double Number(JsonNode? node)
    {
        if (node is JsonValue value)
        {
            if (value.GetValueKind() == JsonValueKind.Number)
            {
                return double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);
            }

            if (value.TryGetValue<bool>(out var truth))
            {
                return truth ? 1 : 0;
            }

            if (value.TryGetValue<string>(out var text))
            {
                switch (text)
                {
                    case "\u0001NaN": return double.NaN;
                    case "\u0001Infinity": return double.PositiveInfinity;
                    case "\u0001-Infinity": return double.NegativeInfinity;
                }
            }
        }

        throw new InvalidDataException($"there stands {node?.ToJsonString() ?? "null"}, which is no number");
    }

    /// <summary>A node as Python writes it.</summary>
    public static string Text(JsonNode? node)
    {
        var result = new StringBuilder();
        Write(node, result);
        return result.ToString();
    }

    /// <summary>A float as Python's <c>repr</c> has it: the shortest digits that mean it, 1.0, 1e-05, 1e+16.</summary>
    public static string Text(double number)
    {
        if (!double.IsFinite(number))
        {
            return double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
        }

        if (number == 0)
        {
            return double.IsNegative(number) ? "-0.0" : "0.0";
        }

        var shortest = number.ToString("R", CultureInfo.InvariantCulture);
        var sign = shortest[0] == '-' ? "-" : string.Empty;
        var mark = shortest.IndexOf('E');
        var digits = (mark < 0 ? shortest : shortest[..mark])[sign.Length..];
        var point = digits.IndexOf('.') is >= 0 and var found ? found : digits.Length;
        var figures = digits.Replace(".", string.Empty, StringComparison.Ordinal);
        var all = figures.Trim('0');
        var exponent = point - 1 - (figures.Length - figures.TrimStart('0').Length)
            + (mark < 0 ? 0 : int.Parse(shortest.AsSpan(mark + 1), CultureInfo.InvariantCulture));
        if (exponent is < -4 or >= 16)
        {
            var power = Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture);
            var rest = all.Length > 1 ? "." + all[1..] : string.Empty;
            return $"{sign}{all[0]}{rest}e{(exponent < 0 ? '-' : '+')}{power}";
        }

        if (exponent < 0)
        {
            return $"{sign}0.{new string('0', -exponent - 1)}{all}";
        }

        return all.Length > exponent + 1
            ? $"{sign}{all[..(exponent + 1)]}.{all[(exponent + 1)..]}"
            : $"{sign}{all.PadRight(exponent + 1, '0')}.0";
    }

    /// <summary>A string in quotes.</summary>
    public static string Quoted(string text)
    {
        var result = new StringBuilder("\"");
        foreach (var letter in text)
        {
            result.Append(letter switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                _ when letter is < ' ' or > '~' => $"\\u{(int)letter:x4}",
                _ => letter.ToString(),
            });
        }

        return result.Append('"').ToString();
    }

    private static void Write(JsonNode? node, StringBuilder result)
    {
        switch (node)
        {
            case null:
                result.Append("null");
                break;
            case JsonObject entries:
                var separator = "{";
                foreach (var (name, value) in entries)
                {
                    result.Append(separator).Append(Quoted(name)).Append(": ");
                    Write(value, result);
                    separator = ", ";
                }

                result.Append(entries.Count == 0 ? "{}" : "}");
                break;
            case JsonArray items:
                result.Append('[');
                for (var index = 0; index < items.Count; index++)
                {
                    result.Append(index == 0 ? string.Empty : ", ");
                    Write(items[index], result);
                }

                result.Append(']');
                break;
            default:
                result.Append(Scalar(node.AsValue()));
                break;
        }
    }

    /// <summary>A number that was read stays as it was spelled; one that was made is a float or an integer by its .NET
    /// type.</summary>
    private static string Scalar(JsonValue value) => value.GetValueKind() switch
    {
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.String when value.GetValue<string>() is [Bare, ..] text => text[1..],
        JsonValueKind.String => Quoted(value.GetValue<string>()),
        _ when value.TryGetValue<JsonElement>(out var element) => element.GetRawText(),
        _ when value.TryGetValue<double>(out var number) => Text(number),
        _ => value.ToJsonString(),
    };

    private static string? BareName(ReadOnlySpan<char> text) =>
        text.StartsWith("NaN") ? "NaN"
        : text.StartsWith("Infinity") ? "Infinity"
        : text.StartsWith("-Infinity") ? "-Infinity"
        : null;
}
