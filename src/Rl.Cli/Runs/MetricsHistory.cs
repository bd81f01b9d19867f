using System.Collections.Generic;
using System.Globalization;
using System.IO;
using Rl.Internal;

namespace Rl.Cli.Runs;

/// <summary>What the metrics.csv of an interrupted run holds.</summary>
/// <param name="Rows">Environment steps and mean return of each row.</param>
/// <param name="Seconds">The time that was trained.</param>
/// <param name="Episodes">The episodes that ended.</param>
internal sealed record MetricsHistory(IReadOnlyList<(long Steps, double MeanReturn)> Rows, double Seconds, double Episodes)
{
    /// <summary>That of a new run.</summary>
    public static MetricsHistory None { get; } = new([], 0, 0);

    /// <summary>Drops the rows beyond so many steps, which the agent was not saved with and will take again.</summary>
    public static MetricsHistory Cut(string path, long steps)
    {
        if (!File.Exists(path))
        {
            return None;
        }

        var kept = new List<string>();
        var rows = new List<(long, double)>();
        var (seconds, episodes) = (0.0, 0.0);
        foreach (var line in File.ReadLines(path))
        {
            if (kept.Count == 0)
            {
                kept.Add(line);
                continue;
            }

            var cells = line.Split(',');
            if (cells.Length < 6 || !long.TryParse(cells[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var step))
            {
                // A row that a crash cut short is the last one.
                break;
            }

            if (step > steps)
            {
                break;
            }

            kept.Add(line);
            rows.Add((step, Number(cells[5])));
            (seconds, episodes) = (Number(cells[2]), Number(cells[4]));
        }

        if (rows.Count == 0)
        {
            kept.Clear();
        }

        WholeFile.Replace(path, temporary => File.WriteAllLines(temporary, kept));
        return new(rows, seconds, episodes);
    }

    private static double Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : double.NaN;
}
