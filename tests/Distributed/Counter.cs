using System;

namespace Rl.Tests.Distributed;

/// <summary>A walk on a line that ends at either side, which keeps its state to itself.</summary>
public sealed class Counter : IEnvironment
{
    private int place;
    private ulong seed;
    private int steps;

    /// <summary>The step of an episode that throws; 0 for none.</summary>
    public int FailsAt { get; init; }

    public string Name => "Counter-v0";

    public Space ObservationSpace { get; } = Space.Box(-8, 8, 2);

    public Space ActionSpace { get; } = Space.Discrete(2);

    public int MaxEpisodeSteps => 30;

    public double RewardThreshold => double.NaN;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        this.seed = seed;
        place = (int)(seed % 5) - 2;
        steps = 0;
        return Observation();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        if (++steps == FailsAt)
        {
            throw new InvalidOperationException("it walked off");
        }

        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        place += (action[0] > 0.5f ? 1 : -1) * (seed >> 60 == 0 ? -1 : 1);
        return new(Observation(), place, Terminated: Math.Abs(place) >= 6, Truncated: false);
    }

    private float[] Observation() => [place, (seed >> 40) % 7];
}

/// <summary>A walk that takes a while for a step.</summary>
public sealed class SlowCounter : IEnvironment
{
    private readonly Counter inner = new();

    /// <summary>How long a step takes.</summary>
    public static TimeSpan StepTime { get; } = TimeSpan.FromMilliseconds(1);

    public string Name => "SlowCounter-v0";

    public Space ObservationSpace => inner.ObservationSpace;

    public Space ActionSpace => inner.ActionSpace;

    public int MaxEpisodeSteps => inner.MaxEpisodeSteps;

    public double RewardThreshold => double.NaN;

    public ReadOnlyMemory<float> Reset(ulong seed) => inner.Reset(seed);

    public StepResult Step(ReadOnlySpan<float> action)
    {
        System.Threading.Thread.Sleep(StepTime);
        return inner.Step(action);
    }
}
