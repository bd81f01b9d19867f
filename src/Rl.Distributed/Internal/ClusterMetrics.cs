using System.Collections.Generic;
using System.Diagnostics.Metrics;

namespace Rl.Distributed.Internal;

/// <summary>Measurements for OpenTelemetry: the meter <c>Rl.Distributed</c>.</summary>
internal static class ClusterMetrics
{
    private static readonly Meter Meter = new("Rl.Distributed", LibraryVersion.Text);

    private static readonly Counter<long> Steps = Meter.CreateCounter<long>(
        "rl.cluster.steps", "{step}", "Environment steps that workers took.");

    private static readonly Counter<long> Bytes = Meter.CreateCounter<long>(
        "rl.cluster.bytes", "By", "Bytes of requests and answers.");

    private static readonly Counter<long> Lost = Meter.CreateCounter<long>(
        "rl.cluster.shares.lost", "{share}", "Shares of rollouts that were given to another worker.");

    private static readonly Histogram<double> Rounds = Meter.CreateHistogram<double>(
        "rl.cluster.round.duration", "s", "How long rollouts took.");

    private static readonly Histogram<double> Lags = Meter.CreateHistogram<double>(
        "rl.cluster.lag", "{update}",
        "How many updates older the policies were than those that learned, by rollout; of memories turns.");

    private static readonly Counter<long> Dropped = Meter.CreateCounter<long>(
        "rl.cluster.steps.dropped", "{step}", "Environment steps that were too old to learn from.");

    public static void Acted(string worker, long steps, long bytes)
    {
        Steps.Add(steps, new KeyValuePair<string, object?>("worker", worker));
        Bytes.Add(bytes, new KeyValuePair<string, object?>("worker", worker));
    }

    public static void ShareLost() => Lost.Add(1);

    public static void Round(double seconds) => Rounds.Record(seconds);

    public static void Lag(double mean, long dropped)
    {
        Lags.Record(mean);
        if (dropped > 0)
        {
            Dropped.Add(dropped);
        }
    }
}
