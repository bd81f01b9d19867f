using System;
using System.Collections.Generic;
using Spectre.Console;

namespace Rl.Cli.Views;

/// <summary>What drawing in a terminal needs: the console of its size, and texts that fit it.</summary>
internal static class Drawing
{
    /// <summary>The console that draws in a terminal.</summary>
    public static IAnsiConsole Console(Terminal terminal)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(terminal.Output) });
        console.Profile.Width = terminal.Columns ?? console.Profile.Width;
        console.Profile.Height = terminal.Rows ?? console.Profile.Height;
        return console;
    }

    /// <summary>The text, or its beginning and an ellipsis where it is longer than so many columns.</summary>
    public static string Cut(string text, int columns) =>
        text.Length <= columns ? text
        : columns < 2 ? text[..Math.Max(0, columns)]
        : $"{text[..(columns - 1)].TrimEnd()}…";

    /// <summary>The first of the texts, longest first, that is shorter than so many columns; of the last one, its
    /// beginning.</summary>
    public static string Fitting(int columns, params ReadOnlySpan<string> texts)
    {
        foreach (var text in texts)
        {
            if (text.Length < columns)
            {
                return text;
            }
        }

        return Cut(texts[^1], Math.Max(0, columns - 1));
    }

    /// <summary>The lines of a text broken between words; a longer word has a line of its own.</summary>
    public static IEnumerable<string> Lines(string text, int columns)
    {
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > columns)
            {
                yield return line;
                line = "";
            }

            line = line.Length == 0 ? word : $"{line} {word}";
        }

        if (line.Length > 0)
        {
            yield return line;
        }
    }
}
