using System;
using System.Globalization;
using System.IO;

namespace Rl.Cli.Views;

/// <summary>Numbers as people read them.</summary>
internal static class Text
{
    public static string Return(double value) =>
        double.IsNaN(value)
            ? "-"
            : value.ToString(Math.Abs(value) < 10 ? "0.000" : "0.0", CultureInfo.InvariantCulture);

    /// <summary>A mean with its standard error, for example 498.2 ± 1.3; alone where there is none, as of a single
    /// episode or run.</summary>
    public static string Measured(double mean, double error, Func<double, string> print) =>
        double.IsNaN(error) ? print(mean) : $"{print(mean)} ± {print(error)}";

    /// <summary>An interval, for example [9.1, 9.8]; empty where nothing bounds it, as of a single run.</summary>
    public static string Between(double low, double high, Func<double, string> print) =>
        double.IsInfinity(low) && double.IsInfinity(high) ? "" : $" [{print(low)}, {print(high)}]";

    /// <summary>For example 4.2 s, 3:05, 2:10:00 or 12 days.</summary>
    public static string Duration(TimeSpan time) => time switch
    {
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalHours: < 1 } => time.ToString(@"m\:ss", CultureInfo.InvariantCulture),
        { TotalDays: < 4 } =>
            string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(time.TotalHours):0}:{time:mm\\:ss}"),
        { TotalDays: < 10_000 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalDays:N0} days"),
        _ => "over 10,000 days",
    };

    /// <summary>Where the options come from, without the parts of it that only their origin's readers need.</summary>
    public static string Tuned(string environment, string source)
    {
        const int Most = 60;
        var whole = $"with the options tuned for {environment} ({source}); --defaults leaves them";
        return source.Length <= Most ? whole : $"with the options tuned for {environment}; --defaults leaves them";
    }

    /// <summary>What names a run in a command: its name under runs/, or else its folder.</summary>
    public static string Run(string folder)
    {
        var name = Path.GetDirectoryName(folder) == "runs" ? Path.GetFileName(folder) : folder;
        return name.Contains(' ', StringComparison.Ordinal) ? $"\"{name}\"" : name;
    }

    /// <summary>What remembered steps take at most.</summary>
    public static string Memory(long bytes) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"remembered steps take up to {Math.Ceiling(bytes / 1e6):N0} MB of memory (BufferSize)");

    /// <summary>The command that goes on with an interrupted run.</summary>
    public static string Resume(string folder) => $"rl resume {Run(folder)}";

    /// <summary>What a run came to.</summary>
    public static string Evaluation(TrainingOutcome outcome) =>
        outcome.Evaluation?.ToString()
        ?? $"none: there is no environment; rl evaluate {Run(outcome.Outline.Run)} --data PLACE estimates it";

    /// <summary>How far the last update, which is taken whole, went beyond the plan; nothing if it did not.</summary>
    public static string Beyond(TrainingOutcome outcome) =>
        outcome.Training.Steps - outcome.Outline.TotalSteps is > 0 and var steps
            ? string.Create(
                CultureInfo.InvariantCulture, $"; the last update, taken whole, went {steps:N0} beyond the plan")
            : "";

    /// <summary>Says that episodes were cut; empty where they were not.</summary>
    public static string Cut(int? steps) =>
        steps is { } at ? string.Create(CultureInfo.InvariantCulture, $", cut at {at:N0} steps") : "";

    public static string Verdict(TrainingOutcome outcome) =>
        outcome.Evaluation is not { } evaluation || double.IsNaN(outcome.RewardThreshold)
            ? ""
            : string.Create(
                CultureInfo.InvariantCulture,
                $", {(evaluation.Mean >= outcome.RewardThreshold ? "solved" : "not solved")} (threshold "
                    + $"{outcome.RewardThreshold:0.##})");
}
