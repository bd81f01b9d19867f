using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Spectre.Console;

namespace Rl.Cli.Views;

/// <summary>A table of texts: drawn in a terminal, aligned columns elsewhere. Only the last column, of sentences, is
/// ever broken or cut.</summary>
internal static class TextTable
{
    /// <summary>The least columns for a sentence beside the others.</summary>
    private const int NarrowestSentence = 20;

    /// <summary>A table whose last column is broken between words where the terminal is narrow.</summary>
    public static void Write(Terminal terminal, string[] headers, IReadOnlyList<string[]> rows)
    {
        if (!terminal.IsInteractive)
        {
            WriteAligned(terminal.Output, headers, rows);
            return;
        }

        var console = Drawing.Console(terminal);
        if (Rest(console, headers, rows) < NarrowestSentence && headers.Length > 1)
        {
            WriteStacked(terminal.Output, console.Profile.Width, rows);
        }
        else
        {
            Draw(console, headers, rows);
        }
    }

    /// <summary>A table with a line a row: in a terminal the last column is cut, and where that leaves little of it the
    /// droppable columns go, in their order.</summary>
    public static void WriteLines(
        Terminal terminal, string[] headers, IReadOnlyList<string[]> rows, params string[] droppable)
    {
        if (!terminal.IsInteractive)
        {
            WriteAligned(terminal.Output, headers, rows);
            return;
        }

        var console = Drawing.Console(terminal);
        foreach (var header in droppable)
        {
            if (Rest(console, headers, rows) >= 2 * NarrowestSentence)
            {
                break;
            }

            var column = Array.IndexOf(headers, header);
            headers = Without(headers, column);
            rows = [.. rows.Select(row => Without(row, column))];
        }

        var rest = Rest(console, headers, rows);
        if (rest < headers[^1].Length)
        {
            WriteAligned(terminal.Output, [headers[0]], [.. rows.Select(row => new[] { row[0] })]);
        }
        else
        {
            Draw(console, headers, [.. rows.Select(row => (string[])[.. row[..^1], Drawing.Cut(row[^1], rest)])]);
        }
    }

    private static string[] Without(string[] cells, int column) => [.. cells.Where((_, index) => index != column)];

    private static int[] Widths(string[] headers, IReadOnlyList<string[]> rows) =>
        [.. headers.Select((header, column) => rows.Select(row => row[column].Length).Append(header.Length).Max())];

    /// <summary>What the frame and the other columns leave for the last one.</summary>
    private static int Rest(IAnsiConsole console, string[] headers, IReadOnlyList<string[]> rows) =>
        console.Profile.Width - 1 - (3 * headers.Length) - Widths(headers, rows)[..^1].Sum();

    private static void WriteAligned(TextWriter output, string[] headers, IReadOnlyList<string[]> rows)
    {
        var widths = Widths(headers, rows);
        foreach (var row in rows.Prepend(headers))
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    /// <summary>The sentence below the other cells, for terminals that have no room beside them.</summary>
    private static void WriteStacked(TextWriter output, int columns, IReadOnlyList<string[]> rows)
    {
        foreach (var row in rows)
        {
            output.WriteLine(string.Join("  ", row[..^1]));
            foreach (var line in Drawing.Lines(row[^1], Math.Max(1, columns - 4)))
            {
                output.WriteLine($"    {line}");
            }
        }
    }

    private static void Draw(IAnsiConsole console, string[] headers, IReadOnlyList<string[]> rows)
    {
        var table = new Table { Border = TableBorder.Rounded };
        for (var column = 0; column < headers.Length; column++)
        {
            table.AddColumn(
                new TableColumn($"[bold]{Markup.Escape(headers[column])}[/]") { NoWrap = column < headers.Length - 1 });
        }

        foreach (var row in rows)
        {
            table.AddRow(Array.ConvertAll(row, Markup.Escape));
        }

        console.Write(table);
    }
}
