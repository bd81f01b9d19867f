using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Rl.Cli.Bench;

/// <summary>A measured row of the offline table.</summary>
internal sealed record OfflineRow(OfflineTask Task, OfflineFacts Facts, IReadOnlyList<OfflineRun> Runs)
{
    /// <summary>The scores of the runs.</summary>
    public IReadOnlyList<double> Scores { get; } = [.. Runs.Select(run => Facts.Score(run.Return))];

    public double Mean => Scores.Average();
}

/// <summary>The offline results as Markdown and CSV.</summary>
internal static class OfflineReport
{
    /// <summary>What the best algorithm must reach of the best tenth of a replay.</summary>
    public const double AskedOfBest = 1.1;

    /// <summary>The table, then what was asked.</summary>
    public static string Markdown(IReadOnlyList<OfflineRow> rows)
    {
        var text = new StringBuilder();
        text.AppendLine(
            "| data | episodes, steps | mean, best tenth | algorithm | seeds | score | interquartile mean [95 %] "
            + "| return | time a run |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var row in rows)
        {
            var set = row.Facts.Sets[row.Task.Set];
            var (low, high) = Statistics.Bootstrap(row.Scores, Statistics.InterquartileMean);
            var returns = row.Runs.Select(run => run.Return).ToArray();
            text.AppendLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {row.Task.Place.Environment} {row.Task.Set} | {set.Episodes:N0}, {set.Steps:N0} "
                    + $"| {Signed(row.Facts.Score(set.Mean))}, {Signed(row.Facts.Score(set.BestTenth))} "
                    + $"| {row.Task.Label} | {row.Runs.Count} "
                    + $"| {Views.Text.Measured(row.Mean, Statistics.StandardError(row.Scores), Signed)} "
                    + $"| {Signed(Statistics.InterquartileMean(row.Scores))}{Views.Text.Between(low, high, Signed)} "
                    + $"| {Views.Text.Measured(returns.Average(), Statistics.StandardError(returns), Signed)} "
                    + $"| {row.Runs.Average(run => run.Seconds):0.0} s |"));
        }

        text.AppendLine();
        foreach (var (sentence, holds) in Asked(rows))
        {
            text.AppendLine($"- {sentence} {(holds ? "✓" : "✗")}");
        }

        return text.ToString();
    }

    /// <summary>What was asked of the rows, each with whether it holds.</summary>
    public static IEnumerable<(string Sentence, bool Holds)> Asked(IReadOnlyList<OfflineRow> rows)
    {
        foreach (var group in rows.GroupBy(row => (row.Task.Place.Environment, row.Task.Set)))
        {
            var name = $"{group.Key.Environment} {group.Key.Set}";
            var judged = group.Where(row => row.Task.IsJudged).ToArray();
            if (judged.Length == 0)
            {
                continue;
            }

            if (group.FirstOrDefault(row => row.Task.IsCloning) is { } cloning)
            {
                var below = judged.Where(row => row.Mean < cloning.Mean).Select(row => row.Task.Label).ToArray();
                yield return (
                    $"{name}: each at least {Signed(cloning.Mean)}, cloning's"
                        + (below.Length > 0 ? $"; below: {string.Join(", ", below)}." : "."),
                    below.Length == 0);
            }

            if (group.Key.Set == "medium-replay")
            {
                var best = judged.MaxBy(row => row.Mean)!;
                var tenth = best.Facts.Score(best.Facts.Sets[best.Task.Set].BestTenth);
                yield return (
                    $"{name}: the best, {best.Task.Label} with {Signed(best.Mean)}, at least "
                        + string.Create(CultureInfo.InvariantCulture, $"{AskedOfBest} times ")
                        + $"{Signed(tenth)}, the best tenth of the data.",
                    best.Mean >= AskedOfBest * tenth);
            }
        }
    }

    /// <summary>One line a run.</summary>
    public static string Csv(IReadOnlyList<OfflineRow> rows)
    {
        var text = new StringBuilder("environment,data,algorithm,seed,return,score,seconds\n");
        foreach (var row in rows)
        {
            foreach (var run in row.Runs)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"{row.Task.Place.Environment},{row.Task.Set},{row.Task.Label},{run.Seed},{run.Return:G9},"
                        + $"{row.Facts.Score(run.Return):G6},{run.Seconds:G5}\n");
            }
        }

        return text.ToString();
    }

    private static string Signed(double value) =>
        value.ToString("0.0", CultureInfo.InvariantCulture).Replace('-', '−');
}
