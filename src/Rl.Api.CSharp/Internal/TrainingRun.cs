using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Rl.Core.Learning;

namespace Rl.Internal;

/// <summary>The bookkeeping of one call of training: time, and the last episodes.</summary>
internal sealed class TrainingRun(long firstStep, long firstUpdate, long totalSteps)
{
    private const int Window = 100;

    /// <summary>A century, in seconds: what follows is not worth telling.</summary>
    private const double LongestForecast = 3.2e9;

    private readonly Stopwatch watch = Stopwatch.StartNew();
    private readonly Queue<EpisodeSummary> recent = new();
    private long episodes;

    public void Record(Report report)
    {
        foreach (var episode in report.Episodes)
        {
            recent.Enqueue(new(episode.Return, episode.Length));
            if (recent.Count > Window)
            {
                recent.Dequeue();
            }
        }

        episodes += report.Episodes.Length;
    }

    public TrainingProgress Progress(Report report, IReadOnlyList<TrainingWarning> warnings, long blownUp)
    {
        var elapsed = watch.Elapsed;
        var stepsPerSecond = (report.Steps - firstStep) / Math.Max(elapsed.TotalSeconds, 1e-9);
        return new()
        {
            Steps = report.Steps,
            TotalSteps = totalSteps,
            Updates = report.Updates,
            Elapsed = elapsed,
            StepsPerSecond = stepsPerSecond,
            TimeLeft =
                TimeSpan.FromSeconds(Math.Clamp((totalSteps - report.Steps) / stepsPerSecond, 0, LongestForecast)),
            Episodes = Array.ConvertAll(report.Episodes, episode => new EpisodeSummary(episode.Return, episode.Length)),
            EpisodeCount = episodes,
            BlownUpEpisodes = blownUp,
            MeanReturn = MeanReturn(),
            MeanLength = recent.Count == 0 ? double.NaN : recent.Average(episode => (double)episode.Length),
            Metrics =
                Array.ConvertAll(Convert.Metrics(report), metric => KeyValuePair.Create(metric.Name, metric.Value)),
            Warnings = warnings,
        };
    }

    public TrainingResult Result(long steps, long updates) =>
        new(steps, steps - firstStep, updates - firstUpdate, episodes, MeanReturn(), watch.Elapsed);

    private double MeanReturn() => recent.Count == 0 ? double.NaN : recent.Average(episode => episode.Return);
}
