using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Internal;

namespace Rl;

/// <summary>An environment within wrappers, made by the methods of <see cref="EnvironmentWrappers"/>: give it to an
/// agent, or step it by hand. Not thread-safe.</summary>
/// <remarks>Whoever made the environment within disposes of it. An agent makes its own copies, whose wrappers share
/// what they learn, such as the mean of the observations; its file holds the wrappers and what they have
/// learned.</remarks>
public sealed class WrappedEnvironment : IMaskedEnvironment, IGoalEnvironment, IEpisode
{
    private readonly BatchEnvironment batch;
    private readonly StepBuffers buffers;
    private bool isRunning;
    private bool isAtStart;
    private bool hasBegun;

    internal WrappedEnvironment(IEnvironment inner, IReadOnlyList<Core.Wrappers.Wrapper> wrappers)
    {
        Inner = inner;
        CoreWrappers = wrappers;
        batch = Convert.Wrap(EnvironmentSource.BatchOf(inner), wrappers);
        buffers = batch.AllocateBuffers();
        ObservationSpace = Convert.ToSpace(batch.ObservationSpace);
        ActionSpace = Convert.ToSpace(batch.ActionSpace);
    }

    /// <summary>The environment below all wrappers.</summary>
    public IEnvironment Inner { get; }

    /// <summary>The wrappers with their parameters as texts, the one next to the environment first.</summary>
    public IReadOnlyList<string> Wrappers => [.. CoreWrappers.Select(wrapper => wrapper.ToString())];

    /// <inheritdoc/>
    public Space ObservationSpace { get; }

    /// <inheritdoc/>
    public Space ActionSpace { get; }

    /// <inheritdoc/>
    public int MaxEpisodeSteps => batch.MaxEpisodeSteps;

    /// <inheritdoc/>
    public double RewardThreshold => Inner.RewardThreshold;

    /// <inheritdoc/>
    public string Name => Inner.Name;

    internal IReadOnlyList<Core.Wrappers.Wrapper> CoreWrappers { get; }

    /// <inheritdoc/>
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        isRunning = false;
        Failures.Translate(() => batch.Reset(RngModule.create(seed)));
        (isRunning, isAtStart, hasBegun) = (true, true, true);
        var observation = new float[batch.ObservationSize];
        batch.Observe(observation);
        return observation;
    }

    /// <summary>Takes an action given as an integer, for a discrete space.</summary>
    public StepResult Step(int action) => Step([action]);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">No episode is running: call <c>Reset</c> first.</exception>
    public StepResult Step(ReadOnlySpan<float> action)
    {
        if (!isRunning)
        {
            throw new InvalidOperationException($"No episode of {Name} is running; call Reset first.");
        }

        try
        {
            isAtStart = false;
            batch.StepAll(action, buffers);
        }
        catch (EnvironmentFailure failure)
        {
            isRunning = false;
            throw new EnvironmentException(failure);
        }

        var (terminated, truncated) = (buffers.Terminated.Span[0], buffers.Truncated.Span[0]);
        isRunning = !(terminated || truncated);
        var observation = (isRunning ? buffers.Observations : buffers.FinalObservations).ToArray();
        return new(observation, buffers.Rewards.Span[0], terminated, truncated);
    }

    /// <summary>Whether there are actions that are not always possible; not where a wrapper has changed the space of
    /// actions.</summary>
    public bool HasActionMask => batch.HasActionMasks;

    /// <summary>Says which choices are possible now; all of them where the environment has no masks.</summary>
    /// <param name="mask">Receives one element a choice of the action space: <see cref="Space.Choices"/>.</param>
    /// <exception cref="InvalidOperationException">No episode is running: call <c>Reset</c> first.</exception>
    public void ActionMask(Span<bool> mask)
    {
        try
        {
            Abilities.WriteMask(batch, isRunning, mask);
        }
        catch (EnvironmentFailure failure)
        {
            throw new EnvironmentException(failure);
        }
    }

    /// <summary>Whether the environment has goals whose rewards may be asked; not where a wrapper
    /// changes goals or rewards so that these cannot be told.</summary>
    public bool HasGoals => batch.Goals.IsOk;

    /// <summary>The reward of a step that led to a goal where another one was desired.</summary>
    /// <exception cref="InvalidOperationException">The environment has no goals; the message says why.</exception>
    /// <exception cref="ArgumentException">A goal has another length than its space.</exception>
    public double ComputeReward(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
        Abilities.RewardOf(batch, achievedGoal, desiredGoal);

    /// <summary>Whether reaching a goal where another one was desired terminates the episode.</summary>
    /// <exception cref="InvalidOperationException">The environment has no goals; the message says why.</exception>
    /// <exception cref="ArgumentException">A goal has another length than its space.</exception>
    public bool ComputeTerminated(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
        Abilities.IsEnd(batch, achievedGoal, desiredGoal);

    /// <summary>What the environment tells of its present state beside the observation, after an episode's end of its
    /// last one: Gymnasium's <c>info</c>, such as <c>is_success</c> and the numbers that <c>RandomizeDynamics</c> drew.
    /// Empty for environments that tell nothing, and before the first reset.</summary>
    public IReadOnlyDictionary<string, double> Info => Abilities.InfoOf(batch, hasBegun, isRunning);

    bool IEpisode.IsAtStart => isRunning && isAtStart;

    /// <summary>The environment and its wrappers.</summary>
    public override string ToString() => $"{Inner} within {string.Join(", ", Wrappers)}";
}
