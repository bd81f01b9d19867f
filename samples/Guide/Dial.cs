using System;
using Rl;

/// <summary>A dial that is to be turned to a mark, another one in each episode.</summary>
internal sealed class Dial : IGoalEnvironment
{
    private readonly float[] seen = new float[4];

    public Space ObservationSpace { get; } = Space.Dict(
        ("observation", Space.Box(-1, 1, 2)),
        ("achieved_goal", Space.Box(-1, 1, 1)),
        ("desired_goal", Space.Box(-1, 1, 1)));

    public double ComputeReward(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
        Math.Abs(achievedGoal[0] - desiredGoal[0]) <= 0.05f ? 0 : -1;

    public Space ActionSpace { get; } = Space.Box(-1, 1, 1);

    public int MaxEpisodeSteps => 30;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed % int.MaxValue));
        seen[1] = 0;
        seen[3] = 2 * random.NextSingle() - 1;
        return Observe(2 * random.NextSingle() - 1);
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        // Position and speed of the dial, the position again as what was reached, and the mark.
        seen[1] = Math.Clamp(seen[1] + 0.1f * action[0], -0.2f, 0.2f);
        var observation = Observe(Math.Clamp(seen[0] + seen[1], -1, 1));
        return new(observation, ComputeReward(seen.AsSpan(2, 1), seen.AsSpan(3, 1)), Terminated: false);
    }

    private float[] Observe(float position)
    {
        (seen[0], seen[2]) = (position, position);
        return (float[])seen.Clone();
    }
}
