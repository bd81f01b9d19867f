using System;
using System.Linq;
using System.Threading;
using Rl.Core.Foundations;
using Rl.Core.Training;
using Rl.Internal;

namespace Rl;

/// <content>Acting: predictions and draws.</content>
public sealed partial class Agent
{
    private readonly Rng[] sampleKey = new Rng[1];
    private bool[] maskRead = [];
    private Policy? shared;
    private double? askedReturn;
    private IEnvironment? fitting;

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
    /// nothing to forget. A policy that is asked for a return (a decision transformer) is asked for the one that its
    /// data and options say.</summary>
    public void BeginEpisode()
    {
        using var _ = Enter(mayBeReporting: true);
        askedReturn = null;
        Predictor().Forget();
    }

    /// <summary>As <see cref="BeginEpisode()"/>, and says which return the episode is to have: of a decision
    /// transformer, whose actions follow from it and from the rewards that <see cref="ObserveReward"/> tells. Counts
    /// also for the episodes that begin after it, until another call.</summary>
    /// <param name="targetReturn">The sum of an episode's rewards, in the environment's own units; finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    /// <exception cref="ArgumentException">The policy is not asked for returns.</exception>
    public void BeginEpisode(double targetReturn)
    {
        using var _ = Enter(mayBeReporting: true);
        Predictor().Forget(targetReturn);
        askedReturn = targetReturn;
    }

    /// <summary>Says which reward followed the last predicted action. A policy that is asked for a return (a decision
    /// transformer) takes it off from what is still to be earned; to others it means nothing. Evaluations and playback
    /// say it themselves.</summary>
    /// <param name="reward">What the environment's step gave; finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public void ObserveReward(double reward)
    {
        using var _ = Enter(mayBeReporting: true);
        Predictor().Earn(0, reward);
    }

    /// <summary>The most probable action for what an environment shows, among those that are possible in it. As
    /// <see cref="Predict(ReadOnlySpan{float}, ReadOnlySpan{bool}, Span{float})"/> with its mask; in an environment of
    /// the library it also says <see cref="BeginEpisode()"/> where an episode begins.</summary>
    /// <param name="observation">What the environment's latest reset or step returned.</param>
    /// <param name="environment">The environment: of the library, or your own; its episode is running.</param>
    /// <exception cref="ArgumentException">The observation's length is wrong, it holds NaN or infinity; or the
    /// environment has other spaces, gives no action masks where the agent was trained with them, or is within wrappers
    /// that the agent applies itself.</exception>
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
    /// has other spaces, gives no action masks where the agent was trained with them, or is within wrappers that the
    /// agent applies itself.</exception>
    public void Predict(ReadOnlySpan<float> observation, IEnvironment environment, Span<float> action)
    {
        using var _ = Enter(mayBeReporting: true);
        var mask = Look(environment);
        Predictor().Predict(observation, mask, action);
    }

    /// <summary>The most probable action for an observation. Allocates nothing. A policy with a memory remembers the
    /// observation until <see cref="BeginEpisode()"/>.</summary>
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
    /// with a memory remembers the observation until <see cref="BeginEpisode()"/>.</summary>
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

    /// <summary>The most probable actions for any number of observations, none too; each is what <c>Predict</c> gives
    /// for it, bit for bit. As <see cref="Policy.PredictBatch(ReadOnlySpan{float}, Span{float})"/> of
    /// <see cref="ToPolicy"/>, which any number of threads may use.</summary>
    /// <param name="observations">One after the other: rows of as many elements as <see cref="ObservationSpace"/> has;
    /// finite.</param>
    /// <param name="actions">Receives as many rows of as many elements as <see cref="ActionSpace"/> has.</param>
    /// <exception cref="ArgumentException">A length is wrong, or an observation holds NaN or infinity; the message
    /// names row and component.</exception>
    /// <exception cref="InvalidOperationException">The agent has action masks, give them; or a memory.</exception>
    public void PredictBatch(ReadOnlySpan<float> observations, Span<float> actions) =>
        ToPolicy().PredictBatch(observations, actions);

    /// <summary>The most probable actions for any number of observations among those that are possible.</summary>
    /// <param name="observations">One after the other; finite.</param>
    /// <param name="masks">A row for each observation: one element a choice of the discrete actions; empty if all are
    /// possible.</param>
    /// <param name="actions">Receives as many rows of as many elements as <see cref="ActionSpace"/> has.</param>
    /// <exception cref="ArgumentException">A length is wrong, an observation holds NaN or infinity, or a mask allows
    /// nothing.</exception>
    /// <exception cref="InvalidOperationException">The agent has a memory.</exception>
    public void PredictBatch(ReadOnlySpan<float> observations, ReadOnlySpan<bool> masks, Span<float> actions) =>
        ToPolicy().PredictBatch(observations, masks, actions);

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

    /// <summary>The most probable action for an observation among those that are possible, as a new array.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order; empty if all are
    /// possible.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible.</exception>
    public float[] Predict(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask)
    {
        var action = new float[ActionSpace.Size];
        Predict(observation, mask, action);
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

    /// <summary>The most probable integer for an observation among those that are possible, where actions are one
    /// integer.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice; empty if all are possible.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible.</exception>
    /// <exception cref="InvalidOperationException">Actions are no single integer.</exception>
    public int PredictDiscrete(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask)
    {
        RequireDiscrete();
        Span<float> action = stackalloc float[1];
        Predict(observation, mask, action);
        return (int)action[0];
    }

    /// <summary>The most probable integer for what an environment shows, among those that are possible in it, where
    /// actions are one integer.</summary>
    /// <param name="observation">What the environment's latest reset or step returned.</param>
    /// <param name="environment">The environment: of the library, or your own; its episode is running.</param>
    /// <exception cref="ArgumentException">The observation's length is wrong, it holds NaN or infinity; or the
    /// environment has other spaces, gives no action masks where the agent was trained with them, or is within wrappers
    /// that the agent applies itself.</exception>
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
    /// has other spaces, gives no action masks where the agent was trained with them, or is within wrappers that the
    /// agent applies itself.</exception>
    public void Sample(ReadOnlySpan<float> observation, IEnvironment environment, Span<float> action, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        using var _ = Enter(mayBeReporting: true);
        var mask = Look(environment);
        sampleKey[0] = Convert.Key(random);
        Predictor().Sample(observation, mask, action, sampleKey);
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

        RequireFit(environment);
        if (Abilities.Of<IEpisode>(environment)?.IsAtStart == true)
        {
            if (askedReturn is { } asked)
            {
                Predictor().Forget(asked);
            }
            else
            {
                Predictor().Forget();
            }
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

    /// <summary>Refuses an environment that the agent cannot act in; one that was looked at before is not asked
    /// again.</summary>
    private void RequireFit(IEnvironment environment)
    {
        if (ReferenceEquals(environment, fitting))
        {
            return;
        }

        if (!IsSame(ObservationSpace, environment.ObservationSpace) || !IsSame(ActionSpace, environment.ActionSpace))
        {
            throw new ArgumentException(
                $"{environment.Name} has observations {environment.ObservationSpace} and actions "
                + $"{environment.ActionSpace}; the agent needs {ObservationSpace} and {ActionSpace}, those of "
                + $"{EnvironmentId}. Give the environment that the observation comes from.",
                nameof(environment));
        }

        if (HasActionMasks && Abilities.Masked(environment) is null)
        {
            throw new ArgumentException(
                $"{environment.Name} gives no action mask, and the agent was trained with those of {EnvironmentId}. "
                + "Give an environment that has them (IMaskedEnvironment), or the mask itself, as in "
                + "agent.Predict(observation, mask, action); an empty mask allows everything.",
                nameof(environment));
        }

        fitting = environment;

        static bool IsSame(Space own, Space? other) => other is not null && own.Core.Equals(other.Core);
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
