using System;

namespace Rl;

/// <summary>One recorded episode (o₀, a₀, r₀, o₁, …, o_T) of T ≥ 1 steps, in the environment's own numbers.</summary>
/// <param name="Observations">o₀ … o_T: T + 1 rows of <c>ObservationSpace.Size</c> numbers, as the environment shows
/// them.</param>
/// <param name="Actions">a₀ … a_{T−1}: T rows of <c>ActionSpace.Size</c> numbers, as the environment takes
/// them.</param>
/// <param name="Rewards">r₀ … r_{T−1}.</param>
/// <param name="Terminated">Whether the last state is terminal: no reward follows it.</param>
/// <param name="Truncated">Whether the episode was cut after its last step; also where a recording stops in the middle
/// of one.</param>
public sealed record RecordedEpisode(
    ReadOnlyMemory<float> Observations,
    ReadOnlyMemory<float> Actions,
    ReadOnlyMemory<double> Rewards,
    bool Terminated,
    bool Truncated)
{
    /// <summary>T, the number of steps.</summary>
    public int Steps => Rewards.Length;

    /// <summary>The undiscounted sum of its rewards.</summary>
    public double Return
    {
        get
        {
            var sum = 0.0;
            foreach (var reward in Rewards.Span)
            {
                sum += reward;
            }

            return sum;
        }
    }
}
