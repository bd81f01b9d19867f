using System;
using Rl;

namespace Rl.Samples;

/// <summary>A tank whose outflow changes slowly: the valve of the inflow has five positions, and takes a step to
/// follow. The reward of a step is minus how far the level is from its mark, in tenths of the tank.</summary>
internal sealed class Tank : IEnvironment
{
    private const int Positions = 5;
    private const double Mark = 0.5;
    private const double Inflow = 0.025;
    private const int EpisodeSteps = 100;

    private Random random = new(0);
    private double level;
    private double outflow;
    private int valve;
    private int steps;

    public Space ObservationSpace { get; } = Space.Box(-1, 1, 3);

    public Space ActionSpace { get; } = Space.Discrete(Positions);

    public int MaxEpisodeSteps => EpisodeSteps;

    /// <summary>What a rule comes to in an episode.</summary>
    /// <param name="rule">The position of the valve that it wants, before it is rounded.</param>
    /// <param name="seed">Where the episode's randomness comes from.</param>
    public static double ReturnOf(Func<Tank, double> rule, ulong seed)
    {
        var tank = new Tank();
        tank.Reset(seed);
        var sum = 0.0;
        while (tank.steps < EpisodeSteps)
        {
            sum += tank.Step([(float)Math.Clamp(Math.Round(rule(tank)), 0, Positions - 1)]).Reward;
        }

        return sum;
    }

    /// <summary>Opens in proportion to what is missing.</summary>
    public double Proportional() => 2 + (10 * (Mark - level));

    /// <summary>Knows the tank: what brings the level to its mark when the valve has followed, if the outflow
    /// stays.</summary>
    public double Balanced() => (Mark - (level + (Inflow * valve) - outflow) + outflow) / Inflow;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new((int)(seed % int.MaxValue));
        (level, outflow, valve, steps) = (random.NextDouble(), 0.03 + (0.04 * random.NextDouble()), 2, 0);
        return Observe();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        steps++;

        // The water follows the position that the valve had before.
        level = Math.Clamp(level + (Inflow * valve) - outflow, 0, 1);
        valve = (int)action[0];
        outflow = Math.Clamp(outflow + (0.01 * (random.NextDouble() - 0.5)), 0.01, 0.09);
        return new(Observe(), -10 * Math.Abs(level - Mark), Terminated: false, Truncated: false);
    }

    private float[] Observe() =>
        [(float)((2 * level) - 1), (float)((outflow - 0.05) * 20), (float)((valve / 2.0) - 1)];
}
