using System;
using System.Collections.Generic;

namespace Rl;

/// <content>Judging by recorded data: what the policy would earn, without its environment.</content>
public sealed partial class Agent
{
    /// <summary>Estimates what the agent's policy would earn from recorded episodes, for choosing among agents before
    /// any of them acts: by fitted Q evaluation, and with a behaviour also by importance sampling and doubly
    /// robust.</summary>
    /// <param name="recorded">The episodes, from which the estimates are made; best others than the agent has learned
    /// from.</param>
    /// <param name="options">The critic and the intervals; null for the defaults.</param>
    /// <param name="behaviour">An agent whose policy is that of the data, such as one that clones it
    /// (<see cref="FilteredCloningOptions"/> with <c>BestShare = 1</c>); null for fitted Q evaluation alone. Both
    /// policies must then have probabilities: deterministic ones have none.</param>
    /// <param name="seed">Where randomness comes from.</param>
    /// <returns>An estimate for each estimator, of the discounted return from the start of an episode.</returns>
    /// <exception cref="ArgumentException">The data or the behaviour has other spaces, an episode does not fit, or an
    /// option is out of its range.</exception>
    public IReadOnlyList<OfflineEstimate> EvaluateOffline(
        RecordedData recorded,
        OfflineEvaluationOptions? options = null,
        Agent? behaviour = null,
        ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        using var _ = Enter(mayBeReporting: true);
        RequireSpaces(recorded, policy.ObservationSpace, policy.ActionSpace);
        if (behaviour is not null)
        {
            RequireSpaces(recorded, behaviour.policy.ObservationSpace, behaviour.policy.ActionSpace);
        }

        return Convert.EvaluateOffline(policy, behaviour?.policy, recorded, options ?? new(), seed);
    }
}
