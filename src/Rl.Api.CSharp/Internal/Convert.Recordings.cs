using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Experience;
using Rl.Core.Foundations;
using Rl.Core.Learning;
using Rl.Core.Training;

namespace Rl.Internal;

/// <content>Recorded episodes, and the learners that are given them.</content>
internal static partial class Convert
{
    /// <summary>Whether an algorithm, of the library or registered, learns from recorded data.</summary>
    public static bool NeedsData(string algorithm) =>
        Catalogue.entries.Concat(Registered.Algorithms ?? [])
            .Any(entry => entry.NeedsData && string.Equals(entry.Id, algorithm, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether an algorithm, of the library or registered, acts in environments.</summary>
    public static bool NeedsEnvironment(string algorithm) =>
        !Catalogue.entries.Concat(Registered.Algorithms ?? [])
            .Any(entry => !entry.NeedsEnvironment
                && string.Equals(entry.Id, algorithm, StringComparison.OrdinalIgnoreCase));

    /// <summary>An episode as the core has it; what no copy needs is not copied.</summary>
    public static Core.Experience.RecordedEpisode ToCore(RecordedEpisode episode) => new(
        episode.Observations.ToArray(),
        episode.Actions.ToArray(),
        episode.Rewards.ToArray(),
        episode.Terminated,
        episode.Truncated);

    /// <summary>The steps of recorded data for a learner, read once.</summary>
    public static Replay ToReplay(RecordedData data, Learner learner) =>
        RecordedReplay.ofEpisodes(
            learner.Environment.ObservationSpace,
            learner.Environment.ActionSpace,
            learner.Network.Actions,
            data.Source,
            Episodes(data));

    /// <summary>The spaces of data in the place of an environment.</summary>
    public static BatchEnvironment Spaces(Core.Environments.Space observations, Core.Environments.Space actions) =>
        new RecordedSpaces(observations, actions);

    /// <summary>Estimates of a policy's return from recorded data.</summary>
    public static IReadOnlyList<OfflineEstimate> EvaluateOffline(
        PolicyModel policy, PolicyModel? behaviour, RecordedData data, OfflineEvaluationOptions options, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options.Hidden);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        using var workers = new Workers(options.Threads == 0 ? System.Environment.ProcessorCount : options.Threads);
        var core = new Core.Training.OfflineEvaluationOptions(
            options.Discount,
            ListModule.OfSeq(options.Hidden),
            options.LearningRate,
            options.Steps,
            options.BatchSize,
            options.TargetRate,
            options.LargestRatio,
            options.Confidence,
            options.Resamples);
        var (estimates, _) = OfflinePolicies.evaluate(
            core,
            policy,
            behaviour is null ? FSharpOption<PolicyModel>.None : FSharpOption<PolicyModel>.Some(behaviour),
            [.. Episodes(data)],
            RngModule.create(seed),
            workers);
        return Array.AsReadOnly(estimates
            .Select(estimate => new OfflineEstimate(
                Enum.Parse<OfflineEstimator>(estimate.Estimator.ToString()),
                estimate.Value,
                estimate.Low,
                estimate.High,
                estimate.EffectiveEpisodes))
            .ToArray());
    }

    private static IEnumerable<Core.Experience.RecordedEpisode> Episodes(RecordedData data)
    {
        var number = 0;
        foreach (var episode in data.Episodes)
        {
            yield return episode is null
                ? throw new ArgumentException(
                    $"Episode {number} of {data.Source} is null; leave it out.", nameof(data))
                : ToCore(episode);
            number++;
        }
    }
}
