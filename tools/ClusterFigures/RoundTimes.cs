using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;

namespace Rl.ClusterFigures;

/// <summary>Listens to the meter of clusters: how long rollouts took, and the bytes that they moved.</summary>
internal sealed class RoundTimes : IDisposable
{
    private readonly MeterListener listener = new();
    private readonly List<double> seconds = [];

    public RoundTimes()
    {
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "Rl.Distributed")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (instrument.Name == "rl.cluster.round.duration")
            {
                seconds.Add(value);
            }
        });
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
        {
            if (instrument.Name == "rl.cluster.bytes")
            {
                Bytes += value;
            }
        });
        listener.Start();
    }

    /// <summary>The durations of all rounds, the first of which made the workers' programs.</summary>
    public IReadOnlyList<double> Seconds => seconds;

    /// <summary>The bytes of all requests and answers.</summary>
    public long Bytes { get; private set; }

    public void Dispose() => listener.Dispose();
}
