using System;
using System.Globalization;
using System.Linq;
using Rl.MuJoCo.Internal;

namespace Rl.MuJoCo;

/// <summary>A robot with something to do: an environment for <c>Agent.Create(options, environment, seed)</c>, whose
/// copies share one model.</summary>
/// <remarks>
/// Actions are the controls of the actuators, within their ranges; beyond them they act as the ranges' ends, and the
/// task sees what was asked for. An action that is no number is refused by the name of its actuator. A state that blows
/// up ends the episode with a reward of 0 in the initial state, and <see cref="HasBlownUp"/> tells: training counts
/// such episodes and warns. The same seed gives the same numbers on the same kind of machine with the same MuJoCo.
/// </remarks>
public sealed class MujocoEnvironment : ICloneableEnvironment, IBlowupEnvironment, IRenderable, IDisposable
{
    private readonly MujocoSimulation simulation;
    private readonly MujocoObservation observation = new();
    private readonly double[] positions;
    private readonly double[] velocities;
    private readonly double[] bodies;
    private readonly double[] controls;
    private bool isRunning;

    /// <summary>An environment of a model.</summary>
    /// <param name="model">The robot. It stays yours: dispose of it after the environments.</param>
    /// <param name="task">What it is to do.</param>
    /// <exception cref="ArgumentException">A setting of the task is out of its range, or the model has nothing to
    /// control or the observation nothing to see.</exception>
    public MujocoEnvironment(MujocoModel model, MujocoTask task)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(task);
        Check(model, task);
        Model = model;
        Task = task;
        simulation = new(model);
        positions = new double[model.PositionCount];
        velocities = new double[model.VelocityCount];
        bodies = new double[3 * model.Bodies.Count];
        controls = new double[model.ControlCount];
        ActionSpace = Space.Box(
            [.. model.Actuators.Select(actuator => (float)actuator.Low)],
            [.. model.Actuators.Select(actuator => (float)actuator.High)]);
        try
        {
            Observe();
            if (observation.Count == 0)
            {
                throw new ArgumentException(
                    $"The task of {model.Name} observes nothing; Observe must add at least one number.", nameof(task));
            }
        }
        catch
        {
            simulation.Dispose();
            throw;
        }

        ObservationSpace = Space.Unbounded(observation.Count);
    }

    /// <summary>The robot.</summary>
    public MujocoModel Model { get; }

    /// <summary>What it is to do.</summary>
    public MujocoTask Task { get; }

    /// <summary>The robot in motion, to look at.</summary>
    public MujocoSimulation Simulation => simulation;

    /// <inheritdoc/>
    public Space ObservationSpace { get; }

    /// <inheritdoc/>
    public Space ActionSpace { get; }

    /// <inheritdoc/>
    public int MaxEpisodeSteps => Task.MaxEpisodeSteps;

    /// <inheritdoc/>
    public double RewardThreshold => Task.RewardThreshold;

    /// <inheritdoc/>
    public string Name => Task.Name ?? Model.Name;

    /// <inheritdoc/>
    public bool HasBlownUp { get; private set; }

    /// <summary>What blew up in the latest step; null if nothing has.</summary>
    public string? Blowup { get; private set; }

    /// <inheritdoc/>
    public double FramesPerSecond => 1 / StepDuration;

    private double StepDuration => Model.Timestep * Task.FrameSkip;

    /// <inheritdoc/>
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new SeededRandom(seed);
        simulation.Reset();
        if (Task.ResetNoise > 0)
        {
            AddNoise(simulation.Positions, random);
            AddNoise(simulation.Velocities, random);
        }

        Task.Reset?.Invoke(simulation, random);
        if (Task.ResetNoise > 0 || Task.Reset is not null)
        {
            simulation.Forward();
        }

        (HasBlownUp, Blowup, isRunning) = (false, null, true);
        return Observe();
    }

    /// <inheritdoc/>
    public StepResult Step(ReadOnlySpan<float> action)
    {
        Require(action);
        simulation.Positions.CopyTo(positions);
        simulation.Velocities.CopyTo(velocities);
        simulation.BodyPositions.CopyTo(bodies);
        simulation.SetControls(controls);
        Blowup = simulation.TryStep(Task.FrameSkip);
        if (Blowup is not null)
        {
            (HasBlownUp, isRunning) = (true, false);
            return new(Observe(), 0, Terminated: true);
        }

        if (Task.RefreshAfterStep)
        {
            simulation.Forward();
        }

        var step = new MujocoStep(simulation, action, positions, velocities, bodies, StepDuration);
        var reward = Task.Reward(step);
        var terminated = Task.Terminated?.Invoke(step) ?? false;
        isRunning = !terminated;
        return new(Observe(), reward, terminated);
    }

    /// <inheritdoc/>
    public IEnvironment Clone()
    {
        var clone = new MujocoEnvironment(Model, Task);
        clone.simulation.CopyFrom(simulation);
        (clone.isRunning, clone.HasBlownUp, clone.Blowup) = (isRunning, HasBlownUp, Blowup);
        return clone;
    }

    /// <inheritdoc/>
    public Scene Render() => MujocoScene.Draw(simulation);

    /// <summary>Frees the simulation; the model stays.</summary>
    public void Dispose() => simulation.Dispose();

    private static void Check(MujocoModel model, MujocoTask task)
    {
        static Exception Wrong(string name, object value, string range) =>
            new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"{name} is {value}; it must be {range}."), nameof(task));

        if (task.FrameSkip < 1)
        {
            throw Wrong(nameof(task.FrameSkip), task.FrameSkip, "at least 1");
        }

        if (task.MaxEpisodeSteps < 0)
        {
            throw Wrong(nameof(task.MaxEpisodeSteps), task.MaxEpisodeSteps, "0 for no limit, or more");
        }

        if (!(task.ResetNoise >= 0 && double.IsFinite(task.ResetNoise)))
        {
            throw Wrong(nameof(task.ResetNoise), task.ResetNoise, "a finite number that is not negative");
        }

        if (task.Reward is null)
        {
            throw new ArgumentException("Reward is null; it must be a function of a step.", nameof(task));
        }

        if (model.ControlCount == 0)
        {
            throw new ArgumentException(
                $"{model.Name} has no actuators, so that there is nothing to control; add them to its file, in "
                    + "<actuator>.",
                nameof(model));
        }
    }

    private void Require(ReadOnlySpan<float> action)
    {
        if (!isRunning)
        {
            throw new InvalidOperationException($"No episode of {Name} is running; call Reset first.");
        }

        if (action.Length != controls.Length)
        {
            throw new ArgumentException(
                $"action has {action.Length} elements; it must have {controls.Length}, one for each actuator.",
                nameof(action));
        }

        for (var index = 0; index < action.Length; index++)
        {
            if (!float.IsFinite(action[index]))
            {
                var (low, high) = (Model.Actuators[index].Low, Model.Actuators[index].High);
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Name}: action[{index}], the control of {Model.Actuators.Called(index)}, is {action[index]}; "
                            + $"it must be a number in [{low}, {high}]."),
                    nameof(action));
            }

            controls[index] = action[index];
        }
    }

    private void AddNoise(Span<double> numbers, SeededRandom random)
    {
        for (var index = 0; index < numbers.Length; index++)
        {
            numbers[index] += Task.ResetNoise * ((2 * random.NextDouble()) - 1);
        }
    }

    /// <summary>What is seen, in memory of its own: callers may keep it.</summary>
    private float[] Observe()
    {
        observation.Clear();
        if (Task.Observe is { } observe)
        {
            observe(simulation, observation);
        }
        else
        {
            observation.Add(simulation.Positions).Add(simulation.Velocities);
        }

        if (ObservationSpace is { } space && observation.Count != space.Size)
        {
            throw new InvalidOperationException(
                $"Observe of {Name} added {observation.Count} numbers, and {space.Size} the first time; it must always "
                    + "add as many.");
        }

        return observation.Numbers.ToArray();
    }
}
