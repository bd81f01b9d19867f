using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Rl.Hosting;

/// <summary>What a host trains, as its configuration says it.</summary>
public sealed class HostedTrainingOptions
{
    /// <summary>The algorithm's id, such as <c>ppo</c>.</summary>
    public string Algorithm { get; set; } = "ppo";

    /// <summary>The algorithm's options by name, such as <c>LearningRate</c>: what <c>rl train --set</c>
    /// takes.</summary>
    public IDictionary<string, string> Settings { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The id of an environment of the library; null where the program gives one of its own.</summary>
    public string? Environment { get; set; }

    /// <summary>Where all randomness comes from.</summary>
    public ulong Seed { get; set; } = 1;

    /// <summary>The environment steps at which training ends, counted from the agent's creation. At least 1.</summary>
    public long TotalSteps { get; set; }

    /// <summary>The folder of the checkpoints. Where it holds one, training goes on from it.</summary>
    public string Folder { get; set; } = "";

    /// <summary>The time between two checkpoints; at least 0.</summary>
    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The environment steps between two evaluations, of which the best agent is kept as <c>best.rl</c>; null
    /// for none. At least 1.</summary>
    public long? EvaluateEverySteps { get; set; }

    /// <summary>The episodes of an evaluation. At least 1.</summary>
    public int EvaluationEpisodes { get; set; } = 20;

    /// <summary>The mean return of an evaluation at which training ends before its time; null to go on to the
    /// end.</summary>
    public double? StopAtReturn { get; set; }

    /// <summary>What a configuration says that cannot be read.</summary>
    internal List<string> Unread { get; } = [];

    internal Checkpoints ToCheckpoints() => new(Folder)
    {
        Interval = CheckpointInterval,
        EvaluateEverySteps = EvaluateEverySteps,
        EvaluationEpisodes = EvaluationEpisodes,
    };

    internal AgentOptions ToAgentOptions() => Algorithms.Options(
        Algorithm,
        [
            .. Settings.Where(setting => setting.Key != nameof(TotalSteps)),
            new(nameof(TotalSteps), TotalSteps.ToString(CultureInfo.InvariantCulture)),
        ]);
}
