using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Bench;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary><c>rl compare</c>: a table of runs, those that differ in their seeds alone as one row, and how probable it
/// is that a run of the first row is better than one of the second.</summary>
internal static class CompareCommand
{
    /// <summary>Groups that trained this much longer than another are not compared without a word.</summary>
    private const double LongerBy = 1.1;

    private static readonly string[] Headers = ["runs", "environment", "seeds", "steps", "return [95 %]", "time a run"];

    public static int Run(IReadOnlyList<string> names, bool json, Terminal terminal)
    {
        var groups = RunGroup.Of(RunRecord.Find(names));
        var comparison = groups is [var first, var second, ..] ? Comparison.Of(first, second) : null;
        if (json)
        {
            foreach (var group in groups)
            {
                JsonLine.Write(terminal.Output, "group", writer => Write(writer, group));
            }

            if (comparison is { Probability: { } between })
            {
                JsonLine.Write(terminal.Output, "comparison", writer => Write(writer, comparison, between));
            }

            return ExitCode.Success;
        }

        TextTable.Write(terminal, Headers, [.. groups.Select(Cells)]);
        foreach (var run in groups.SelectMany(group => group.Runs).Where(run => run.History.Rows.Count == 0))
        {
            terminal.Error.WriteLine(
                $"rl: {Shown.Text(run.Folder)} has no update in {RunFiles.Metrics}: it has just begun, or the file was "
                    + "emptied or damaged.");
        }

        if (comparison is not null)
        {
            terminal.Output.WriteLine();
            terminal.Output.WriteLine(comparison.Sentence);
        }

        return ExitCode.Success;
    }

    private static string[] Cells(RunGroup group) =>
    [
        group.Label,
        group.Environment,
        SeedsOf(group),
        StepsOf(group),
        ReturnOf(group),
        Text.Duration(TimeSpan.FromSeconds(group.Runs.Average(run => run.History.Seconds))),
    ];

    private static string SeedsOf(RunGroup group) =>
        group.Runs.Count == 1
            ? string.Create(CultureInfo.InvariantCulture, $"1 ({group.Runs[0].Seed})")
            : string.Create(CultureInfo.InvariantCulture, $"{group.Runs.Count}");

    private static string StepsOf(RunGroup group)
    {
        var (least, most) = (group.Runs.Min(run => run.Steps), group.Runs.Max(run => run.Steps));
        return least == most
            ? string.Create(CultureInfo.InvariantCulture, $"{least:N0}")
            : string.Create(CultureInfo.InvariantCulture, $"{least:N0} to {most:N0}");
    }

    /// <summary>The mean over runs of their last returns, and the middle 95 % of the means of runs drawn with
    /// replacement.</summary>
    private static string ReturnOf(RunGroup group)
    {
        if (group.Returns.Count < 2)
        {
            return group.Returns.Count == 0 ? "-" : Text.Return(group.Returns[0]);
        }

        var (low, high) = Interval(group);
        return $"{Text.Return(group.Returns.Average())} [{Text.Return(low)}, {Text.Return(high)}]";
    }

    private static (double Low, double High) Interval(RunGroup group) =>
        Statistics.Bootstrap(group.Returns, Enumerable.Average);

    private static void Write(Utf8JsonWriter writer, RunGroup group)
    {
        writer.WriteString("label", group.Label);
        writer.WriteString("algorithm", group.Algorithm);
        writer.WriteString("environment", group.Environment);
        writer.WriteStartArray("seeds");
        foreach (var run in group.Runs)
        {
            writer.WriteNumberValue(run.Seed);
        }

        writer.WriteEndArray();
        writer.WriteNumber("steps", group.Runs.Max(run => run.Steps));
        writer.Number("return", group.Returns.Count == 0 ? double.NaN : group.Returns.Average());
        if (group.Returns.Count > 1)
        {
            var (low, high) = Interval(group);
            writer.Number("low", low);
            writer.Number("high", high);
        }

        writer.Number("seconds", group.Runs.Average(run => run.History.Seconds));
        writer.WriteStartArray("runs");
        foreach (var run in group.Runs)
        {
            writer.WriteStringValue(run.Folder);
        }

        writer.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter writer, Comparison comparison, Improvement between)
    {
        writer.WriteString("first", comparison.First.Label);
        writer.WriteString("second", comparison.Second.Label);
        writer.Number("probabilityOfImprovement", between.Probability);
        writer.Number("low", between.Low);
        writer.Number("high", between.High);
    }

    /// <summary>How probable it is that a run of the one group is better than a run of the other, and the middle 95 %
    /// of that over runs drawn with replacement.</summary>
    private readonly record struct Improvement(double Probability, double Low, double High);

    /// <summary>What can be said of the first group against the second.</summary>
    private sealed record Comparison(RunGroup First, RunGroup Second, Improvement? Probability, string Sentence)
    {
        public static Comparison Of(RunGroup first, RunGroup second)
        {
            if (first.Environment != second.Environment)
            {
                return new(
                    first, second, null,
                    $"{first.Label} and {second.Label} are of different environments: their returns are not compared.");
            }

            if (first.Returns.Count == 0 || second.Returns.Count == 0)
            {
                return new(first, second, null, "No episode has ended in one of the first two: they are not compared.");
            }

            if (first.Returns.Count == 1 || second.Returns.Count == 1)
            {
                return new(
                    first, second, null,
                    $"{first.Label} has {Text.Return(first.Returns.Average())} and {second.Label} "
                        + $"{Text.Return(second.Returns.Average())}; one seed says little of others: train several "
                        + "of each.");
            }

            var probability = Statistics.ProbabilityOfImprovement(first.Returns, second.Returns);
            var (low, high) = Statistics.BootstrapImprovement(first.Returns, second.Returns);
            var (one, other) = (first.Runs.Average(run => run.Steps), second.Runs.Average(run => run.Steps));
            var remark = Math.Max(one, other) > LongerBy * Math.Min(one, other)
                ? " They trained for different numbers of steps."
                : "";
            return new(
                first,
                second,
                new(probability, low, high),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"A run of {first.Label} is better than one of {second.Label} with probability {probability:0.00} "
                        + $"[{low:0.00}, {high:0.00}].{remark}"));
        }
    }
}
