using System;
using System.Diagnostics;
using System.Threading;

namespace Rl.ClusterFigures;

/// <summary>A walk on a line whose steps take a while: which kind of while, its heirs say.</summary>
public abstract class SlowWalk : IEnvironment
{
    private int place;

    /// <inheritdoc/>
    public string Name => GetType().Name;

    /// <inheritdoc/>
    public Space ObservationSpace { get; } = Space.Box(-1, 1, 8);

    /// <inheritdoc/>
    public Space ActionSpace { get; } = Space.Discrete(2);

    /// <inheritdoc/>
    public int MaxEpisodeSteps => 100;

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
        Wait();
        place += action[0] > 0.5f ? 1 : -1;
        return new(Observation(), -Math.Abs(place), Terminated: Math.Abs(place) > 10);
    }

    /// <summary>Takes the time of a step.</summary>
    protected abstract void Wait();

    private float[] Observation() => [place / 11f, 0, 0, 0, 0, 0, 0, 1];
}

/// <summary>Steps of 1 ms without a core: a robot, or a simulation elsewhere.</summary>
public sealed class SleepingWalk : SlowWalk
{
    private static readonly TimeSpan StepTime = TimeSpan.FromMilliseconds(1);

    /// <inheritdoc/>
    protected override void Wait() => Thread.Sleep(StepTime);
}

/// <summary>Steps of 1 ms, and of 4 ms in a process whose variable RL_FIGURES_SLOW is set: a machine that is slower
/// than the others.</summary>
public sealed class UnequalWalk : SlowWalk
{
    /// <summary>The variable of a slow process.</summary>
    public const string Variable = "RL_FIGURES_SLOW";

    private static readonly TimeSpan StepTime =
        TimeSpan.FromMilliseconds(System.Environment.GetEnvironmentVariable(Variable) is null ? 1 : 4);

    /// <inheritdoc/>
    protected override void Wait() => Thread.Sleep(StepTime);
}

/// <summary>Steps that keep a core busy for 50 µs.</summary>
public sealed class BusyWalk : SlowWalk
{
    private static readonly long StepTicks = Stopwatch.Frequency / 20_000;

    /// <inheritdoc/>
    protected override void Wait()
    {
        var end = Stopwatch.GetTimestamp() + StepTicks;
        while (Stopwatch.GetTimestamp() < end)
        {
            Thread.SpinWait(8);
        }
    }
}
