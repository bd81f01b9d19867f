using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Runs;

namespace Rl.Cli.Reports;

/// <summary>The curves of runs as the JSON that a page draws: for each environment a chart of returns, of lengths, and
/// of every metric. Its size is bounded, however long the runs.</summary>
internal static class ChartData
{
    /// <summary>Points of all curves together, roughly.</summary>
    private const int AllPoints = 40_000;

    private const int MostPoints = 1_000;
    private const int LeastPoints = 40;
    private const int BandPlaces = 200;

    /// <summary>Metrics are means over this share of a run's updates.</summary>
    private const int MetricWindows = 50;

    private const string Return = "return";
    private const string Length = "meanLength";
    private const string Speed = "stepsPerSecond";

    private static readonly string[] Undrawn =
    [
        "steps", "updates", "seconds", "episodes", "meanReturn", MetricsHistory.LengthsColumn,
        MetricsHistory.ReturnsColumn,
    ];

    /// <summary>Writes the groups and their curves.</summary>
    /// <param name="writer">Takes an object.</param>
    /// <param name="set">The runs.</param>
    /// <param name="smooth">The episodes that returns are smoothed over.</param>
    public static void Write(Utf8JsonWriter writer, RunSet set, int smooth)
    {
        var curves = set.Runs.Sum(run => run.Run.Metrics.Names.Count);
        var most = Math.Clamp(AllPoints / Math.Max(1, curves), LeastPoints, MostPoints);
        writer.WriteStartObject();
        writer.WriteStartArray("groups");
        foreach (var (label, runs) in set.Groups)
        {
            writer.WriteStartObject();
            writer.WriteString("label", Views.Shown.Text(label));
            writer.WriteNumber("runs", runs.Count);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("sections");
        foreach (var environment in set.Environments)
        {
            writer.WriteStartObject();
            writer.WriteString("title", Views.Shown.Text(environment));
            writer.WriteStartArray("charts");
            foreach (var key in Keys(set, environment))
            {
                WriteChart(writer, set, environment, key, smooth, most);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>That which the environment counts as solved; NaN if it names none or is not known here.</summary>
    public static double Threshold(string environment)
    {
        try
        {
            return Rl.Environments.Describe(environment).RewardThreshold;
        }
        catch (ArgumentException)
        {
            // One of the user's own, which is not loaded.
            return double.NaN;
        }
    }

    private static IEnumerable<string> Keys(RunSet set, string environment)
    {
        var columns = In(set, environment).SelectMany(run => run.Run.Metrics.Names).Distinct().ToArray();
        return columns.Length == 0
            ? []
            : [Return, Length, .. columns.Except([.. Undrawn, Length, Speed]), Speed];
    }

    private static IEnumerable<(int Group, ObservedRun Run)> In(RunSet set, string environment) =>
        set.Runs.Where(run => run.Run.Configuration.Environment == environment);

    private static void WriteChart(
        Utf8JsonWriter writer, RunSet set, string environment, string key, int smooth, int most)
    {
        writer.WriteStartObject();
        writer.WriteString("key", key);
        writer.WriteString("title", Title(key));
        writer.WriteString("note", Note(key, smooth, In(set, environment).Max(run => Window(run.Run, key, smooth))));
        if (key == Return && Threshold(environment) is var threshold && double.IsFinite(threshold))
        {
            writer.WriteNumber("threshold", threshold);
        }

        writer.WriteStartArray("series");
        foreach (var group in In(set, environment).GroupBy(run => run.Group, run => run.Run))
        {
            WriteSeries(writer, group.Key, [.. group], key, smooth, most);
        }

        writer.WriteEndArray();
        if (key == Return)
        {
            WriteEvaluations(writer, In(set, environment));
        }

        writer.WriteEndObject();
    }

    /// <summary>The curves of a group, and their mean if there are several.</summary>
    private static void WriteSeries(
        Utf8JsonWriter writer, int group, IReadOnlyList<ObservedRun> runs, string key, int smooth, int most)
    {
        var drawn = runs
            .Select(run => (Run: run, Numbers: Numbers(run, key, smooth)))
            .Where(run => run.Numbers.Smooth.Any(double.IsFinite))
            .ToArray();
        if (drawn.Length == 0)
        {
            return;
        }

        writer.WriteStartObject();
        writer.WriteNumber("group", group);
        writer.WriteStartArray("runs");
        foreach (var (run, numbers) in drawn)
        {
            var curve = Curve.Of(numbers.Steps, numbers.Raw, numbers.Smooth, most);
            writer.WriteStartObject();
            writer.WriteString("name", Views.Shown.Text(run.Configuration.Name));
            writer.WriteNumber("seed", run.Configuration.Seed);
            WriteNumbers(writer, "x", curve.Steps, isSteps: true);
            WriteNumbers(writer, "y", curve.Smooth);
            if (drawn.Length == 1 && !curve.Raw.SequenceEqual(curve.Smooth))
            {
                WriteNumbers(writer, "raw", curve.Raw);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (drawn.Length > 1 && Band([.. drawn.Select(run => run.Numbers)], Math.Min(most, BandPlaces)) is { } band)
        {
            writer.WriteStartObject("band");
            WriteNumbers(writer, "x", band.Steps, isSteps: true);
            WriteNumbers(writer, "y", band.Mean);
            WriteNumbers(writer, "error", band.Error);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static SeedCurve? Band(
        IReadOnlyList<(IReadOnlyList<double> Steps, IReadOnlyList<double> Raw, double[] Smooth)> curves, int places) =>
        SeedCurve.Of(
            [
                .. curves.Select(curve => (IReadOnlyList<(double, double)>)[
                    .. curve.Steps.Zip(curve.Smooth).Where(point => double.IsFinite(point.Second))])],
            places);

    private static (IReadOnlyList<double> Steps, IReadOnlyList<double> Raw, double[] Smooth) Numbers(
        ObservedRun run, string key, int smooth)
    {
        var metrics = run.Metrics;
        var window = Window(run, key, smooth);
        if (key == Return && metrics.HasEpisodes)
        {
            return (metrics.EpisodeSteps, metrics.EpisodeReturns, Curve.MovingMean(metrics.EpisodeReturns, window));
        }

        if (key == Length && metrics.HasLengths)
        {
            // The column of means begins anew when a run goes on.
            return (metrics.EpisodeSteps, metrics.EpisodeLengths, Curve.MovingMean(metrics.EpisodeLengths, window));
        }

        var column = metrics[key == Return ? "meanReturn" : key];
        return (metrics.Steps, column, Curve.MovingMean(column, window));
    }

    private static void WriteEvaluations(Utf8JsonWriter writer, IEnumerable<(int Group, ObservedRun Run)> runs)
    {
        writer.WriteStartArray("evaluations");
        foreach (var (group, run) in runs)
        {
            foreach (var happened in run.Events.Evaluations.Where(made => double.IsFinite(made.Evaluation!.Mean)))
            {
                writer.WriteStartObject();
                writer.WriteNumber("group", group);
                writer.WriteString("name", Views.Shown.Text(run.Configuration.Name));
                writer.WriteNumber("x", happened.Steps);
                WriteNumber(writer, "y", happened.Evaluation!.Mean);
                WriteNumber(writer, "error", happened.Evaluation!.StandardError);
                writer.WriteNumber("episodes", happened.Evaluation!.Episodes);
                writer.WriteEndObject();
            }
        }

        writer.WriteEndArray();
    }

    private static string Title(string key) => key switch
    {
        Return => "Episode return",
        Length => "Episode length",
        "approximateKl" => "Approximate KL",
        _ => Words(key),
    };

    private static string Note(string key, int smooth, int window) => key switch
    {
        Return or Length when smooth > 1 => FormattableString.Invariant($"mean of the last {smooth} episodes"),
        Return or Length => "every episode",
        _ when window > 1 => "moving mean",
        _ => "every update",
    };

    /// <summary>The numbers that a point is the mean of.</summary>
    private static int Window(ObservedRun run, string key, int smooth) => key switch
    {
        Return => run.Metrics.HasEpisodes ? smooth : 1,
        Length => run.Metrics.HasLengths ? smooth : 1,
        _ => Math.Max(1, run.Metrics.Rows / MetricWindows),
    };

    /// <summary>policyLoss becomes Policy loss.</summary>
    private static string Words(string name) =>
        string.Concat(name.Select((letter, index) =>
            index == 0 ? char.ToUpperInvariant(letter).ToString()
            : char.IsUpper(letter) ? $" {char.ToLowerInvariant(letter)}"
            : letter.ToString()));

    private static void WriteNumber(Utf8JsonWriter writer, string name, double value)
    {
        writer.WritePropertyName(name);
        WriteNumber(writer, value, isSteps: false);
    }

    private static void WriteNumbers(Utf8JsonWriter writer, string name, double[] values, bool isSteps = false)
    {
        writer.WriteStartArray(name);
        foreach (var value in values)
        {
            WriteNumber(writer, value, isSteps);
        }

        writer.WriteEndArray();
    }

    /// <summary>Six digits, whole steps; null for what JSON does not have.</summary>
    private static void WriteNumber(Utf8JsonWriter writer, double value, bool isSteps)
    {
        if (!double.IsFinite(value))
        {
            writer.WriteNullValue();
        }
        else
        {
            writer.WriteRawValue(value.ToString(isSteps ? "F0" : "G6", CultureInfo.InvariantCulture));
        }
    }
}
