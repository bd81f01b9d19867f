using System;

namespace Rl.Samples;

/// <summary>A telescope on a motor: how far it points beside the star, and how fast it turns. Wind pushes it.</summary>
internal sealed class Telescope : IEnvironment
{
    public const double Seconds = 0.1, Wind = 0.05, EffortCost = 0.1;

    private const int Steps = 100;

    private Random random = new(0);
    private double beside, turning;

    public Space ObservationSpace { get; } = Space.Unbounded(2);

    public Space ActionSpace { get; } = Space.Box(-3, 3, 1);

    public int MaxEpisodeSteps => Steps;

    /// <summary>The mean cost of a step with a controller, over nights that are the same for all.</summary>
    public static double MeanCost(Func<float[], double> control)
    {
        const int Nights = 50;
        var (telescope, sum) = (new Telescope(), 0.0);
        for (var night = 0; night < Nights; night++)
        {
            var seen = telescope.Reset((ulong)(night + 1) << 40);
            for (var step = 0; step < Steps; step++)
            {
                var result = telescope.Step([(float)Math.Clamp(control(seen.ToArray()), -3, 3)]);
                seen = result.Observation;
                sum -= result.Reward;
            }
        }

        return sum / (Nights * Steps);
    }

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new((int)(seed >> 33));
        (beside, turning) = (Uniform(), Uniform());
        return Observe();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        double effort = action[0];
        var cost = (beside * beside) + (EffortCost * effort * effort);
        beside += Seconds * turning;
        turning += (Seconds * effort) + (Wind * Uniform());
        return new(Observe(), Reward: -cost, Terminated: false);
    }

    private double Uniform() => (2 * random.NextDouble()) - 1;

    private float[] Observe() => [(float)beside, (float)turning];
}
