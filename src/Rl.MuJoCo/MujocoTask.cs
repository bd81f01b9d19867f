using System;

namespace Rl.MuJoCo;

/// <summary>What a robot is to do: what it sees, what it is paid for, when an episode begins and ends.</summary>
/// <remarks>The functions depend on their arguments alone: many copies of an environment share them, on many
/// threads.</remarks>
public sealed record MujocoTask
{
    /// <summary>Time steps of the simulation for one of the task; at least 1. A task's step should take 0.01 to 0.05
    /// s.</summary>
    public int FrameSkip { get; init; } = 1;

    /// <summary>The number of steps after which an episode is truncated; 0 for no limit.</summary>
    public int MaxEpisodeSteps { get; init; } = 1000;

    /// <summary>The mean return that counts as solved; NaN for none.</summary>
    public double RewardThreshold { get; init; } = double.NaN;

    /// <summary>What messages and files call the environment; null for the model's name.</summary>
    public string? Name { get; init; }

    /// <summary>Writes what is seen; null for all positions and velocities.</summary>
    public Action<MujocoSimulation, MujocoObservation>? Observe { get; init; }

    /// <summary>The reward of a step.</summary>
    public required Func<MujocoStep, double> Reward { get; init; }

    /// <summary>Whether the state after a step ends the episode; null for never.</summary>
    public Func<MujocoStep, bool>? Terminated { get; init; }

    /// <summary>How far the numbers of first positions and velocities lie from the initial state: each is drawn
    /// uniformly within ± this. Not negative.</summary>
    public double ResetNoise { get; init; }

    /// <summary>Changes the first state further, after the noise, with randomness from the episode's seed alone; null
    /// for nothing. What follows from the state is evaluated after it.</summary>
    public Action<MujocoSimulation, Random>? Reset { get; init; }

    /// <summary>Whether everything is evaluated anew after each step, so that places and forces are those of the
    /// positions after it. Without it they are those of MuJoCo's last evaluation, as Gymnasium's tasks read
    /// them.</summary>
    public bool RefreshAfterStep { get; init; }
}
