using System;

namespace Rl.ClusterFigures;

/// <summary>A walk on a line seen in many numbers, whose steps cost next to nothing: what is measured is what moves
/// them.</summary>
public sealed class WideWalk : IEnvironment
{
    /// <summary>The numbers of an observation.</summary>
    public const int Width = 4_096;

    private readonly float[] observation = new float[Width];
    private int place;

    /// <inheritdoc/>
    public string Name => nameof(WideWalk);

    /// <inheritdoc/>
    public Space ObservationSpace { get; } = Space.Box(-1, 1, Width);

    /// <inheritdoc/>
    public Space ActionSpace { get; } = Space.Discrete(2);

    /// <inheritdoc/>
    public int MaxEpisodeSteps => 1_000;

    /// <inheritdoc/>
    public double RewardThreshold => double.NaN;

    /// <inheritdoc/>
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        place = (int)(seed % 7) - 3;
        return Observation();
    }

    /// <inheritdoc/>
    public StepResult Step(ReadOnlySpan<float> action)
    {
        place = Math.Clamp(place + (action[0] > 0.5f ? 1 : -1), -10, 10);
        return new(Observation(), -Math.Abs(place), Terminated: false);
    }

    private float[] Observation()
    {
        observation[0] = place / 11f;
        return observation;
    }
}
