using System.Globalization;
using System.Linq;
using System.Text;

namespace Rl.Cli.Views;

/// <summary>Texts from files as a terminal may show them.</summary>
internal static class Shown
{
    /// <summary>The text with control characters, which could move the cursor or feign lines, as their numbers:
    /// \u001B.</summary>
    public static string Text(string text) =>
        text.Any(IsControl)
            ? text.Aggregate(
                new StringBuilder(),
                (shown, letter) =>
                    IsControl(letter)
                        ? shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:X4}")
                        : shown.Append(letter)).ToString()
            : text;

    /// <summary>Control characters, line ends, and those that turn the direction of writing.</summary>
    private static bool IsControl(char letter) =>
        char.GetUnicodeCategory(letter) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
