using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>The recorded data that all trials learn from, and how what they have learned is judged by it.</summary>
/// <param name="Episodes">The episodes, in memory.</param>
/// <param name="Judging">The critic of fitted Q evaluation, on one thread; its discount is the same for all
/// trials.</param>
internal sealed record TrialData(RecordedData Episodes, OfflineEvaluationOptions Judging)
{
    /// <summary>The seed of all fits of critics: differences are not those of their first weights.</summary>
    private const ulong Seed = 7;

    /// <summary>The discounted return from the start of an episode, by fitted Q evaluation.</summary>
    public double Estimate(Agent agent) =>
        agent.EvaluateOffline(Episodes, Judging, null, Seed)
            .Single(estimate => estimate.Estimator == OfflineEstimator.Values)
            .Value;
}
