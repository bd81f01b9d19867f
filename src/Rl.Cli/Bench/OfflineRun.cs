using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using System.Threading;
using Rl.Core.Foundations;

namespace Rl.Cli.Bench;

/// <summary>What one run of a task with one seed measured.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Seconds">The time of learning.</param>
/// <param name="Return">The mean return of the evaluation.</param>
internal sealed record OfflineRun(ulong Seed, double Seconds, double Return)
{
    private const int EvaluationEpisodes = 100;

    /// <summary>The seed of the evaluations, of all runs alike: differences are not those of first states.</summary>
    private const ulong EvaluationSeed = 7;

    /// <summary>Learns from the data and evaluates.</summary>
    public static OfflineRun Measure(
        OfflineTask task, IReadOnlyList<RecordedEpisode> episodes, ulong seed, CancellationToken cancellation)
    {
        var environment = Environments.Make(task.Place.Environment);
        var data = new RecordedData(
            environment.ObservationSpace, environment.ActionSpace, episodes, $"{task.Place.Environment} {task.Set}");
        using var agent = Agent.Create(task.Options(), data, seed);
        var training = agent.Train(cancellationToken: cancellation);
        var judged = agent.Evaluate(
            environment, EvaluationEpisodes, EvaluationSeed, cancellationToken: cancellation);
        return new(seed, training.Elapsed.TotalSeconds, judged.Mean);
    }

    /// <summary>The result in a file, if it is there, of these options and of this data.</summary>
    public static OfflineRun? Read(string path, OfflineTask task)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            var known = JsonSerializer.Deserialize<Known>(File.ReadAllBytes(path));
            return known is not null && known.Data == task.Place.Recipe
                && BenchRun.IsOf(known.Settings, task.Options())
                    ? known.Run
                    : null;
        }
        catch (JsonException)
        {
            // A damaged file is measured again.
            return null;
        }
    }

    public void Write(string path, OfflineTask task) => WholeFile.WriteText(
        path,
        JsonSerializer.Serialize(new Known(task.Place.Recipe, BenchRun.Settings(task.Options()), this)) + "\n");

    private sealed record Known(string Data, string Settings, OfflineRun Run);
}
