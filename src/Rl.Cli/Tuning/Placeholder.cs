using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace Rl.Cli.Tuning;

/// <summary>Names such as $rate, which stand in texts of options for a number that is sought:
/// <c>linear($rate, 0)</c>.</summary>
internal static partial class Placeholder
{
    /// <summary>Whether a name is one, and so no option.</summary>
    public static bool Is(string name) => name.StartsWith('$');

    /// <summary>Those that stand in a text.</summary>
    public static IEnumerable<string> In(string text) => Name().Matches(text).Select(match => match.Value);

    /// <summary>The text with numbers in their place.</summary>
    public static string Fill(string text, IReadOnlyDictionary<string, string> numbers) =>
        Name().Replace(text, match => numbers[match.Value]);

    /// <summary>The text with a number in the place of one of them.</summary>
    public static string Fill(string text, string name, string number) =>
        Name().Replace(
            text, match => match.Value.Equals(name, StringComparison.OrdinalIgnoreCase) ? number : match.Value);

    [GeneratedRegex(@"\$[A-Za-z0-9_]+")]
    private static partial Regex Name();
}
