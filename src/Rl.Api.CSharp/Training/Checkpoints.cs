using System;
using System.IO;
using System.Threading;

namespace Rl;

/// <summary>What an agent keeps on the disk while it trains: where, and how often.</summary>
/// <remarks>
/// The folder holds <c>agent.rl</c>, the newest checkpoint, written before the first update, when
/// <see cref="Interval"/> or <see cref="EverySteps"/> has passed, and at the end; with <see cref="KeepLast"/> above 1
/// also <c>agent-12345.rl</c>, named after their steps; and with <see cref="EvaluateEverySteps"/> the best agent by
/// evaluation as <c>best.rl</c>, with its evaluation in <c>best.json</c>. Each appears whole or not at all. What is
/// kept changes nothing of what is learned.
/// </remarks>
public sealed record Checkpoints
{
    /// <summary>Checkpoints in a folder, every 30 seconds.</summary>
    /// <param name="folder">The folder; it is made if it is missing.</param>
    public Checkpoints(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Folder = Path.GetFullPath(folder);
    }

    /// <summary>The folder, as a full path.</summary>
    public string Folder { get; }

    /// <summary>The time between two checkpoints, less for the first ones (after 1, 2, 4, … seconds);
    /// <see cref="Timeout.InfiniteTimeSpan"/> for none by time. At least 0; 30 seconds if not set.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The environment steps between two checkpoints; null for none by steps. At least 1.</summary>
    public long? EverySteps { get; init; }

    /// <summary>How many checkpoints are kept, the newest among them. At least 1.</summary>
    public int KeepLast { get; init; } = 1;

    /// <summary>Whether they hold the steps that an off-policy algorithm remembers, which may be most of a file.
    /// Without them training that goes on from one begins to remember anew, waits for as many steps as at its start
    /// before it learns again, and is not what it would have been; true if not set. See <see
    /// cref="Agent.Save"/>.</summary>
    public bool WithReplay { get; init; } = true;

    /// <summary>The environment steps between two evaluations, of which the best agent is kept; null for none. At least
    /// 1.</summary>
    public long? EvaluateEverySteps { get; init; }

    /// <summary>The episodes of an evaluation. At least 1.</summary>
    public int EvaluationEpisodes { get; init; } = 20;

    /// <summary>The newest checkpoint, <c>agent.rl</c>.</summary>
    public string AgentPath => Path.Combine(Folder, "agent.rl");

    /// <summary>The best agent by evaluation, <c>best.rl</c>.</summary>
    public string BestPath => Path.Combine(Folder, "best.rl");

    /// <summary>The evaluation of the best agent, <c>best.json</c>: steps, mean, standardError, episodes.</summary>
    public string BestEvaluationPath => Path.Combine(Folder, "best.json");

    /// <summary>Checks every option.</summary>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it and its
    /// value.</exception>
    public void Validate()
    {
        if (Interval < TimeSpan.Zero && Interval != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(
                nameof(Interval), Interval,
                $"Interval is {Interval}; it must not be negative (Timeout.InfiniteTimeSpan for none by time).");
        }

        AtLeastOne(nameof(EverySteps), EverySteps);
        AtLeastOne(nameof(KeepLast), KeepLast);
        AtLeastOne(nameof(EvaluateEverySteps), EvaluateEverySteps);
        AtLeastOne(nameof(EvaluationEpisodes), EvaluationEpisodes);
    }

    private static void AtLeastOne(string name, long? value)
    {
        if (value < 1)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; it must be at least 1.");
        }
    }
}
