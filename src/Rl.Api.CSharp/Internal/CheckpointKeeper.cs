using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Core.Foundations;

namespace Rl.Internal;

/// <summary>Saves an agent as its training goes on, and the best of those that were evaluated.</summary>
/// <param name="agent">What trains.</param>
/// <param name="checkpoints">Where and when to save.</param>
/// <param name="evaluate">Measures the agent as it is now.</param>
internal sealed class CheckpointKeeper(Agent agent, Checkpoints checkpoints, Func<EvaluationResult> evaluate)
{
    private const string NamePrefix = "agent-";
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);

    /// <summary>The time of the second checkpoint; the time before each of the next is as long as all before it, up to
    /// the interval.</summary>
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Stopwatch sinceStart = new();
    private readonly Stopwatch sinceSave = new();
    private TimeSpan savedAt;
    private long lastSteps;
    private long lastEvaluation;
    private TimeSpan? retry;
    private double best = double.NegativeInfinity;

    /// <summary>Is told when a save between the first and the last has failed; it is tried again soon.</summary>
    public Action<IOException>? Failed { get; init; }

    /// <summary>Is told of each evaluation, the steps before it, and whether it is the best one.</summary>
    public Action<EvaluationResult, long, bool>? Evaluated { get; init; }

    /// <summary>What else is to be brought to the disk with each checkpoint, after the agent.</summary>
    public Action? Saved { get; init; }

    /// <summary>The steps of the newest checkpoint.</summary>
    public long SavedSteps => lastSteps;

    /// <summary>Saves before the first update: a folder that cannot be written shows at once, and a killed run is one
    /// that can go on.</summary>
    public void Start()
    {
        WholeFile.RemoveRests(checkpoints.AgentPath);
        WholeFile.RemoveRests(checkpoints.BestPath);
        WholeFile.RemoveRests(checkpoints.BestEvaluationPath);
        if (Directory.Exists(checkpoints.Folder))
        {
            foreach (var rest in Directory.EnumerateFiles(checkpoints.Folder, $"{NamePrefix}*.rl.*.tmp").ToList())
            {
                File.Delete(rest);
            }
        }

        best = EarlierBest();
        lastEvaluation = agent.Steps;
        sinceStart.Start();
        Save();
    }

    /// <summary>Saves and evaluates if it is time.</summary>
    public void After(long steps)
    {
        if (checkpoints.EvaluateEverySteps is { } every && steps - lastEvaluation >= every)
        {
            lastEvaluation = steps;
            Evaluate(steps);
        }

        var isTime = retry is { } wait
            ? sinceSave.Elapsed >= wait
            : (checkpoints.Interval >= TimeSpan.Zero && sinceSave.Elapsed >= Due())
                || (checkpoints.EverySteps is { } interval && steps - lastSteps >= interval);
        if (isTime)
        {
            Attempt(Save);
        }
    }

    /// <summary>Saves what was learned since the last checkpoint.</summary>
    /// <exception cref="IOException">It cannot be saved.</exception>
    public void Finish()
    {
        if (agent.Steps != lastSteps || retry is not null)
        {
            Save();
        }
    }

    /// <summary>The interval, or less in a young run, which would lose all of itself otherwise.</summary>
    private TimeSpan Due()
    {
        var young = savedAt > Second ? savedAt : Second;
        return young < checkpoints.Interval ? young : checkpoints.Interval;
    }

    private void Attempt(Action save)
    {
        try
        {
            save();
        }
        catch (IOException error)
        {
            // Sooner than the interval, since so much is unsaved; later each time, since a full disk stays full for a
            // while.
            retry = retry is { } wait
                ? TimeSpan.FromTicks(Math.Min(2 * wait.Ticks, TimeSpan.FromMinutes(1).Ticks))
                : FirstRetry;
            sinceSave.Restart();
            Failed?.Invoke(error);
        }
    }

    private void Save()
    {
        var steps = agent.SaveLast(checkpoints.AgentPath, checkpoints.WithReplay);
        if (checkpoints.KeepLast > 1)
        {
            agent.SaveLast(
                Path.Combine(
                    checkpoints.Folder, string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{steps}.rl")),
                checkpoints.WithReplay);
            foreach (var (path, _) in Numbered().Skip(checkpoints.KeepLast).ToList())
            {
                File.Delete(path);
            }
        }

        lastSteps = steps;
        retry = null;
        savedAt = sinceStart.Elapsed;
        sinceSave.Restart();
        Saved?.Invoke();
    }

    private System.Collections.Generic.IEnumerable<(string Path, long Steps)> Numbered() =>
        Directory.EnumerateFiles(checkpoints.Folder, $"{NamePrefix}*.rl")
            .Select(path => (path, Steps: StepsOf(Path.GetFileNameWithoutExtension(path)[NamePrefix.Length..])))
            .Where(file => file.Steps is not null)
            .Select(file => (file.path, file.Steps!.Value))
            .OrderByDescending(file => file.Value);

    private static long? StepsOf(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var steps) ? steps : null;

    private void Evaluate(long steps)
    {
        var result = evaluate();
        var isBest = result.Mean > best;
        if (isBest)
        {
            Attempt(() =>
            {
                agent.SaveLast(checkpoints.BestPath, checkpoints.WithReplay);
                WholeFile.Write(checkpoints.BestEvaluationPath, stream => Write(stream, steps, result));
                best = result.Mean;
            });
        }

        Evaluated?.Invoke(result, steps, isBest);
    }

    private static void Write(Stream stream, long steps, EvaluationResult result)
    {
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        writer.WriteNumber("steps", steps);
        writer.WriteNumber("mean", result.Mean);
        if (double.IsFinite(result.StandardError))
        {
            writer.WriteNumber("standardError", result.StandardError);
        }
        else
        {
            writer.WriteNull("standardError");
        }

        writer.WriteNumber("episodes", result.Episodes);
        writer.WriteEndObject();
    }

    /// <summary>The best mean of a run that goes on; none if its file is not there or not whole.</summary>
    private double EarlierBest()
    {
        if (agent.Steps == 0 || !File.Exists(checkpoints.BestPath) || !File.Exists(checkpoints.BestEvaluationPath))
        {
            return double.NegativeInfinity;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(checkpoints.BestEvaluationPath));
            var root = document.RootElement;

            // One beyond the checkpoint was made by steps that are taken again.
            return root.GetProperty("steps").GetInt64() <= agent.Steps
                ? root.GetProperty("mean").GetDouble()
                : double.NegativeInfinity;
        }
        catch (Exception error) when (
            error is JsonException or InvalidOperationException or FormatException
                or System.Collections.Generic.KeyNotFoundException)
        {
            return double.NegativeInfinity;
        }
    }
}
