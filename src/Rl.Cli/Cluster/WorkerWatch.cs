using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Rl.Cli.Views;
using Rl.Distributed;

namespace Rl.Cli.Cluster;

/// <summary>Looks at the workers of a cluster from time to time: who works, how fast, who is silent or lost.</summary>
/// <param name="read">The workers as the learner knows them.</param>
/// <param name="copies">The copies of the agent.</param>
/// <param name="clock">The time since the beginning.</param>
internal sealed class WorkerWatch(
    Func<IReadOnlyList<ClusterWorker>> read, int copies, Func<TimeSpan> clock) : IWorkerRows
{
    /// <summary>Speed is that of the last such time: shares end one after the other.</summary>
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    /// <summary>Who takes so many times as long as usual with a share is silent, after
    /// <see cref="Patience"/>.</summary>
    private const double Usual = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private readonly Dictionary<string, Queue<(TimeSpan Time, long Steps)>> seen = [];

    public IReadOnlyList<WorkerRow> Rows()
    {
        lock (gate)
        {
            var now = clock();
            return [.. read().Select(worker => Row(worker, now))];
        }
    }

    private WorkerRow Row(ClusterWorker worker, TimeSpan now)
    {
        var (state, isTrouble) = State(worker);
        return new(
            worker.Address,
            worker.IsLive ? Speed(worker, now) : 0,
            worker.IsLive && worker.Refusal is null ? (double)worker.Copies / copies : 0,
            state,
            isTrouble,
            worker.Lag);
    }

    private static (string State, bool IsTrouble) State(ClusterWorker worker)
    {
        if (!worker.IsLive)
        {
            return ("lost", true);
        }

        if (worker.Refusal is not null)
        {
            return ("refused", true);
        }

        if (worker.AtWork is not { } time)
        {
            return ("waiting", false);
        }

        var usual = worker.Answers == 0 ? TimeSpan.Zero : worker.Busy / worker.Answers * Usual;
        return time > Patience && worker.Answers > 0 && time > usual
            ? (string.Create(CultureInfo.InvariantCulture, $"silent for {time.TotalSeconds:0} s"), true)
            : ("working", false);
    }

    /// <summary>Steps a second over the window, NaN before there are two looks.</summary>
    private double Speed(ClusterWorker worker, TimeSpan now)
    {
        if (!seen.TryGetValue(worker.Address, out var looks))
        {
            seen.Add(worker.Address, looks = []);
        }

        looks.Enqueue((now, worker.Steps));
        while (looks.Count > 2 && now - looks.Peek().Time > Window)
        {
            looks.Dequeue();
        }

        var (time, steps) = looks.Peek();
        return now > time ? (worker.Steps - steps) / (now - time).TotalSeconds : double.NaN;
    }
}
