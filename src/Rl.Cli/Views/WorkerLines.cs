using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Rl.Cli.Views;

/// <summary>Workers as lines of a terminal: a heading and a line each, no wider and no more than fit.</summary>
internal static class WorkerLines
{
    /// <summary>The narrowest column of names.</summary>
    private const int Name = 12;

    /// <summary>The lines, and which of them tell of something that is not as it should be.</summary>
    /// <param name="workers">The workers in their order. Where not all fit, those in trouble come first.</param>
    /// <param name="columns">The width of the terminal.</param>
    /// <param name="most">The most lines, at least 2.</param>
    public static IReadOnlyList<(string Text, bool IsTrouble)> Of(
        IReadOnlyList<WorkerRow> workers, int columns, int most)
    {
        if (workers.Count == 0)
        {
            return [("no worker is there", true)];
        }

        var fit = workers.Count + 1 <= most ? workers.Count : Math.Max(1, most - 2);
        var shown = fit == workers.Count
            ? workers
            : [.. workers.OrderByDescending(worker => worker.IsTrouble).Take(fit)];
        var width = Math.Max(Name, shown.Max(worker => worker.Name.Length));
        var hasLag = shown.Any(worker => worker.Lag is not null);
        var lines = new List<(string, bool)>
        {
            (Line("worker", "steps/s", "copies", hasLag ? "lag" : null, ""), false),
        };
        lines.AddRange(shown.Select(worker => (
            Line(
                worker.Name,
                double.IsNaN(worker.StepsPerSecond) ? "-" : Invariant($"{worker.StepsPerSecond:N0}"),
                Invariant($"{100 * worker.Share:0} %"),
                hasLag ? worker.Lag?.ToString(CultureInfo.InvariantCulture) ?? "-" : null,
                worker.State),
            worker.IsTrouble)));
        if (fit < workers.Count && lines.Count < most)
        {
            var others = workers.Except(shown).ToList();
            var ill = others.Count(worker => worker.IsTrouble);
            var ofThem = ill > 0 ? Invariant($", {ill} of them not as they should be") : "";
            lines.Add((Drawing.Cut(Invariant($"and {others.Count} more{ofThem}"), columns - 1), ill > 0));
        }

        return lines;

        string Line(string name, string rate, string share, string? lag, string state) => Drawing.Cut(
            $"{name.PadRight(width)} {rate,9} {share,7}{(lag is null ? "" : $" {lag,4}")}  {state}".TrimEnd(),
            columns - 1);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
