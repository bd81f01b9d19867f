using System;

namespace Rl.Distributed;

/// <summary>What a learner knows of a worker.</summary>
/// <param name="Address">Where it listens, <c>address:port</c>.</param>
/// <param name="IsLive">Whether it is among the members now.</param>
/// <param name="Steps">Environment steps that it has taken for this learner.</param>
/// <param name="Busy">How long it has acted.</param>
/// <param name="Refusal">Why it does not act for this learner; null if it does.</param>
public sealed record ClusterWorker(string Address, bool IsLive, long Steps, TimeSpan Busy, string? Refusal)
{
    /// <summary>Copies that it acts for, or acted for last.</summary>
    public int Copies { get; init; }

    /// <summary>How long it has been at what it was asked for last; null while it is asked for nothing.</summary>
    public TimeSpan? AtWork { get; init; }

    /// <summary>How often it has answered.</summary>
    public long Answers { get; init; }

    /// <summary>How many updates older than the newest that was sent out the policy was that it acted by last; where it
    /// remembers, how many turns older than the one that learns when its steps' turn comes the policy is that it acts
    /// by; null where workers wait for each other.</summary>
    public int? Lag { get; init; }
}
