using System;
using Rl.Core.Foundations;
using Rl.Core.Training;

namespace Rl;

/// <summary>A policy in one episode: it remembers the observations that it has been shown, where the policy depends on
/// them. Used by one thread at a time.</summary>
public sealed class PolicyEpisode
{
    private readonly WrappedPredictor predictor;
    private readonly Rng[] key = new Rng[1];

    internal PolicyEpisode(Policy policy, WrappedPredictor predictor)
    {
        Policy = policy;
        this.predictor = predictor;
    }

    /// <summary>The policy that acts.</summary>
    public Policy Policy { get; }

    /// <summary>The next observation is the first of another episode: what was seen before is forgotten.</summary>
    public void Restart() => predictor.Forget();

    /// <summary>As <see cref="Restart()"/>, and says which return the episode is to have: of a decision transformer,
    /// whose actions follow from it and from the rewards that <see cref="ObserveReward"/> tells.</summary>
    /// <param name="targetReturn">The sum of the episode's rewards, in the environment's own units; finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    /// <exception cref="ArgumentException">The policy is not asked for returns.</exception>
    public void Restart(double targetReturn) => predictor.Forget(targetReturn);

    /// <summary>Says which reward followed the last action. A policy that is asked for a return (a decision
    /// transformer) takes it off from what is still to be earned; to others it means nothing.</summary>
    /// <param name="reward">What the environment's step gave; finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public void ObserveReward(double reward) => predictor.Earn(0, reward);

    /// <summary>The most probable action for the next observation of the episode. Allocates nothing.</summary>
    /// <param name="observation">As many elements as <see cref="Policy.ObservationSpace"/> has; finite.</param>
    /// <param name="action">Receives the action.</param>
    /// <exception cref="ArgumentException">A length is wrong, or the observation holds NaN or infinity; it does not
    /// count as seen.</exception>
    /// <exception cref="InvalidOperationException">The policy has action masks: give one.</exception>
    public void Predict(ReadOnlySpan<float> observation, Span<float> action)
    {
        Policy.RequireMask(false, nameof(Predict));
        Predict(observation, [], action);
    }

    /// <summary>The most probable action for the next observation of the episode among those that are
    /// possible.</summary>
    /// <param name="observation">As many elements as <see cref="Policy.ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order: whether it is possible. Each
    /// needs one choice; empty if all are possible.</param>
    /// <param name="action">Receives the action.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible; the observation does not count as seen.</exception>
    public void Predict(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action) =>
        predictor.Predict(observation, mask, action);

    /// <summary>The most probable integer for the next observation of the episode, where actions are one
    /// integer.</summary>
    /// <param name="observation">As many elements as <see cref="Policy.ObservationSpace"/> has; finite.</param>
    /// <exception cref="ArgumentException">The length is wrong, or the observation holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">Actions are no single integer, or the policy has action
    /// masks.</exception>
    public int PredictDiscrete(ReadOnlySpan<float> observation)
    {
        Policy.RequireDiscrete();
        Span<float> action = stackalloc float[1];
        Predict(observation, action);
        return (int)action[0];
    }

    /// <summary>Draws an action for the next observation of the episode, as in training.</summary>
    /// <param name="observation">As many elements as <see cref="Policy.ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order; empty if all are
    /// possible.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible; the observation does not count as seen.</exception>
    public void Sample(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        key[0] = Convert.Key(random);
        predictor.Sample(observation, mask, action, key);
    }
}
