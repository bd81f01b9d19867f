using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Rl.Rendering;

namespace Rl.Cli.Views;

/// <summary>The terminal's second screen while episodes are watched; disposing it brings the first one back.</summary>
internal sealed class Screen : IDisposable
{
    private const string Enter = "\e[?1049h\e[?25l\e[2J";
    private const string Leave = "\e[0m\e[?25h\e[?1049l";

    private readonly Terminal terminal;
    private readonly TextWriter output;
    private readonly TerminalColours colours = Colours();
    private readonly List<string> shown = [];
    private (int Columns, int Rows) size;

    public Screen(Terminal terminal)
    {
        this.terminal = terminal;
        output = terminal.Output;
        output.Write(Enter);
        output.Flush();
    }

    /// <summary>Draws a frame as large as fits, with its numbers below.</summary>
    public void Show(Frame frame, string title)
    {
        var columns = Size().Columns;
        var numbers = Drawing.Fitting(
            columns,
            Invariant(
                $"episode {frame.Episode}  step {frame.Step}  reward {frame.Reward:0.00}  return {frame.Return:0.00}"),
            Invariant($"step {frame.Step}  reward {frame.Reward:0.00}  return {frame.Return:0.00}"),
            Invariant($"step {frame.Step}  return {frame.Return:0.00}"),
            Invariant($"{frame.Step}  {frame.Return:0.00}"));
        Show(frame.Scene, [Drawing.Fitting(columns, $"{title}  (Ctrl-C ends)", title), numbers]);
    }

    /// <summary>Draws a scene, if there is one, as large as fits, with lines below; only lines that changed are
    /// written.</summary>
    public void Show(Scene? scene, IReadOnlyList<string> below)
    {
        var now = Size();
        var text = new StringBuilder();
        if (now != size)
        {
            size = now;
            shown.Clear();
            text.Append("\e[2J");
        }

        string[] lines =
        [
            .. scene is null
                ? []
                : TerminalPicture.Draw(scene, now.Columns, Math.Max(1, now.Rows - below.Count), colours),
            .. below.Select(line => Drawing.Cut(line, now.Columns)),
        ];
        for (var row = 0; row < lines.Length; row++)
        {
            if (row >= shown.Count || shown[row] != lines[row])
            {
                text.Append(CultureInfo.InvariantCulture, $"\e[{row + 1};1H{lines[row]}\e[K");
            }
        }

        shown.Clear();
        shown.AddRange(lines);
        output.Write(text);
        output.Flush();
    }

    public void Dispose()
    {
        output.Write(Leave);
        output.Flush();
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private (int Columns, int Rows) Size()
    {
        try
        {
            return (
                Math.Max(1, terminal.Columns ?? Console.WindowWidth),
                Math.Max(1, terminal.Rows ?? Console.WindowHeight));
        }
        catch (IOException)
        {
            return (terminal.Columns ?? 80, terminal.Rows ?? 24);
        }
    }

    private static TerminalColours Colours() =>
        Environment.GetEnvironmentVariable("COLORTERM") is "truecolor" or "24bit" || OperatingSystem.IsWindows()
            ? TerminalColours.True
            : TerminalColours.Indexed;
}
