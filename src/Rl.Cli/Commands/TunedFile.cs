using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using Rl.Cli.Runs;
using Rl.Cli.Tuning;
using Rl.Cli.Views;
using Rl.Core.Foundations;

namespace Rl.Cli.Commands;

/// <summary>The options that a study found, as <c>rl train --options</c> takes them, with the score that was
/// confirmed.</summary>
internal static class TunedFile
{
    public static void Write(
        string path, string algorithm, RunPlace place, StudyPlan plan, TrialTraining training,
        TuneOutcome outcome) =>
        WholeFile.Write(path, stream => Write(stream, algorithm, place, plan, training, outcome));

    /// <summary>The options that such a file holds.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Settings(AgentOptions options) =>
    [
        .. options.ToSettings().Where(one => one.Key != nameof(options.TotalSteps)),
        new(nameof(options.EnvironmentCopies), options.EnvironmentCopies.ToString(CultureInfo.InvariantCulture)),
    ];

    private static void Write(
        Stream stream, string algorithm, RunPlace place, StudyPlan plan, TrialTraining training,
        TuneOutcome outcome)
    {
        using var writer = new Utf8JsonWriter(
            stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        writer.WriteStartObject();
        writer.WriteString("algorithm", algorithm);
        writer.WriteString("environment", place.Name);
        if (place.Data is { } data)
        {
            writer.WriteString("data", data.Path);
        }

        writer.WriteNumber("steps", plan.Steps);
        writer.WriteNumber("trial", outcome.Best.Number);
        writer.WriteString("verdict", TuneOutcome.Word(outcome.Verdict));
        Score(writer, "confirmed", outcome.Scores);
        Score(writer, "withoutSearch", outcome.Baseline);
        writer.WriteStartArray("wrappers");
        foreach (var wrapper in training.Wrappers(outcome.Best.Settings))
        {
            writer.WriteStringValue(wrapper);
        }

        writer.WriteEndArray();
        writer.WriteStartObject("settings");
        foreach (var (name, value) in Settings(training.Options(outcome.Best.Settings)))
        {
            writer.WriteString(name, value);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    /// <summary>The object of a mean over seeds with its interval and the returns themselves.</summary>
    public static void Score(
        Utf8JsonWriter writer, string name, IReadOnlyList<double> scores)
    {
        var (mean, low, high) = TuneOutcome.Interval(scores);
        writer.WriteStartObject(name);
        writer.Number("mean", mean);
        writer.Number("low", low);
        writer.Number("high", high);
        writer.WriteStartArray("returns");
        foreach (var score in scores)
        {
            if (double.IsFinite(score))
            {
                writer.WriteNumberValue(score);
            }
            else
            {
                writer.WriteNullValue();
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
