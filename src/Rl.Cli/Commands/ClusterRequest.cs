using System.Collections.Generic;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl cluster train</c> and <c>rl cluster worker</c> were asked for.</summary>
internal sealed record ClusterRequest
{
    /// <summary>The list of members; null for that of the learner.</summary>
    public string? Store { get; init; }

    public string Cluster { get; init; } = "rl";

    public string Listen { get; init; } = "127.0.0.1";

    public string? Advertise { get; init; }

    public int Port { get; init; }

    public string? SecretFile { get; init; }

    /// <summary>Of a worker: where the learner is.</summary>
    public string? Learner { get; init; }

    /// <summary>Of a worker.</summary>
    public int Threads { get; init; }

    /// <summary>Of a worker: whether it ends with its standard input.</summary>
    public bool EndsWithInput { get; init; }

    public bool Json { get; init; }

    /// <summary>Of a learner: the workers to begin with.</summary>
    public int Workers { get; init; }

    /// <summary>Of a learner whose workers do not wait: how many updates old what it learns from may be.</summary>
    public int? MaximumLag { get; init; }

    /// <summary>Of a learner from replayed steps: over how many memories they are spread.</summary>
    public int Memories { get; init; }

    /// <summary>Of a learner: whether the workers are started elsewhere.</summary>
    public bool StartsNone { get; init; }

    /// <summary>Of a learner: whether the store has the run's files too.</summary>
    public bool KeepsInStore { get; init; }

    /// <summary>Of a learner: whether a run that has begun goes on, and one that has not begins.</summary>
    public bool Continues { get; init; }

    /// <summary>Assemblies that workers which are started here load too.</summary>
    public IReadOnlyList<string> Plugins { get; init; } = [];
}
