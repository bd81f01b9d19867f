using System;

namespace Rl.Tutorial;

/// <summary>T steps of N copies, time by time: what belongs to copy n at time t is row t · N + n.</summary>
public sealed class Rollout
{
    /// <summary>An empty rollout.</summary>
    /// <param name="steps">T, at least 1.</param>
    /// <param name="copies">N, at least 1.</param>
    /// <param name="observationSize">Numbers of an observation.</param>
    /// <param name="actionSize">Numbers of an action.</param>
    public Rollout(int steps, int copies, int observationSize, int actionSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(copies, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(observationSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(actionSize, 1);
        Steps = steps;
        Copies = copies;
        ObservationSize = observationSize;
        ActionSize = actionSize;
        Observations = new float[Rows * observationSize];
        Actions = new float[Rows * actionSize];
        LogProbabilities = new float[Rows];
        Values = new float[Rows];
        Rewards = new float[Rows];
        NextValues = new float[Rows];
        Terminated = new bool[Rows];
        Over = new bool[Rows];
    }

    /// <summary>T.</summary>
    public int Steps { get; }

    /// <summary>N.</summary>
    public int Copies { get; }

    /// <summary>T · N.</summary>
    public int Rows => Steps * Copies;

    /// <summary>Numbers of an observation.</summary>
    public int ObservationSize { get; }

    /// <summary>Numbers of an action.</summary>
    public int ActionSize { get; }

    /// <summary>sₜ, <see cref="ObservationSize"/> numbers a row.</summary>
    public float[] Observations { get; }

    /// <summary>aₜ, <see cref="ActionSize"/> numbers a row.</summary>
    public float[] Actions { get; }

    /// <summary>log π(aₜ|sₜ).</summary>
    public float[] LogProbabilities { get; }

    /// <summary>V(sₜ).</summary>
    public float[] Values { get; }

    /// <summary>rₜ.</summary>
    public float[] Rewards { get; }

    /// <summary>V(sₜ₊₁) of the state that the step led to.</summary>
    public float[] NextValues { get; }

    /// <summary>Whether the task ended with the step.</summary>
    public bool[] Terminated { get; }

    /// <summary>Whether the episode is over with the step, for either reason.</summary>
    public bool[] Over { get; }
}
