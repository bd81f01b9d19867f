using System;
using Rl;

/// <summary>A tank that is heated towards a set temperature; the outside differs from episode to episode.</summary>
internal sealed class Tank : IEnvironment
{
    private float temperature, target, outside;

    // What is seen: temperature, target, outside, in degrees.
    public Space ObservationSpace { get; } = Space.Box(-50, 150, 3);

    // What is done: heating power in kW. Policies act in units of the box's half-range.
    public Space ActionSpace { get; } = Space.Box(0, 12, 1);

    // An episode is cut after this many steps; 0 for no limit.
    public int MaxEpisodeSteps => 200;

    // All randomness comes from the seed: the same seed, the same episode.
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed >> 33));
        outside = (random.NextSingle() * 30) - 10;
        target = 40 + (random.NextSingle() * 40);
        temperature = outside;
        return Observe();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        temperature += (0.5f * action[0]) - (0.05f * (temperature - outside));
        var boils = temperature > 100;
        var reward = boils ? -100 : -Math.Abs(temperature - target) / 10;
        return new(Observe(), reward, Terminated: boils);
    }

    private float[] Observe() => [temperature, target, outside];
}
