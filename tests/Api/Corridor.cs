using System;

namespace Rl.Tests.Api;

/// <summary>A walk to the right end of a corridor: a user's environment whose every part can be made to
/// misbehave.</summary>
internal sealed class Corridor : IEnvironment
{
    private int position;
    private int steps;

    public Space ObservationSpace { get; init; } = Space.Box(0, 10, 2);

    public Space ActionSpace { get; init; } = Space.Discrete(2);

    public int MaxEpisodeSteps { get; init; } = 50;

    public string Name { get; init; } = "Corridor";

    /// <summary>The step of an episode, from 1, whose result <see cref="Spoil"/> changes; 0 for the reset.</summary>
    public int SpoiltStep { get; init; } = -1;

    public Func<StepResult, StepResult> Spoil { get; init; } = result => result;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        position = (int)(seed % 3);
        steps = 0;
        var result = new StepResult(Observe(), 0, false);
        return (SpoiltStep == 0 ? Spoil(result) : result).Observation;
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        steps++;
        position = Math.Max(0, position + (action[0] == 1 ? 1 : -1));
        var result = new StepResult(Observe(), position >= 8 ? 1 : -0.05, position >= 8);
        return steps == SpoiltStep ? Spoil(result) : result;
    }

    private float[] Observe() => [position, steps / 10f];
}
