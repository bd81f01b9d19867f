using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Rl.Core.Foundations;

namespace Rl.Cli.Runs;

/// <summary>An update in metrics.csv.</summary>
/// <param name="Steps">Environment steps after it.</param>
/// <param name="MeanReturn">The mean return of the last episodes.</param>
/// <param name="Returns">Those of the episodes that ended in it; null if the file does not tell.</param>
internal sealed record MetricsRow(long Steps, double MeanReturn, IReadOnlyList<double>? Returns);

/// <summary>What the metrics.csv of an interrupted run holds.</summary>
/// <param name="Header">Its first line; null if it has none.</param>
/// <param name="Rows">Its updates.</param>
/// <param name="Seconds">The time that was trained.</param>
/// <param name="Episodes">The episodes that ended.</param>
/// <param name="Damaged">Rows that could not be read and were left out.</param>
internal sealed record MetricsHistory(
    string? Header, IReadOnlyList<MetricsRow> Rows, double Seconds, double Episodes, int Damaged)
{
    /// <summary>The column with the returns of the episodes, joined by <see cref="Joint"/>.</summary>
    public const string ReturnsColumn = "episodeReturns";

    /// <summary>The column with their lengths, joined alike; files of earlier versions lack it.</summary>
    public const string LengthsColumn = "episodeLengths";

    /// <summary>What stands between the returns of an update.</summary>
    public const char Joint = ';';

    /// <summary>That of a new run.</summary>
    public static MetricsHistory None { get; } = new(null, [], 0, 0, 0);

    /// <summary>What the file of a run holds that may still go on; it stays as it is.</summary>
    public static MetricsHistory Read(string path)
    {
        if (!File.Exists(path))
        {
            return None;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        return Parse(Lines(reader.ReadToEnd()), long.MaxValue, new());
    }

    /// <summary>
    /// Drops the rows beyond so many steps, which the agent was not saved with and will take again, and rows that are
    /// damaged; a file of which nothing can be read is put aside as <c>metrics-damaged.csv</c>.
    /// </summary>
    public static MetricsHistory Cut(string path, long steps)
    {
        if (!File.Exists(path))
        {
            return None;
        }

        var text = File.ReadAllText(path);
        var kept = new StringBuilder();
        var history = Parse(Lines(text), steps, kept);
        if (kept.Length == 0)
        {
            if (text.Length > 0)
            {
                File.Move(path, Path.Combine(Path.GetDirectoryName(path)!, "metrics-damaged.csv"), overwrite: true);
            }

            return history;
        }

        WholeFile.WriteText(path, history.Rows.Count == 0 ? "" : kept.ToString());
        return history;
    }

    /// <summary>What follows the last line's end is a row that a crash cut short, and no damage.</summary>
    private static string[] Lines(string text) =>
        [
            .. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.TrimEnd('\r'))];

    /// <summary>The rows up to so many steps; <paramref name="kept"/> takes the lines that can be read, with the
    /// header.</summary>
    private static MetricsHistory Parse(string[] lines, long steps, StringBuilder kept)
    {
        if (lines.Length == 0 || !lines[0].StartsWith("steps,", StringComparison.Ordinal))
        {
            return None with { Damaged = lines.Length };
        }

        var columns = lines[0].Split(',');
        var returns = Array.IndexOf(columns, ReturnsColumn);
        kept.Append(lines[0]).Append('\n');
        var rows = new List<MetricsRow>();
        var (seconds, episodes) = (0.0, 0.0);
        var damaged = 0;
        foreach (var line in lines.Skip(1))
        {
            var cells = line.Split(',');
            if (cells.Length != columns.Length
                || !long.TryParse(cells[0], NumberStyles.None, CultureInfo.InvariantCulture, out var step)
                || !TryNumber(cells[2], out var time) || !TryNumber(cells[4], out var count)
                || !TryNumber(cells[5], out var mean)
                || (rows.Count > 0 && step <= rows[^1].Steps && step <= steps))
            {
                damaged++;
                continue;
            }

            if (step <= steps)
            {
                kept.Append(line).Append('\n');
                rows.Add(new(step, mean, returns < 0 ? null : Returns(cells[returns])));
                (seconds, episodes) = (time, count);
            }
        }

        return new(rows.Count == 0 ? null : lines[0], rows, seconds, episodes, damaged);
    }

    private static double[] Returns(string cell) =>
        [
            .. cell.Split(Joint, StringSplitOptions.RemoveEmptyEntries)
                .Select(text => TryNumber(text, out var value) ? value : double.NaN)
                .Where(double.IsFinite)];

    private static bool TryNumber(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}
