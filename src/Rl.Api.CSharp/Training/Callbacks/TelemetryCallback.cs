using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Rl;

/// <summary>Measures a training for .NET's listeners, such as OpenTelemetry: metrics of the meter and an activity of
/// the source that <see cref="SourceName"/> names.</summary>
/// <remarks>
/// Counters <c>rl.training.steps</c>, <c>rl.training.updates</c>, <c>rl.training.episodes</c>; histograms
/// <c>rl.training.episode.return</c> and <c>rl.training.episode.length</c>; gauges <c>rl.training.mean_return</c>,
/// <c>rl.training.steps_per_second</c>, <c>rl.evaluation.mean_return</c> and, for each of the algorithm's own numbers,
/// <c>rl.training.metric</c> with the tag <c>rl.metric</c>. All have the tags <c>rl.training</c>,
/// <c>rl.algorithm</c> and <c>rl.environment</c>. The activity <c>rl.training</c> spans the call of training;
/// evaluations are its events. Without a listener it costs next to nothing.
/// </remarks>
/// <param name="name">The training's name, the tag <c>rl.training</c>; null for the environment's.</param>
public sealed class TelemetryCallback(string? name = null) : TrainingCallback
{
    /// <summary>The name of the meter and of the activity source: <c>AddMeter(TelemetryCallback.SourceName)</c>,
    /// <c>AddSource(TelemetryCallback.SourceName)</c>.</summary>
    public const string SourceName = "Rl";

    private static readonly Meter Meter = new(SourceName);
    private static readonly ActivitySource Activities = new(SourceName);

    private static readonly Counter<long> Steps =
        Meter.CreateCounter<long>("rl.training.steps", "{step}", "Environment steps.");

    private static readonly Counter<long> Updates =
        Meter.CreateCounter<long>("rl.training.updates", "{update}", "Updates.");

    private static readonly Counter<long> Episodes =
        Meter.CreateCounter<long>("rl.training.episodes", "{episode}", "Episodes that ended.");

    private static readonly Histogram<double> EpisodeReturn =
        Meter.CreateHistogram<double>("rl.training.episode.return", null, "The return of each episode.");

    private static readonly Histogram<long> EpisodeLength =
        Meter.CreateHistogram<long>("rl.training.episode.length", "{step}", "The length of each episode.");

    private static readonly Gauge<double> MeanReturn =
        Meter.CreateGauge<double>("rl.training.mean_return", null, "The mean return of the last 100 episodes.");

    private static readonly Gauge<double> StepsPerSecond =
        Meter.CreateGauge<double>("rl.training.steps_per_second", "{step}/s", "Environment steps a second.");

    private static readonly Gauge<double> Metric =
        Meter.CreateGauge<double>("rl.training.metric", null, "The algorithm's own numbers, such as policyLoss.");

    private static readonly Gauge<double> EvaluationReturn =
        Meter.CreateGauge<double>("rl.evaluation.mean_return", null, "The mean return of an evaluation.");

    private TagList tags;
    private Activity? activity;
    private long steps, updates;

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var agent = context.Agent;
        (steps, updates) = (agent.Steps, agent.Updates);
        tags =
        [
            new("rl.training", name ?? agent.EnvironmentId),
            new("rl.algorithm", agent.Options.Algorithm),
            new("rl.environment", agent.EnvironmentId),
        ];
        activity = Activities.StartActivity("rl.training", ActivityKind.Internal, default(ActivityContext), tags);
        activity?.SetTag("rl.seed", agent.Seed);
        activity?.SetTag("rl.steps.first", agent.Steps);
    }

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        Steps.Add(progress.Steps - steps, tags);
        Updates.Add(progress.Updates - updates, tags);
        (steps, updates) = (progress.Steps, progress.Updates);
        Episodes.Add(progress.Episodes.Count, tags);
        if (EpisodeReturn.Enabled || EpisodeLength.Enabled)
        {
            foreach (var episode in progress.Episodes)
            {
                EpisodeReturn.Record(episode.Return, tags);
                EpisodeLength.Record(episode.Length, tags);
            }
        }

        if (double.IsFinite(progress.MeanReturn))
        {
            MeanReturn.Record(progress.MeanReturn, tags);
        }

        StepsPerSecond.Record(progress.StepsPerSecond, tags);
        if (Metric.Enabled)
        {
            foreach (var (metric, value) in progress.Metrics)
            {
                Metric.Record(value, [.. tags, KeyValuePair.Create<string, object?>("rl.metric", metric)]);
            }
        }
    }

    /// <inheritdoc/>
    protected internal override void OnEvaluated(TrainingContext context, EvaluationResult evaluation)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(evaluation);
        EvaluationReturn.Record(evaluation.Mean, tags);
        activity?.AddEvent(new(
            "rl.evaluation",
            tags: new()
            {
                ["rl.steps"] = context.Agent.Steps,
                ["rl.evaluation.mean_return"] = evaluation.Mean,
                ["rl.evaluation.episodes"] = evaluation.Episodes,
            }));
    }

    /// <inheritdoc/>
    protected internal override void OnEnd(TrainingContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        activity?.SetTag("rl.steps", context.Agent.Steps);
        if (context.StopReason is { } reason)
        {
            activity?.SetTag("rl.stop_reason", reason);
        }

        activity?.Dispose();
        activity = null;
    }
}
