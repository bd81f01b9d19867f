using System;
using System.Collections.Generic;

namespace Rl.Tests;

/// <summary>Recorded data for tests: what actions drawn at random do in an environment.</summary>
internal static class MadeData
{
    /// <summary>Episodes of so many steps together; the last is cut.</summary>
    public static RecordedData Of(IEnvironment environment, int steps = 120, ulong seed = 7) =>
        new(environment.ObservationSpace, environment.ActionSpace, Episodes(environment, steps, seed), "made data");

    private static List<RecordedEpisode> Episodes(IEnvironment environment, int steps, ulong seed)
    {
        var random = new Random((int)seed);
        var episodes = new List<RecordedEpisode>();
        var (shown, actions, rewards) = (new List<float>(), new List<float>(), new List<double>());
        shown.AddRange(environment.Reset(seed).Span);
        for (var step = 1; step <= steps; step++)
        {
            var action = environment.ActionSpace.Sample(random);
            var result = environment.Step(action);
            actions.AddRange(action);
            rewards.Add(result.Reward);
            shown.AddRange(result.Observation.Span);
            var isLast = environment.MaxEpisodeSteps > 0 && rewards.Count == environment.MaxEpisodeSteps;
            if (result.IsOver || isLast || step == steps)
            {
                episodes.Add(new(
                    shown.ToArray(), actions.ToArray(), rewards.ToArray(), result.Terminated, !result.Terminated));
                shown.Clear();
                actions.Clear();
                rewards.Clear();
                shown.AddRange(environment.Reset(seed + (ulong)step).Span);
            }
        }

        return episodes;
    }
}
