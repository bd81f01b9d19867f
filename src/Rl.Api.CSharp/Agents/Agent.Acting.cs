using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <content>Acting: predictions and evaluations.</content>
public sealed partial class Agent
{
    private readonly Rng[] sampleKey = new Rng[1];
    private bool[] maskRead = [];
    private Policy? shared;

    /// <summary>What acts of the agent as it is now: it never changes, any number of threads use it at the same time,
    /// and the agent may train on meanwhile. May be called on any thread, during training too; the same policy until
    /// the next update.</summary>
    public Policy ToPolicy()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        var model = Volatile.Read(ref policy);
        var made = Volatile.Read(ref shared);
        if (!ReferenceEquals(made?.Model, model))
        {
            made = new(environmentId, model, wrapping, facts);
            Volatile.Write(ref shared, made);
        }

        return made;
    }

    /// <summary>Says that the next observation is the first of an episode: a recurrent policy, and wrappers whose
    /// observations depend on earlier ones (frame stacks, delays, the time), forget what they have seen. Others have
    /// nothing to forget.</summary>
    public void BeginEpisode()
    {
        using var _ = Enter(mayBeReporting: true);
        Predictor().Forget();
    }

    /// <summary>The most probable action for what an environment shows, among those that are possible in it. As
    /// <see cref="Predict(ReadOnlySpan{float}, ReadOnlySpan{bool}, Span{float})"/> with its mask; in an environment of
    /// the library it also says <see cref="BeginEpisode"/> where an episode begins.</summary>
    /// <param name="observation">What the environment's latest reset or step returned.</param>
    /// <param name="environment">The environment: of the library, or your own; its episode is running.</param>
    /// <exception cref="ArgumentException">The observation's length is wrong, it holds NaN or infinity; or the
    /// environment is within wrappers that the agent applies itself.</exception>
    public float[] Predict(ReadOnlySpan<float> observation, IEnvironment environment)
    {
        var action = new float[ActionSpace.Size];
        Predict(observation, environment, action);
        return action;
    }

    /// <summary>The most probable action for what an environment shows, among those that are possible in it.</summary>
    /// <param name="observation">What the environment's latest reset or step returned.</param>
    /// <param name="environment">The environment: of the library, or your own; its episode is running.</param>
    /// <param name="action">Receives the action.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity; or the environment
    /// is within wrappers that the agent applies itself.</exception>
    public void Predict(ReadOnlySpan<float> observation, IEnvironment environment, Span<float> action)
    {
        using var _ = Enter(mayBeReporting: true);
        var mask = Look(environment);
        Predictor().Predict(observation, mask, action);
    }

    /// <summary>The most probable action for an observation. Allocates nothing. A policy with a memory remembers the
    /// observation until <see cref="BeginEpisode"/>.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite. It is normalised, and
    /// goes through the wrappers of observations, as in training.</param>
    /// <param name="action">Receives the action: the integer of a discrete space, or numbers within the bounds of a
    /// box.</param>
    /// <exception cref="ArgumentException">A length is wrong, or the observation holds NaN or infinity; the message
    /// names the component.</exception>
    /// <exception cref="InvalidOperationException">The agent has action masks: give the environment or its
    /// mask.</exception>
    public void Predict(ReadOnlySpan<float> observation, Span<float> action)
    {
        RequireNoMasks();
        Predict(observation, [], action);
    }

    /// <summary>The most probable action for an observation among those that are possible. Allocates nothing. A policy
    /// with a memory remembers the observation until <see cref="BeginEpisode"/>.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order: whether it is possible. Each
    /// needs one choice; empty if all are possible.</param>
    /// <param name="action">Receives the action.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible.</exception>
    public void Predict(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action)
    {
        using var _ = Enter(mayBeReporting: true);
        Predictor().Predict(observation, mask, action);
    }

    /// <summary>The most probable action for an observation, as a new array.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <exception cref="ArgumentException">The length is wrong, or the observation holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">The agent has action masks: give the environment or its
    /// mask.</exception>
    public float[] Predict(ReadOnlySpan<float> observation)
    {
        var action = new float[ActionSpace.Size];
        Predict(observation, action);
        return action;
    }

    /// <summary>The most probable integer for an observation, where actions are one integer. Allocates
    /// nothing.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <exception cref="ArgumentException">The length is wrong, or the observation holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">Actions are no single integer; or the agent has action masks: give
    /// the environment.</exception>
    public int PredictDiscrete(ReadOnlySpan<float> observation)
    {
        RequireDiscrete();
        Span<float> action = stackalloc float[1];
        Predict(observation, action);
        return (int)action[0];
    }

    /// <summary>The most probable integer for what an environment shows, among those that are possible in it, where
    /// actions are one integer.</summary>
    /// <param name="observation">What the environment's latest reset or step returned.</param>
    /// <param name="environment">The environment: of the library, or your own; its episode is running.</param>
    /// <exception cref="ArgumentException">The observation's length is wrong, it holds NaN or infinity; or the
    /// environment is within wrappers that the agent applies itself.</exception>
    /// <exception cref="InvalidOperationException">Actions are no single integer.</exception>
    public int PredictDiscrete(ReadOnlySpan<float> observation, IEnvironment environment)
    {
        RequireDiscrete();
        Span<float> action = stackalloc float[1];
        Predict(observation, environment, action);
        return (int)action[0];
    }

    /// <summary>Draws an action from the policy, as in training.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="ArgumentException">A length is wrong, or the observation holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">The agent has action masks: give the environment or its
    /// mask.</exception>
    public void Sample(ReadOnlySpan<float> observation, Span<float> action, Random random)
    {
        RequireNoMasks();
        Sample(observation, [], action, random);
    }

    /// <summary>Draws an action from the policy among those that are possible.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order: whether it is possible; empty
    /// if all are.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible.</exception>
    public void Sample(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        using var _ = Enter(mayBeReporting: true);
        sampleKey[0] = Convert.Key(random);
        Predictor().Sample(observation, mask, action, sampleKey);
    }

    /// <summary>Draws an action from the policy for what an environment shows, among those that are possible in
    /// it.</summary>
    /// <param name="observation">What the environment's latest reset or step returned.</param>
    /// <param name="environment">The environment: of the library, or your own; its episode is running.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity; or the environment
    /// is within wrappers that the agent applies itself.</exception>
    public void Sample(ReadOnlySpan<float> observation, IEnvironment environment, Span<float> action, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        using var _ = Enter(mayBeReporting: true);
        var mask = Look(environment);
        sampleKey[0] = Convert.Key(random);
        Predictor().Sample(observation, mask, action, sampleKey);
    }

    /// <summary>Runs whole episodes in copies of the environment that training does not touch; they are kept for the
    /// next evaluation of as many copies.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="OperationCanceledException">The evaluation was stopped.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public EvaluationResult Evaluate(
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(
            source ?? throw new InvalidOperationException(
                $"The agent was loaded without its environment {EnvironmentId}; "
                + "give Evaluate one, or load it with Agent.Load(path, () => new YourEnvironment())."),
            episodes,
            seed,
            deterministic,
            cancellationToken);

    /// <summary>Each episode of <see cref="Evaluate(int, ulong?, bool, CancellationToken)"/>: its return, its length
    /// and whether it ended by itself.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="OperationCanceledException">The evaluation was stopped.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment.</exception>
    public IReadOnlyList<EvaluatedEpisode> EvaluateEpisodes(
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(episodes, seed, deterministic, cancellationToken).EachEpisode;

    /// <summary>Runs whole episodes in copies of an environment with the same spaces: one of the library, with wrappers
    /// or without, or one of your own that is an <see cref="ICloneableEnvironment"/>. Wrappers take over what those of
    /// the training have learned.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment has other spaces or other wrappers that learn; the message
    /// names both.</exception>
    public EvaluationResult Evaluate(
        IEnvironment environment,
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), episodes, seed, deterministic, cancellationToken);

    /// <summary>Runs whole episodes in an environment of your own with the same spaces.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's
    /// seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment has other spaces; the message names both.</exception>
    public EvaluationResult Evaluate(
        Func<IEnvironment> environment,
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), episodes, seed, deterministic, cancellationToken);

    private EvaluationResult Evaluate(
        EnvironmentSource where,
        int episodes,
        ulong? seed,
        bool deterministic,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        using var _ = Enter(mayBeReporting: true);
        var key = seed is { } given ? RngModule.create(given) : EvaluationKey();
        var isOwn = ReferenceEquals(where, source);
        var batch = CopiesToEvaluate(where, Math.Min(episodes, Options.EnvironmentCopies), isOwn);
        var isWhole = false;
        try
        {
            var result = Failures.Translate(() =>
                new EvaluationResult(
                    Core.Training.Evaluate.run(policy, batch, episodes, deterministic, key, cancellationToken)));
            isWhole = true;
            return result;
        }
        finally
        {
            // What failed is not used again.
            if (isOwn && isWhole)
            {
                evaluated = batch;
            }
            else
            {
                batch.Release();
            }
        }
    }

    /// <summary>The copies of the agent's own last evaluation, if there are as many; else new ones.</summary>
    private BatchEnvironment CopiesToEvaluate(EnvironmentSource where, int count, bool isOwn)
    {
        if (isOwn && evaluated is not null)
        {
            var kept = evaluated;
            evaluated = null;
            if (kept.Count == count)
            {
                return kept;
            }

            kept.Release();
        }

        return where.Within(Convert.Wrappers(wrapping)).Create(count);
    }

    /// <summary>Looks at an environment before an action: whether an episode begins, and what is possible (empty:
    /// all).</summary>
    private ReadOnlySpan<bool> Look(IEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        if (Abilities.Of<WrappedEnvironment>(environment) is { } wrapped
            && wrapping.Wrappers.Any(Core.Wrappers.WrapperModule.changesStep)
            && wrapped.CoreWrappers.FirstOrDefault(Core.Wrappers.WrapperModule.changesStep) is { } wrapper)
        {
            throw new ArgumentException(
                $"{environment.Name} is within {wrapper}, and the agent applies the wrappers of its training itself; "
                + "step the environment without them, and give Predict what that shows.",
                nameof(environment));
        }

        if (Abilities.Of<IEpisode>(environment)?.IsAtStart == true)
        {
            Predictor().Forget();
        }

        // Wrappers of the training that changed the actions have left no masks.
        if (Abilities.Masked(environment) is not { } masked || !policy.ActionSpace.Equals(wrapping.ActionSpace))
        {
            return [];
        }

        var choices = masked.ActionSpace.Choices;
        if (maskRead.Length != choices)
        {
            maskRead = new bool[choices];
        }

        Array.Clear(maskRead);
        masked.ActionMask(maskRead);
        return maskRead;
    }

    /// <summary>Refuses to act as if everything were possible.</summary>
    private void RequireNoMasks()
    {
        if (HasActionMasks)
        {
            throw new InvalidOperationException(
                $"Not every action is always possible in {EnvironmentId}, "
                + "and the agent was trained with its action masks. "
                + "Give the environment, as in agent.Predict(observation, environment), "
                + "or its mask, as in agent.Predict(observation, environment.ActionMask(), action); "
                + "an empty mask allows everything.");
        }
    }

    private void RequireDiscrete()
    {
        if (ActionSpace is not DiscreteSpace)
        {
            throw new InvalidOperationException(
                $"Actions of {EnvironmentId} are {ActionSpace}, no single integer; use Predict.");
        }
    }

    /// <summary>A stream that training does not use: training splits the seed's, this one starts from its first
    /// word.</summary>
    private Rng EvaluationKey()
    {
        var (word, _) = RngModule.bits(RngModule.create(~Seed));
        return RngModule.create(word);
    }

    private WrappedPredictor Predictor()
    {
        if (!ReferenceEquals(predicted, state))
        {
            if (predictor is null)
            {
                predictor = new WrappedPredictor(policy, wrapping, facts);
            }
            else
            {
                predictor.Update(policy);
            }

            predicted = state;
        }

        return predictor!;
    }
}
