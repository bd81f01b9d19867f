using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Spectre.Console;

namespace Rl.Cli.Views;

/// <summary>A table of texts: drawn in a terminal, aligned columns elsewhere.</summary>
internal static class TextTable
{
    public static void Write(Terminal terminal, string[] headers, IReadOnlyList<string[]> rows)
    {
        if (terminal.IsInteractive)
        {
            Draw(terminal.Output, headers, rows);
        }
        else
        {
            var widths = headers.Select((header, column) => rows.Select(row => row[column].Length).Append(header.Length).Max()).ToArray();
            foreach (var row in rows.Prepend(headers))
            {
                terminal.Output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
            }
        }
    }

    private static void Draw(TextWriter output, string[] headers, IReadOnlyList<string[]> rows)
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (var header in headers)
        {
            table.AddColumn($"[bold]{Markup.Escape(header)}[/]");
        }

        foreach (var row in rows)
        {
            table.AddRow(Array.ConvertAll(row, Markup.Escape));
        }

        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) }).Write(table);
    }
}
