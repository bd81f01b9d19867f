using System;
using Rl;

namespace Rl.Samples;

/// <summary>A tank that is heated towards a set temperature while it loses heat to the outside.</summary>
internal sealed class Tank : IEnvironment
{
    private const float Loss = 0.1f, DegreesPerKilowatt = 0.5f, MostPower = 12;
    private float temperature, target, outside;
    private int step;

    // Temperature, target and outside in degrees.
    public Space ObservationSpace { get; } = Space.Box(-50, 150, 3);

    // Heating power in kW.
    public Space ActionSpace { get; } = Space.Box(0, MostPower, 1);

    public string Name => "Tank";

    public int MaxEpisodeSteps => 40;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed >> 33));
        (temperature, target, outside) = (random.Next(5, 40), random.Next(20, 60), random.Next(-5, 25));
        step = 0;
        return Seen();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        temperature += (Loss * (outside - temperature)) + (DegreesPerKilowatt * action[0]);
        step++;
        return new(Seen(), -Math.Abs(temperature - target), false, step == MaxEpisodeSteps);
    }

    /// <summary>The power that a controller takes which knows the tank: it comes as near as one step can.</summary>
    public static float Best(ReadOnlySpan<float> seen) =>
        Math.Clamp((seen[1] - seen[0] - (Loss * (seen[2] - seen[0]))) / DegreesPerKilowatt, 0, MostPower);

    private float[] Seen() => [temperature, target, outside];
}
