using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Gymnasium.Internal;
using Rl.Internal;

namespace Rl.Gymnasium;

/// <summary>An environment of Python's Gymnasium: give it to an agent, which makes its own copies, or step it by hand.
/// Not thread-safe. Dispose of it to end its Python.</summary>
/// <remarks>Its spaces, time limit and threshold are those of the environment. Boxes become numbers of float32; parts
/// of dictionaries have Gymnasium's order, with <c>_</c> for dots in their names. The same seed gives the same numbers
/// as <c>env.reset(seed=…)</c> in Python; seeds of 2³¹ and more are folded to 31 bits. A step that both terminates and
/// truncates terminates. <c>info["action_mask"]</c> is the mask of its actions, if the first reset gives one.</remarks>
public sealed class GymnasiumEnvironment : IMaskedEnvironment, IRenderable, IVectorizableEnvironment, IDisposable
{
    private const string Prefix = "gymnasium:";

    private readonly Description description;
    private readonly (int Offset, int Size, Space Space)[] integers;
    private readonly bool[] mask;
    private readonly double[] reward = new double[1];
    private readonly StepFlags[] flag = new StepFlags[1];
    private Bridge? bridge;
    private bool isRunning;
    private bool isDisposed;

    private GymnasiumEnvironment(string id, GymnasiumOptions options, Description description, Bridge? bridge)
    {
        Id = id;
        Options = options;
        this.description = description;
        this.bridge = bridge;
        mask = new bool[description.IsMasked ? description.Actions.Choices : 0];
        integers =
        [
            .. description.Actions.Layout
                .Where(part => part.Space is not BoxSpace)
                .Select(part => (part.Offset, part.Space.Size, part.Space)),
        ];
    }

    /// <summary>Gymnasium's id.</summary>
    public string Id { get; }

    /// <summary>How it was made.</summary>
    public GymnasiumOptions Options { get; }

    /// <inheritdoc/>
    public Space ObservationSpace => description.Observations;

    /// <inheritdoc/>
    public Space ActionSpace => description.Actions;

    /// <inheritdoc/>
    public int MaxEpisodeSteps => description.MaxEpisodeSteps;

    /// <inheritdoc/>
    public double RewardThreshold => description.RewardThreshold;

    /// <inheritdoc/>
    public string Name => Prefix + Id;

    /// <summary>The version of gymnasium, for example <c>1.2.0</c>.</summary>
    public string GymnasiumVersion => description.Gymnasium;

    /// <summary>The Python that runs it and its version.</summary>
    public string PythonVersion => description.Python;

    /// <inheritdoc/>
    public double FramesPerSecond => description.FramesPerSecond;

    /// <summary>Whether <see cref="Render"/> gives pictures: it was made with <c>render_mode="rgb_array"</c>.</summary>
    public bool CanRender => description.Renders;

    /// <inheritdoc/>
    public bool HasActionMask => description.IsMasked;

    /// <summary>Makes an environment.</summary>
    /// <param name="id">Gymnasium's id, for example <c>CartPole-v1</c>, <c>ALE/Pong-v5</c> or
    /// <c>package.module:Name-v0</c>.</param>
    /// <param name="options">How; the defaults if null.</param>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    /// <exception cref="GymnasiumException">There is no Python or no gymnasium, the environment cannot be made, or it
    /// has a space that cannot be carried; the message says what to do.</exception>
    public static GymnasiumEnvironment Make(string id, GymnasiumOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(id);
        options ??= new();
        options.Validate();
        var bridge = Bridge.Start(id, "single", 1, options);
        return new(id, options, bridge.Description, bridge);
    }

    /// <summary>Makes ids that begin with <c>gymnasium:</c> known to <see cref="Environments.Make(string)"/> and to
    /// files of agents, as the command <c>rl</c> does: <c>gymnasium:CartPole-v1</c>. Options are the keyword arguments
    /// of <c>gymnasium.make</c> as texts, which are read as Python's literals where they are any; <c>imports</c> names
    /// modules to import, with commas between them, <c>processes</c> the processes of Python. Doing it again changes
    /// nothing.</summary>
    public static void Register() => EnvironmentFamilies.Register(Prefix, MakeOfTexts);

    /// <inheritdoc/>
    /// <exception cref="GymnasiumException">Python raised, ended or did not answer in time.</exception>
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var running = Running();
        isRunning = false;
        var observation = new float[ObservationSpace.Size];
        running.SendReset(0, [seed]);
        running.ReceiveReset(1, mask, observation);
        isRunning = true;
        return observation;
    }

    /// <summary>Takes an action given as an integer, for a discrete space.</summary>
    public StepResult Step(int action) => Step([action]);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">No episode is running: call <c>Reset</c> first.</exception>
    /// <exception cref="ArgumentException">The action has another length, is not finite, or is no integer of its
    /// space.</exception>
    /// <exception cref="GymnasiumException">Python raised, ended or did not answer in time.</exception>
    public StepResult Step(ReadOnlySpan<float> action)
    {
        if (!isRunning)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            throw new InvalidOperationException($"No episode of {Name} is running; call Reset first.");
        }

        Actions.Require(Name, ActionSpace, integers, action);
        var observation = new float[ObservationSpace.Size];
        isRunning = false;
        bridge!.SendStep(0, 1, action, []);
        bridge.ReceiveStep(reward, flag, mask, observation, [], hasFinals: false);
        var isTerminated = (flag[0] & StepFlags.Terminated) != 0;
        var result = new StepResult(
            observation, reward[0], isTerminated, !isTerminated && (flag[0] & StepFlags.Truncated) != 0);
        isRunning = !result.IsOver;
        return result;
    }

    /// <inheritdoc/>
    public void ActionMask(Span<bool> mask)
    {
        if (mask.Length != ActionSpace.Choices)
        {
            throw new ArgumentException(
                $"mask has {mask.Length} elements; {ActionSpace} has {ActionSpace.Choices} choices.", nameof(mask));
        }

        if (HasActionMask)
        {
            this.mask.CopyTo(mask);
        }
        else
        {
            mask.Fill(true);
        }
    }

    /// <summary>What the present state looks like, as Gymnasium draws it.</summary>
    /// <exception cref="InvalidOperationException">It was made without pictures, or draws none.</exception>
    /// <exception cref="GymnasiumException">Python raised: pygame may be missing.</exception>
    public Scene Render()
    {
        if (!CanRender)
        {
            var modes = description.RenderModes.Count == 0 ? "none" : string.Join(", ", description.RenderModes);
            throw new InvalidOperationException(
                $"{Name} was made without render_mode=\"rgb_array\" and cannot be looked at (it has the "
                    + $"modes: {modes}).");
        }

        return Pictures.Read(Running().Render(0, out var width, out var height), width, height);
    }

    /// <summary>Another one, with a Python of its own, which starts with the first reset.</summary>
    public IEnvironment Another() => new GymnasiumEnvironment(Id, Options, description, null);

    /// <summary>Copies of it in the processes of Python that <see cref="GymnasiumOptions.Processes"/> says.</summary>
    /// <param name="copies">How many; at least 1.</param>
    /// <exception cref="GymnasiumException">Python cannot be started, or the environment not made.</exception>
    public IVectorEnvironment Vectorize(int copies)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(copies, 1);
        return BridgedCopies.Start(Id, "each", copies, Options);
    }

    /// <summary>Closes the environment and ends its Python.</summary>
    public void Dispose()
    {
        (isDisposed, isRunning) = (true, false);
        bridge?.Dispose();
        bridge = null;
    }

    /// <summary>For example <c>gymnasium:CartPole-v1</c>.</summary>
    public override string ToString() => Name;

    private static GymnasiumEnvironment MakeOfTexts(string id, IReadOnlyDictionary<string, string> texts)
    {
        var processes = 1;
        if (texts.TryGetValue("processes", out var number)
            && !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out processes))
        {
            throw new ArgumentException($"processes is \"{number}\"; it must be a whole number of at least 1.");
        }

        return Make(id, new()
        {
            Arguments = texts.Where(text => text.Key is not ("imports" or "processes"))
                .ToDictionary(text => text.Key, text => (object?)text.Value),
            Imports = texts.GetValueOrDefault("imports")
                ?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [],
            Processes = processes,
            AreLiterals = true,
        });
    }

    private Bridge Running()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        return bridge ??= Bridge.Start(Id, "single", 1, Options);
    }
}
