using System;
using System.Collections.Generic;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Internal;

namespace Rl;

/// <summary>An environment of the library or of a registered assembly, made by <see cref="Environments.Make(string)"/>:
/// give it to an agent, which makes its own copies, or step it by hand. Not thread-safe.</summary>
public sealed class BuiltInEnvironment : IMaskedEnvironment, IGoalEnvironment, IRenderable, IEpisode
{
    private readonly AnyEnvironment environment;
    private BatchEnvironment? batch;
    private StepBuffers? buffers;
    private Rng key = Core.Foundations.RngModule.create(0);
    private bool isRunning;
    private bool isAtStart;

    internal BuiltInEnvironment(
        AnyEnvironment environment, IReadOnlyDictionary<string, string> options, int? maxEpisodeSteps)
    {
        this.environment = environment;
        Options = options;
        MaxEpisodeSteps = maxEpisodeSteps ?? environment.MaxEpisodeSteps;
        ObservationSpace = Convert.ToSpace(environment.ObservationSpace);
        ActionSpace = Convert.ToSpace(environment.ActionSpace);
    }

    /// <summary>The registered id, for example <c>CartPole-v1</c>.</summary>
    public string Id => environment.Id;

    /// <summary>The options that differ from their defaults, as texts.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }

    /// <inheritdoc/>
    public Space ObservationSpace { get; }

    /// <inheritdoc/>
    public Space ActionSpace { get; }

    /// <inheritdoc/>
    public int MaxEpisodeSteps { get; }

    /// <inheritdoc/>
    public double RewardThreshold => environment.RewardThreshold;

    /// <inheritdoc/>
    public string Name => environment.Id;

    /// <inheritdoc/>
    public double FramesPerSecond => Batch().FramesPerSecond;

    /// <summary>The same environment with another time limit; 0 for none.</summary>
    public BuiltInEnvironment WithMaxEpisodeSteps(int maxEpisodeSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxEpisodeSteps);
        return new(environment, Options, maxEpisodeSteps);
    }

    /// <summary>Starts an episode from a seed and returns its first observation.</summary>
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        key = Core.Foundations.RngModule.create(seed);
        return Reset();
    }

    /// <summary>Starts the next episode, with randomness that follows that of the one before, and returns its first
    /// observation.</summary>
    public ReadOnlyMemory<float> Reset()
    {
        var copy = Batch();
        buffers ??= copy.AllocateBuffers();
        (var now, key) = Core.Foundations.RngModule.split(key);
        copy.Reset(now);
        (isRunning, isAtStart) = (true, true);
        var observation = new float[ObservationSpace.Size];
        copy.Observe(observation);
        return observation;
    }

    /// <summary>Takes an action given as an integer, for a discrete space.</summary>
    public StepResult Step(int action) => Step([action]);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">No episode is running: call <c>Reset</c> first.</exception>
    /// <exception cref="ArgumentException">The action has another length, is NaN, or lies outside a discrete
    /// space.</exception>
    public StepResult Step(ReadOnlySpan<float> action)
    {
        if (!isRunning || batch is null || buffers is null)
        {
            throw new InvalidOperationException($"No episode of {Id} is running; call Reset first.");
        }

        batch.StepAll(action, buffers);
        isAtStart = false;
        var (terminated, truncated) = (buffers.Terminated.Span[0], buffers.Truncated.Span[0]);
        isRunning = !(terminated || truncated);
        var observation = (isRunning ? buffers.Observations : buffers.FinalObservations).ToArray();
        return new(observation, buffers.Rewards.Span[0], terminated, truncated);
    }

    /// <summary>Whether there are actions that are not always possible: docs/environments.md says which have them, and
    /// the option <c>action_masks</c> leaves them out.</summary>
    public bool HasActionMask => Batch().HasActionMasks;

    /// <summary>Says which choices are possible now; all of them where the environment has no masks.</summary>
    /// <param name="mask">Receives one element a choice of the action space: <see cref="Space.Choices"/>.</param>
    /// <exception cref="InvalidOperationException">No episode is running: call <c>Reset</c> first.</exception>
    public void ActionMask(Span<bool> mask) => Abilities.WriteMask(Batch(), isRunning, mask);

    /// <summary>Whether the environment has goals whose rewards may be asked.</summary>
    public bool HasGoals => Batch().Goals.IsOk;

    /// <summary>The reward of a step that led to a goal where another one was desired.</summary>
    /// <exception cref="InvalidOperationException">The environment has no goals; the message says why.</exception>
    /// <exception cref="ArgumentException">A goal has another length than its space.</exception>
    public double ComputeReward(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
        Abilities.RewardOf(Batch(), achievedGoal, desiredGoal);

    /// <summary>Whether reaching a goal where another one was desired terminates the episode.</summary>
    /// <exception cref="InvalidOperationException">The environment has no goals; the message says why.</exception>
    /// <exception cref="ArgumentException">A goal has another length than its space.</exception>
    public bool ComputeTerminated(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
        Abilities.IsEnd(Batch(), achievedGoal, desiredGoal);

    /// <summary>What the environment tells of its present state beside the observation, after an episode's end of its
    /// last one, such as <c>is_success</c>: Gymnasium's <c>info</c>. Empty for environments that tell nothing, and
    /// before the first reset.</summary>
    public IReadOnlyDictionary<string, double> Info => Abilities.InfoOf(Batch(), buffers is not null, isRunning);

    bool IEpisode.IsAtStart => isRunning && isAtStart;

    /// <summary>Whether the environment can be looked at.</summary>
    public bool CanRender
    {
        get
        {
            var copy = environment.Vectorise(1, MaxEpisodeSteps);
            copy.Reset(Core.Foundations.RngModule.create(0));
            return copy.Render(0).IsSome;
        }
    }

    /// <summary>What the present state looks like; after an episode's end, its last state.</summary>
    /// <exception cref="InvalidOperationException">No episode has begun, or the environment cannot be looked
    /// at.</exception>
    public Scene Render()
    {
        if (batch is null || buffers is null)
        {
            throw new InvalidOperationException($"No episode of {Id} has begun; call Reset first.");
        }

        var scene = isRunning ? batch.Render(0) : batch.RenderFinal(0);
        return scene.IsSome
            ? Scene.OfCore(scene.Value)
            : throw new InvalidOperationException($"{Id} cannot be looked at.");
    }

    /// <summary>Episodes of an agent that acts at random, to look at.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    public Playback PlayAtRandom(int episodes = 1, ulong seed = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        var player = Core.Training.Playback.atRandom(environment.ActionSpace);
        return new(Id, FramesPerSecond, () =>
            SceneConvert.Frames(
                Core.Training.Playback.run(player, Vectorise(1), episodes, Core.Foundations.RngModule.create(seed))));
    }

    /// <summary>The id with the options that differ from their defaults.</summary>
    public override string ToString() =>
        Options.Count == 0 ? Id : $"{Id} ({string.Join(", ", Convert.Lines(Options))})";

    internal AnyEnvironment Inner => environment;

    /// <summary>The batch of one copy that is stepped by hand.</summary>
    internal BatchEnvironment Running => Batch();

    private BatchEnvironment Batch() => batch ??= environment.Vectorise(1, MaxEpisodeSteps);

    internal BatchEnvironment Vectorise(int copies) => environment.Vectorise(copies, MaxEpisodeSteps);
}
