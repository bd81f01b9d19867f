using System;
using System.Diagnostics;
using System.Globalization;

namespace Rl;

/// <summary>Stops after a time or a number of episodes.</summary>
public sealed class StopAfter : TrainingCallback
{
    private readonly Stopwatch watch = new();
    private readonly TimeSpan? time;
    private readonly long? episodes;

    /// <summary>Stops after a time, with the update that reaches it.</summary>
    /// <param name="time">From the start of the training; above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is not above 0.</exception>
    public StopAfter(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero);
        this.time = time;
    }

    /// <summary>Stops after a number of episodes, with the update that reaches it.</summary>
    /// <param name="episodes">Episodes that end from the start of the training on; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The episodes are fewer than 1.</exception>
    public StopAfter(long episodes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        this.episodes = episodes;
    }

    /// <inheritdoc/>
    protected internal override void OnStart(TrainingContext context) => watch.Restart();

    /// <inheritdoc/>
    protected internal override void OnUpdate(TrainingContext context, TrainingProgress progress)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(progress);
        if (watch.Elapsed >= time)
        {
            context.Stop(string.Create(CultureInfo.InvariantCulture, $"{time:g} have passed"));
        }
        else if (progress.EpisodeCount >= episodes)
        {
            context.Stop(string.Create(
                CultureInfo.InvariantCulture, $"{progress.EpisodeCount:N0} episodes have ended"));
        }
    }
}
