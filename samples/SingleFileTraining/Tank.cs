using System;
using Rl;

namespace Rl.Samples;

/// <summary>A tank whose outflow changes slowly: the valve of the inflow has five positions, and takes a step to
/// follow. The reward of a step is minus how far the level is from its mark, in tenths of the tank.</summary>
internal sealed class Tank : IEnvironment
{
    private const int Positions = 5;
    private const double Mark = 0.5;
    private const int EpisodeSteps = 100;

    private Random random = new(0);
    private double level;
    private double outflow;
    private int valve;
    private int steps;

    public Space ObservationSpace { get; } = Space.Box(-1, 1, 3);

    public Space ActionSpace { get; } = Space.Discrete(Positions);

    public int MaxEpisodeSteps => EpisodeSteps;

    /// <summary>What a valve that opens in proportion to what is missing comes to in an episode.</summary>
    public static double ReturnOfRule(ulong seed)
    {
        var tank = new Tank();
        tank.Reset(seed);
        var sum = 0.0;
        for (var isOver = false; !isOver;)
        {
            var wanted = 2 + (10 * (Mark - tank.level));
            var result = tank.Step([(float)Math.Clamp(Math.Round(wanted), 0, Positions - 1)]);
            sum += result.Reward;
            isOver = result.IsOver || tank.steps == EpisodeSteps;
        }

        return sum;
    }

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
        level = Math.Clamp(level + (0.025 * valve) - outflow, 0, 1);
        valve = (int)action[0];
        outflow = Math.Clamp(outflow + (0.01 * (random.NextDouble() - 0.5)), 0.01, 0.09);
        return new(Observe(), -10 * Math.Abs(level - Mark), Terminated: false, Truncated: false);
    }

    private float[] Observe() =>
        [(float)((2 * level) - 1), (float)((outflow - 0.05) * 20), (float)((valve / 2.0) - 1)];
}
