using System;

namespace Rl.Data.Internal;

/// <summary>Refuses episodes whose rows are not those of their spaces, before any of them is written.</summary>
internal sealed class EpisodeShapes(Space observations, Space actions)
{
    private readonly SpaceCheck observed = SpaceCheck.Of(observations, checksBoxes: false);
    private readonly SpaceCheck acted = SpaceCheck.Of(actions, checksBoxes: true);

    /// <summary>Looks at an episode.</summary>
    /// <exception cref="ArgumentException">Something does not fit.</exception>
    public void Require(long number, RecordedEpisode episode)
    {
        var steps = episode.Steps;
        if (steps == 0)
        {
            throw Wrong(number, "has no steps; at least one is needed");
        }

        if (episode.Observations.Length != (long)(steps + 1) * observations.Size)
        {
            throw Wrong(
                number,
                $"has {steps} rewards and {episode.Observations.Length} numbers of observations; {steps + 1} "
                + $"observations of {observations.Size} are needed, the one behind the last step too");
        }

        if (episode.Actions.Length != (long)steps * actions.Size)
        {
            throw Wrong(
                number,
                $"has {steps} rewards and {episode.Actions.Length} numbers of actions; {steps} of {actions.Size} are "
                + "needed");
        }

        if (!episode.Terminated && !episode.Truncated)
        {
            throw Wrong(number, "neither terminates nor is truncated; where a recording stops it is truncated");
        }

        RequireFinite(number, "observation", episode.Observations.Span, observations.Size);
        RequireFinite(number, "action", episode.Actions.Span, actions.Size);
        for (var step = 0; step < steps; step++)
        {
            if (!double.IsFinite(episode.Rewards.Span[step]))
            {
                throw Wrong(number, $"has the reward {episode.Rewards.Span[step]} at step {step}");
            }
        }

        RequireInside(number, "observation", observed, episode.Observations.Span);
        RequireInside(number, "action", acted, episode.Actions.Span);
    }

    private static void RequireFinite(long number, string what, ReadOnlySpan<float> rows, int size)
    {
        for (var index = 0; index < rows.Length; index++)
        {
            if (!float.IsFinite(rows[index]))
            {
                throw Wrong(number, $"has {rows[index]} in the {what} of step {index / size}, at [{index % size}]");
            }
        }
    }

    private static void RequireInside(long number, string what, SpaceCheck check, ReadOnlySpan<float> rows)
    {
        if (check.Find(rows) is var (step, text))
        {
            throw Wrong(number, $"step {step}: the {what} {text}");
        }
    }

    private static ArgumentException Wrong(long number, string what) =>
        new($"Episode {number} {what}.");
}
