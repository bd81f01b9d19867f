using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Experience;

namespace Rl;

/// <content>What an off-policy algorithm remembers, as recorded episodes.</content>
public sealed partial class Agent
{
    /// <summary>The episodes that an off-policy algorithm remembers, oldest first within each copy of the environment:
    /// data of a policy that learned all the while. Episodes whose beginning was forgotten begin where memory does, and
    /// those that were running or interrupted are truncated there.</summary>
    /// <returns>Spaces and episodes; with wrappers of the training, what is within them.</returns>
    /// <exception cref="InvalidOperationException">The algorithm remembers no steps, or they were not saved with the
    /// agent.</exception>
    public RecordedData RememberedEpisodes()
    {
        using var _ = Enter(mayBeReporting: true);
        if (state.Replay?.Value is not { Count: > 0 } replay
            || replay.Columns.Count(column => column.Name is "observations" or "actions" or "nextObservations") != 3)
        {
            throw new InvalidOperationException(
                $"{Options.Algorithm} has no steps to hand out: it remembers none, has taken none, or its file was "
                + "saved without them (--without-replay).");
        }

        return new(
            Convert.ToSpace(policy.ObservationSpace),
            Convert.ToSpace(policy.ActionSpace),
            Remembered(replay, policy),
            $"the replay of {EnvironmentId}");
    }

    private static IEnumerable<RecordedEpisode> Remembered(Replay replay, Core.Learning.PolicyModel policy)
    {
        var columns = replay.Columns.ToDictionary(column => column.Name);
        List<int> rows = [];
        for (var copy = 0; copy < Math.Min(replay.Copies, replay.Count); copy++)
        {
            for (var row = copy; row < replay.Count; row += replay.Copies)
            {
                if (rows.Count > 0 && replay.Step(row) != replay.Step(rows[^1]) + 1)
                {
                    yield return Episode([.. rows]);
                    rows.Clear();
                }

                rows.Add(row);
                if (replay.Number(columns["ends"], row) != 0)
                {
                    yield return Episode([.. rows]);
                    rows.Clear();
                }
            }

            if (rows.Count > 0)
            {
                yield return Episode([.. rows]);
                rows.Clear();
            }
        }

        RecordedEpisode Episode(int[] taken)
        {
            var encoded = Read("observations", taken);
            var next = Read("nextObservations", taken[^1..]);
            var actions = Read("actions", taken);
            var size = policy.ActionSpace.Size;
            for (var step = 0; step < taken.Length; step++)
            {
                var action = actions.AsSpan(step * size, size);
                Core.Acting.Policy.toEnvironment(policy.Network.Actions, policy.ActionSpace, action, action);
            }

            var isTerminal = Read("continues", taken[^1..])[0] == 0;
            return new(
                Decoded([.. encoded, .. next]),
                actions,
                Array.ConvertAll(Read("rewards", taken), reward => (double)reward),
                isTerminal,
                !isTerminal);
        }

        float[] Read(string name, int[] taken)
        {
            var values = new float[taken.Length * columns[name].Numbers];
            replay.Read(columns[name], taken, values);
            return values;
        }

        float[] Decoded(float[] encoded)
        {
            var size = columns["observations"].Numbers;
            return size == policy.ObservationSpace.Size
                ? encoded
                : [.. encoded.Chunk(size).SelectMany(row => Convert.Decode(policy.ObservationSpace, row))];
        }
    }
}
