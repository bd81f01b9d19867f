using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Linq;

namespace Rl.Cli;

/// <summary>Words that a command line has and no command knows: what was meant, by the fewest edits.</summary>
internal static class UnknownWords
{
    /// <summary>What is wrong with a line, in a sentence or several; with the nearest words where one is unknown.
    /// </summary>
    public static string Complaint(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        string[] unknown =
        [
            .. parsed.UnmatchedTokens.Where(IsWord),
            .. parsed.Tokens.Where(IsTakenOption).Select(token => token.Value),
        ];
        if (command is RootCommand && unknown.FirstOrDefault(word => !word.StartsWith('-')) is { } name)
        {
            return $"There is no command \"{name}\"{Nearest(name, command.Subcommands.Select(one => one.Name))}";
        }

        if (unknown.FirstOrDefault(word => word.StartsWith('-')) is { } option)
        {
            var known = Options(parsed.CommandResult).Distinct();
            var given = option.Split('=', 2)[0];
            return $"{Place(parsed.CommandResult)} has no option {given}{Nearest(given, known)}";
        }

        return string.Join(" ", parsed.Errors.Select(error => error.Message));
    }

    /// <summary>A command as it is typed, such as <c>rl data collect</c>.</summary>
    public static string Place(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{Place(parent)} {result.Command.Name}" : "rl";

    /// <summary>The options of a command and those that hold for all.</summary>
    private static IEnumerable<string> Options(CommandResult? result)
    {
        for (; result is not null; result = result.Parent as CommandResult)
        {
            foreach (var option in result.Command.Options.Where(option => !option.Hidden))
            {
                yield return option.Name;
            }
        }
    }

    /// <summary>Whether an argument has taken what was meant as an option.</summary>
    private static bool IsTakenOption(Token token) =>
        token.Type == TokenType.Argument && token.Value.StartsWith("--", StringComparison.Ordinal)
        && IsWord(token.Value);

    /// <summary>A letter follows the dashes: other words are numbers, or nothing that was meant as a word.</summary>
    private static bool IsWord(string token) =>
        token.TrimStart('-') is [var first, ..] && char.IsAsciiLetter(first);

    /// <summary>At most half of the letters may be wrong: a guess that is far off helps nobody.</summary>
    private static string Nearest(string word, IEnumerable<string> known)
    {
        string[] near =
        [
            .. known.Select(one => (Word: one, Edits: Edits(word, one)))
                .Where(one => one.Edits <= Math.Max(2, word.TrimStart('-').Length / 2 - 1)
                    || (word.TrimStart('-').Length > 2 && one.Word.Contains(
                        word.TrimStart('-'), StringComparison.OrdinalIgnoreCase)))
                .OrderBy(one => one.Edits)
                .ThenBy(one => one.Word, StringComparer.Ordinal)
                .Take(2)
                .Select(one => one.Word),
        ];
        return near.Length == 0 ? "." : $"; did you mean {string.Join(" or ", near)}?";
    }

    /// <summary>The fewest letters to put in, leave out, replace, or exchange with their neighbour (Damerau 1964).
    /// </summary>
    private static int Edits(string one, string other)
    {
        var distances = new int[one.Length + 1][];
        for (var i = 0; i <= one.Length; i++)
        {
            distances[i] = new int[other.Length + 1];
            for (var j = 0; j <= other.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    distances[i][j] = i + j;
                    continue;
                }

                var isSame = char.ToLowerInvariant(one[i - 1]) == char.ToLowerInvariant(other[j - 1]);
                var least = Math.Min(
                    distances[i - 1][j - 1] + (isSame ? 0 : 1),
                    1 + Math.Min(distances[i - 1][j], distances[i][j - 1]));
                var isExchanged = i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                distances[i][j] = isExchanged ? Math.Min(least, distances[i - 2][j - 2] + 1) : least;
            }
        }

        return distances[one.Length][other.Length];
    }
}
