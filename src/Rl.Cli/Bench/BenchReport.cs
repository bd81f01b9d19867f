using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Rl.Core.Foundations;

namespace Rl.Cli.Bench;

/// <summary>A measured row of a results table.</summary>
internal sealed record BenchRow(BenchTask Task, IReadOnlyList<BenchRun> Runs)
{
    public IReadOnlyList<double> Returns { get; } = [.. Runs.Select(run => run.Evaluation)];

    public double Mean => Returns.Average();

    public bool Reaches => Mean >= Task.Asked;
}

/// <summary>Results as Markdown and CSV.</summary>
internal static class BenchReport
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly string[] Headers =
        [
            "task", "algorithm", "steps", "seeds", "return", "interquartile mean [95 %]", "asked", "", "reference",
            "time a run", "steps/s",
        ];

    public static string[] Cells(BenchRow row)
    {
        var task = row.Task;
        var middle = Statistics.InterquartileMean(row.Returns);
        var (low, high) = Statistics.Bootstrap(row.Returns, Statistics.InterquartileMean);
        return
        [
            task.Environment,
            task.Note.Length > 0 ? $"{task.Algorithm} ({task.Note})" : task.Algorithm,
            Invariant($"{task.Steps:N0}"),
            row.Runs.Count < task.Seeds ? Invariant($"{row.Runs.Count} of {task.Seeds}") : Invariant($"{task.Seeds}"),
            Views.Text.Measured(row.Mean, Statistics.StandardError(row.Returns), Signed),
            $"{Signed(middle)}{Views.Text.Between(low, high, Signed)}",
            Invariant($"≥ {task.Asked:0.##}").Replace('-', '−'),
            row.Reaches ? "✓" : "✗",
            task.Reference,
            Invariant($"{row.Runs.Average(run => run.Seconds):0.0} s"),
            Invariant($"{row.Runs.Average(run => run.StepsPerSecond):N0}"),
        ];
    }

    public static string Markdown(IReadOnlyList<BenchRow> rows)
    {
        var text = new StringBuilder();
        text.AppendLine($"| {string.Join(" | ", Headers)} |");
        text.AppendLine($"|{string.Concat(Enumerable.Repeat("---|", Headers.Length))}");
        foreach (var row in rows)
        {
            text.AppendLine($"| {string.Join(" | ", Cells(row))} |");
        }

        return text.ToString();
    }

    /// <summary>Of each two algorithms that were given as many steps in one environment: how probable it is that a run
    /// of the first is better than one of the second. Empty where no two were.</summary>
    public static string Comparisons(IReadOnlyList<BenchRow> rows)
    {
        var text = new StringBuilder();
        foreach (var (task, pairs) in rows
            .GroupBy(row => (row.Task.Environment, row.Task.Steps))
            .Select(group => (group.First().Task, Pairs([.. group]))))
        {
            foreach (var (one, other) in pairs)
            {
                var probability = Statistics.ProbabilityOfImprovement(one.Returns, other.Returns);
                var (low, high) = Statistics.BootstrapImprovement(one.Returns, other.Returns);
                text.Append(Invariant($"| {task.Environment} | {task.Steps:N0} | {one.Task.Algorithm} | "));
                text.AppendLine(Invariant(
                    $"{other.Task.Algorithm} | {probability:0.00} [{low:0.00}, {high:0.00}] |"));
            }
        }

        return text.Length == 0
            ? ""
            : "| task | steps | algorithm | against | probability of improvement [95 %] |\n"
                + $"|---|---|---|---|---|\n{text}";
    }

    /// <summary>The evaluations in the layout of rliable: by environment and steps a dictionary of scores, from the
    /// algorithm to a matrix with a row a run and a column for the task.</summary>
    public static string Rliable(IReadOnlyList<BenchRow> rows)
    {
        var tasks = rows
            .GroupBy(row => Invariant($"{row.Task.Environment} {row.Task.Steps}"))
            .ToDictionary(
                group => group.Key,
                group => group.ToDictionary(
                    row => row.Task.Note.Length > 0 ? $"{row.Task.Algorithm} {row.Task.Note}" : row.Task.Algorithm,
                    row => row.Runs.Select(run => new[] { run.Evaluation }).ToArray()));
        return JsonSerializer.Serialize(tasks, Indented) + "\n";
    }

    /// <summary>One line a run.</summary>
    public static string Csv(IReadOnlyList<BenchRow> rows)
    {
        var text =
            new StringBuilder("environment,algorithm,steps,seed,evaluation,trainingReturn,seconds,stepsPerSecond\n");
        foreach (var row in rows)
        {
            foreach (var run in row.Runs)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"{row.Task.Environment},{row.Task.Algorithm},{row.Task.Steps},{run.Seed},{run.Evaluation:G9},"
                        + $"{run.TrainingReturn:G9},{run.Seconds:G5},{run.StepsPerSecond:G6}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>Puts the table between the markers <c>&lt;!-- suite --&gt;</c> and <c>&lt;!-- /suite --&gt;</c> of a
    /// page.</summary>
    /// <exception cref="InvalidDataException">The page lacks a marker.</exception>
    public static void Insert(string page, string suite, string table)
    {
        var (open, close) = ($"<!-- {suite} -->", $"<!-- /{suite} -->");
        var text = File.ReadAllText(page);
        var (start, end) =
            (text.IndexOf(open, StringComparison.Ordinal), text.IndexOf(close, StringComparison.Ordinal));
        if (start < 0 || end < start)
        {
            throw new InvalidDataException(
                $"{page} lacks {open} followed by {close}; put both where the table belongs.");
        }

        WholeFile.WriteText(page, $"{text[..(start + open.Length)]}\n{table}{text[end..]}");
    }

    /// <summary>Each two rows once, the better one first.</summary>
    private static IEnumerable<(BenchRow One, BenchRow Other)> Pairs(IReadOnlyList<BenchRow> rows)
    {
        var ordered = rows.OrderByDescending(row => row.Mean).ToArray();
        return ordered.SelectMany((one, index) => ordered.Skip(index + 1).Select(other => (one, other)));
    }

    private static string Signed(double value) => value.ToString("0.0", CultureInfo.InvariantCulture).Replace('-', '−');

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
