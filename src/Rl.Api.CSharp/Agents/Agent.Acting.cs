using System;
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

    /// <summary>Says that the next observation is the first of an episode: a recurrent policy forgets what it has seen. Others have nothing to forget.</summary>
    public void BeginEpisode()
    {
        using var _ = Enter(mayBeReporting: true);
        Predictor().Forget();
    }

    /// <summary>The most probable action for an observation. Allocates nothing. A recurrent policy remembers the observation until <see cref="BeginEpisode"/>.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite. It is normalised, and goes through the wrappers of observations, as in training.</param>
    /// <param name="action">Receives the action: the integer of a discrete space, or numbers within the bounds of a box.</param>
    /// <exception cref="ArgumentException">A length is wrong, or the observation holds NaN or infinity; the message names the component.</exception>
    public void Predict(ReadOnlySpan<float> observation, Span<float> action) => Predict(observation, [], action);

    /// <summary>The most probable action for an observation among those that are possible. Allocates nothing.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order: whether it is possible. Each needs one choice; empty if all are possible.</param>
    /// <param name="action">Receives the action.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is possible.</exception>
    public void Predict(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action)
    {
        using var _ = Enter(mayBeReporting: true);
        Predictor().Predict(observation, mask, action);
    }

    /// <summary>The most probable action for an observation, as a new array.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <exception cref="ArgumentException">The length is wrong, or the observation holds NaN or infinity.</exception>
    public float[] Predict(ReadOnlySpan<float> observation)
    {
        var action = new float[ActionSpace.Size];
        Predict(observation, action);
        return action;
    }

    /// <summary>Draws an action from the policy, as in training.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="ArgumentException">A length is wrong, or the observation holds NaN or infinity.</exception>
    public void Sample(ReadOnlySpan<float> observation, Span<float> action, Random random) => Sample(observation, [], action, random);

    /// <summary>Draws an action from the policy among those that are possible.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order: whether it is possible; empty if all are.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is possible.</exception>
    public void Sample(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        using var _ = Enter(mayBeReporting: true);
        sampleKey[0] = Convert.Key(random);
        Predictor().Sample(observation, mask, action, sampleKey);
    }

    /// <summary>Runs whole episodes in fresh copies of the environment.</summary>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="OperationCanceledException">The evaluation was stopped.</exception>
    /// <exception cref="InvalidOperationException">The agent was loaded without an environment.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public EvaluationResult Evaluate(int episodes = 100, ulong? seed = null, bool deterministic = true, CancellationToken cancellationToken = default) =>
        Evaluate(
            source ?? throw new InvalidOperationException(
                $"The agent was loaded without its environment {EnvironmentId}; give Evaluate one, or load it with Agent.Load(path, () => new YourEnvironment())."),
            episodes,
            seed,
            deterministic,
            cancellationToken);

    /// <summary>Runs whole episodes in an environment of the library with the same spaces.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment has other spaces; the message names both.</exception>
    public EvaluationResult Evaluate(
        BuiltInEnvironment environment,
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), episodes, seed, deterministic, cancellationToken);

    /// <summary>Runs whole episodes in an environment of the library within wrappers, which take over what those of the training have learned.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's seed.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment has other spaces or other wrappers that learn; the message names both.</exception>
    public EvaluationResult Evaluate(
        WrappedEnvironment environment,
        int episodes = 100,
        ulong? seed = null,
        bool deterministic = true,
        CancellationToken cancellationToken = default) =>
        Evaluate(EnvironmentSource.Of(environment), episodes, seed, deterministic, cancellationToken);

    /// <summary>Runs whole episodes in an environment of your own with the same spaces.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where the episodes' randomness comes from; null for one that follows from the agent's seed.</param>
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

    private EvaluationResult Evaluate(EnvironmentSource where, int episodes, ulong? seed, bool deterministic, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(episodes, 1);
        using var _ = Enter(mayBeReporting: true);
        var key = seed is { } given ? RngModule.create(given) : EvaluationKey();
        var batch = where.Within(Convert.Wrappers(wrapping)).Create(Math.Min(episodes, Options.EnvironmentCopies));
        return Failures.Translate(() =>
            new EvaluationResult(Core.Training.Evaluate.run(policy, batch, episodes, deterministic, key, cancellationToken)));
    }

    /// <summary>A stream that training does not use: training splits the seed's, this one starts from its first word.</summary>
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
                predictor = new WrappedPredictor(policy, wrapping);
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
