using System;

namespace Rl.Distributed;

/// <summary>What a learner knows of a worker.</summary>
/// <param name="Address">Where it listens, <c>address:port</c>.</param>
/// <param name="IsLive">Whether it is among the members now.</param>
/// <param name="Steps">Environment steps that it has taken for this learner.</param>
/// <param name="Busy">How long it has acted.</param>
/// <param name="Refusal">Why it does not act for this learner; null if it does.</param>
public sealed record ClusterWorker(string Address, bool IsLive, long Steps, TimeSpan Busy, string? Refusal);
