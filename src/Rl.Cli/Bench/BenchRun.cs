using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli.Views;
using Rl.Core.Foundations;

namespace Rl.Cli.Bench;

/// <summary>What one run of a task with one seed measured.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Seconds">The time of training.</param>
/// <param name="StepsPerSecond">Environment steps a second of training.</param>
/// <param name="TrainingReturn">The mean return of the last 100 episodes of training.</param>
/// <param name="Evaluation">The mean return of the evaluation.</param>
/// <param name="Curve">Steps and mean returns of the last 100 episodes at about a hundred times.</param>
internal sealed record BenchRun(
    ulong Seed,
    double Seconds,
    double StepsPerSecond,
    double TrainingReturn,
    double Evaluation,
    IReadOnlyList<(double Steps, double Return)> Curve)
{
    private const int CurvePoints = 100;

    /// <summary>Trains and evaluates.</summary>
    public static BenchRun Measure(BenchTask task, ulong seed, CancellationToken cancellation)
    {
        using var agent = Agent.Create(task.Options(), Environments.Make(task.Environment), seed);
        var curve = new List<(double, double)>();
        var training = agent.Train(
            new SynchronousProgress<TrainingProgress>(progress =>
            {
                var isLast = progress.Steps >= progress.TotalSteps;
                if (!double.IsNaN(progress.MeanReturn)
                    && (isLast || progress.Steps >= (curve.Count + 1) * task.Steps / CurvePoints))
                {
                    curve.Add((progress.Steps, progress.MeanReturn));
                }
            }),
            cancellation);
        var evaluation =
            agent.Evaluate(task.Episodes, deterministic: task.Deterministic, cancellationToken: cancellation);
        return new(
            seed, training.Elapsed.TotalSeconds, training.StepsPerSecond, training.MeanReturn, evaluation.Mean, curve);
    }

    /// <summary>The result in a file, if it is there and of these options.</summary>
    public static BenchRun? Read(string path, AgentOptions options)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            return !IsOf(root.GetProperty("settings").GetString()!, options)
                ? null
                : new(
                    root.GetProperty("seed").GetUInt64(),
                    root.GetProperty("seconds").GetDouble(),
                    root.GetProperty("stepsPerSecond").GetDouble(),
                    Number(root.GetProperty("trainingReturn")),
                    root.GetProperty("evaluation").GetDouble(),
                    [
                        .. root.GetProperty("curve").EnumerateArray()
                            .Select(point => (point[0].GetDouble(), point[1].GetDouble()))]);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // A damaged file is measured again.
            return null;
        }
    }

    /// <summary>Writes the result beside its place and moves it there, so that an interruption leaves no half
    /// file.</summary>
    public void Write(string path, string settings)
    {
        WholeFile.Write(path, stream =>
        {
            using var writer = new Utf8JsonWriter(stream);
            writer.WriteStartObject();
            writer.WriteNumber("seed", Seed);
            writer.WriteNumber("seconds", Seconds);
            writer.WriteNumber("stepsPerSecond", StepsPerSecond);
            writer.Number("trainingReturn", TrainingReturn);
            writer.WriteNumber("evaluation", Evaluation);
            writer.WriteString("settings", settings);
            writer.WriteStartArray("curve");
            foreach (var (steps, value) in Curve)
            {
                writer.WriteStartArray();
                writer.WriteNumberValue(steps);
                writer.WriteNumberValue(value);
                writer.WriteEndArray();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    /// <summary>A number; NaN where null stands for it.</summary>
    private static double Number(JsonElement element) =>
        element.ValueKind == JsonValueKind.Null ? double.NaN : element.GetDouble();

    /// <summary>All options of a run as one text: what makes an earlier result the same experiment.</summary>
    public static string Settings(AgentOptions options) =>
        string.Join(';', Pairs(options).Select(setting => $"{setting.Key}={setting.Value}"));

    /// <summary>Whether a result with this text is one of these options. An option that it does not name came later: it
    /// must have its default, with which all is as it was.</summary>
    public static bool IsOf(string settings, AgentOptions options)
    {
        var measured = settings.Split(';')
            .Select(setting => setting.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[^1]);
        var asked = Pairs(options).ToDictionary();
        var defaults = Pairs(Algorithms.Options(options.Algorithm, [])).ToDictionary();
        return measured.Keys.All(asked.ContainsKey)
            && asked.All(setting => setting.Value == measured.GetValueOrDefault(setting.Key, defaults[setting.Key]));
    }

    private static IEnumerable<KeyValuePair<string, string>> Pairs(AgentOptions options) =>
        options.ToSettings()
            .Select(setting => KeyValuePair.Create(setting.Key, setting.Value))
            .Append(new("EnvironmentCopies", options.EnvironmentCopies.ToString(CultureInfo.InvariantCulture)));
}
