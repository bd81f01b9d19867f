using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Xunit;

namespace Rl.Tests.Hosting;

/// <summary>OpenTelemetry sees a training.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public void Metrics_and_the_activity_of_a_training_are_exported()
    {
        var (metrics, activities) = (new List<Metric>(), new List<Activity>());
        using var meters = Sdk.CreateMeterProviderBuilder()
            .AddMeter(TelemetryCallback.SourceName).AddInMemoryExporter(metrics).Build();
        using var tracers = Sdk.CreateTracerProviderBuilder()
            .AddSource(TelemetryCallback.SourceName).AddInMemoryExporter(activities).Build();
        using var agent = Agent.Create(
            Algorithms.Options("ppo", [.. HostTests.SmallOptions]), Environments.Make("CartPole-v1"), 7);
        agent.TrainFor(64);
        var (episodes, returns, lengths) = (0L, 0.0, 0L);
        TrainingProgress? last = null;
        var evaluation = new EvaluationCallback(128) { Episodes = 2 };
        agent.Train(
            704,
            [
                new TelemetryCallback("mine"),
                evaluation,
                new ProgressCallback(new SynchronousProgress<TrainingProgress>(now =>
                {
                    last = now;
                    episodes += now.Episodes.Count;
                    returns += now.Episodes.Sum(episode => episode.Return);
                    lengths += now.Episodes.Sum(episode => (long)episode.Length);
                })),
            ]);
        meters.ForceFlush();
        tracers.ForceFlush();

        MetricPoint Point(string name, string? metric = null) => Points(metrics, name, "mine", metric).Single();
        Assert.Equal(640, Point("rl.training.steps").GetSumLong());
        Assert.Equal(10, Point("rl.training.updates").GetSumLong());
        Assert.Equal(episodes, Point("rl.training.episodes").GetSumLong());
        Assert.Equal(episodes, Point("rl.training.episode.return").GetHistogramCount());
        Assert.Equal(returns, Point("rl.training.episode.return").GetHistogramSum(), 6);
        Assert.Equal(lengths, Point("rl.training.episode.length").GetHistogramSum(), 6);
        Assert.Equal(last!.MeanReturn, Point("rl.training.mean_return").GetGaugeLastValueDouble());
        Assert.Equal(last.StepsPerSecond, Point("rl.training.steps_per_second").GetGaugeLastValueDouble());
        Assert.Equal(evaluation.Results[^1].Result.Mean, Point("rl.evaluation.mean_return").GetGaugeLastValueDouble());
        foreach (var (name, value) in last.Metrics)
        {
            Assert.Equal(value, Point("rl.training.metric", name).GetGaugeLastValueDouble());
        }

        // Other tests train meanwhile.
        var activity = Assert.Single(activities, one => Equals(one.GetTagItem("rl.training"), "mine"));
        Assert.Equal("rl.training", activity.OperationName);
        var tags = activity.TagObjects.ToDictionary(tag => tag.Key, tag => tag.Value);
        Assert.Equal("mine", tags["rl.training"]);
        Assert.Equal("ppo", tags["rl.algorithm"]);
        Assert.Equal("CartPole-v1", tags["rl.environment"]);
        Assert.Equal((64L, 704L), ((long)tags["rl.steps.first"]!, (long)tags["rl.steps"]!));
        Assert.Equal(evaluation.Results.Count, activity.Events.Count(happened => happened.Name == "rl.evaluation"));
        Assert.True(activity.Duration > TimeSpan.Zero);
    }

    private static IEnumerable<MetricPoint> Points(List<Metric> metrics, string name, string training, string? metric)
    {
        foreach (var point in metrics.Single(one => one.Name == name).GetMetricPoints())
        {
            var tags = new Dictionary<string, object?>();
            foreach (var tag in point.Tags)
            {
                tags[tag.Key] = tag.Value;
            }

            if (Equals(tags["rl.training"], training) && Equals(tags.GetValueOrDefault("rl.metric"), metric))
            {
                yield return point;
            }
        }
    }
}
