using System;
using Rl.Internal;

namespace Rl;

/// <content>Actions for one observation and for many.</content>
public sealed partial class Policy
{
    /// <summary>The most probable action for an observation. Allocates nothing once warm.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="action">Receives the action: the integer of a discrete space, or numbers within the bounds of a
    /// box.</param>
    /// <exception cref="ArgumentException">A length is wrong, or the observation holds NaN or infinity; the message
    /// names the component.</exception>
    /// <exception cref="InvalidOperationException">The policy has action masks, give one; or a memory, see
    /// <see cref="BeginEpisode"/>.</exception>
    public void Predict(ReadOnlySpan<float> observation, Span<float> action)
    {
        RequireMask(false, nameof(Predict));
        Predict(observation, [], action);
    }

    /// <summary>The most probable action for an observation among those that are possible.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order: whether it is possible. Each
    /// needs one choice; empty if all are possible.</param>
    /// <param name="action">Receives the action.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible.</exception>
    /// <exception cref="InvalidOperationException">The policy has a memory.</exception>
    public void Predict(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action)
    {
        RequireNoMemory();
        var desk = single.Rent();
        try
        {
            desk.Predictor.Predict(observation, mask, action);
        }
        finally
        {
            single.Return(desk);
        }
    }

    /// <summary>The most probable action for an observation, as a new array.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <exception cref="ArgumentException">The length is wrong, or the observation holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">The policy has action masks, or a memory.</exception>
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
    /// <exception cref="InvalidOperationException">The policy has a memory.</exception>
    public float[] Predict(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask)
    {
        var action = new float[ActionSpace.Size];
        Predict(observation, mask, action);
        return action;
    }

    /// <summary>The most probable integer for an observation, where actions are one integer.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <exception cref="ArgumentException">The length is wrong, or the observation holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">Actions are no single integer; or the policy has action masks, or a
    /// memory.</exception>
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
    /// <exception cref="InvalidOperationException">Actions are no single integer; or the policy has a
    /// memory.</exception>
    public int PredictDiscrete(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask)
    {
        RequireDiscrete();
        Span<float> action = stackalloc float[1];
        Predict(observation, mask, action);
        return (int)action[0];
    }

    /// <summary>The most probable actions for any number of observations, none too; each is what <c>Predict</c> gives
    /// for it, bit for bit.</summary>
    /// <param name="observations">One after the other: rows of as many elements as <see cref="ObservationSpace"/> has;
    /// finite.</param>
    /// <param name="actions">Receives as many rows of as many elements as <see cref="ActionSpace"/> has.</param>
    /// <exception cref="ArgumentException">A length is wrong, or an observation holds NaN or infinity; the message
    /// names row and component.</exception>
    /// <exception cref="InvalidOperationException">The policy has action masks, give them; or a memory.</exception>
    public void PredictBatch(ReadOnlySpan<float> observations, Span<float> actions)
    {
        RequireMask(false, nameof(PredictBatch));
        PredictBatch(observations, [], actions);
    }

    /// <summary>The most probable actions for any number of observations among those that are possible.</summary>
    /// <param name="observations">One after the other; finite.</param>
    /// <param name="masks">A row for each observation: one element a choice of the discrete actions; empty if all are
    /// possible.</param>
    /// <param name="actions">Receives as many rows of as many elements as <see cref="ActionSpace"/> has.</param>
    /// <exception cref="ArgumentException">A length is wrong, an observation holds NaN or infinity, or a mask allows
    /// nothing.</exception>
    /// <exception cref="InvalidOperationException">The policy has a memory.</exception>
    public void PredictBatch(ReadOnlySpan<float> observations, ReadOnlySpan<bool> masks, Span<float> actions) =>
        Batch(observations, masks, actions, null);

    /// <summary>Draws an action from the policy, as in training.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from.</param>
    /// <exception cref="ArgumentException">A length is wrong, or the observation holds NaN or infinity.</exception>
    /// <exception cref="InvalidOperationException">The policy has action masks, or a memory.</exception>
    public void Sample(ReadOnlySpan<float> observation, Span<float> action, Random random)
    {
        RequireMask(false, nameof(Sample));
        Sample(observation, [], action, random);
    }

    /// <summary>Draws an action from the policy among those that are possible.</summary>
    /// <param name="observation">As many elements as <see cref="ObservationSpace"/> has; finite.</param>
    /// <param name="mask">One element a choice of the discrete actions, in their order; empty if all are
    /// possible.</param>
    /// <param name="action">Receives the action.</param>
    /// <param name="random">Where the draw comes from; each thread needs its own, with its own seed.</param>
    /// <exception cref="ArgumentException">A length is wrong, the observation holds NaN or infinity, or no choice is
    /// possible.</exception>
    /// <exception cref="InvalidOperationException">The policy has a memory.</exception>
    public void Sample(ReadOnlySpan<float> observation, ReadOnlySpan<bool> mask, Span<float> action, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        RequireNoMemory();
        var desk = single.Rent();
        try
        {
            desk.Keys[0] = Convert.Key(random);
            desk.Predictor.Sample(observation, mask, action, desk.Keys);
        }
        finally
        {
            single.Return(desk);
        }
    }

    /// <summary>Draws actions for any number of observations among those that are possible: what <c>Sample</c> draws
    /// for one after the other.</summary>
    /// <param name="observations">One after the other; finite.</param>
    /// <param name="masks">A row for each observation; empty if all choices are possible.</param>
    /// <param name="actions">Receives as many rows of as many elements as <see cref="ActionSpace"/> has.</param>
    /// <param name="random">Where the draws come from.</param>
    /// <exception cref="ArgumentException">A length is wrong, an observation holds NaN or infinity, or a mask allows
    /// nothing.</exception>
    /// <exception cref="InvalidOperationException">The policy has a memory.</exception>
    public void SampleBatch(
        ReadOnlySpan<float> observations, ReadOnlySpan<bool> masks, Span<float> actions, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        Batch(observations, masks, actions, random);
    }

    private void Batch(
        ReadOnlySpan<float> observations, ReadOnlySpan<bool> masks, Span<float> actions, Random? random)
    {
        RequireNoMemory();
        var rows = Rows(observations, masks, actions);
        for (var row = 0; row < rows;)
        {
            var left = rows - row;
            var pool = left >= Many ? many : left > 1 ? few : single;
            var count = Math.Min(left, pool.Rows);
            var desk = pool.Rent();
            try
            {
                Part(desk, pool.Rows, row, count, observations, masks, actions, random);
            }
            finally
            {
                pool.Return(desk);
            }

            row += count;
        }
    }

    /// <summary>Acts for a part of a batch. Where it does not fill the program, its last row stands in the others
    /// too.</summary>
    private void Part(
        PredictorPool.Desk desk,
        int size,
        int first,
        int count,
        ReadOnlySpan<float> observations,
        ReadOnlySpan<bool> masks,
        Span<float> actions,
        Random? random)
    {
        var choices = single.Choices;
        var ofObservations = observations.Slice(first * ObservationSpace.Size, count * ObservationSpace.Size);
        var ofMasks = masks.IsEmpty ? masks : masks.Slice(first * choices, count * choices);
        var ofActions = actions.Slice(first * ActionSpace.Size, count * ActionSpace.Size);
        for (var row = 0; random is not null && row < size; row++)
        {
            desk.Keys[row] = row < count ? Convert.Key(random) : desk.Keys[0];
        }

        if (count == size)
        {
            Act(desk, ofObservations, ofMasks, ofActions, random is not null);
        }
        else
        {
            Fill(ofObservations, ObservationSpace.Size, desk.Observations);
            Fill(ofMasks, choices, desk.Masks);
            Act(desk, desk.Observations, masks.IsEmpty ? masks : desk.Masks, desk.Actions, random is not null);
            desk.Actions.AsSpan(0, ofActions.Length).CopyTo(ofActions);
        }
    }

    private static void Act(
        PredictorPool.Desk desk,
        ReadOnlySpan<float> observations,
        ReadOnlySpan<bool> masks,
        Span<float> actions,
        bool draws)
    {
        if (draws)
        {
            desk.Predictor.Sample(observations, masks, actions, desk.Keys);
        }
        else
        {
            desk.Predictor.Predict(observations, masks, actions);
        }
    }

    /// <summary>Copies rows, and the last of them into all that follow.</summary>
    private static void Fill<T>(ReadOnlySpan<T> rows, int size, Span<T> destination)
    {
        if (!rows.IsEmpty)
        {
            rows.CopyTo(destination);
            for (var start = rows.Length; start < destination.Length; start += size)
            {
                rows[^size..].CopyTo(destination[start..]);
            }
        }
    }

    /// <summary>The number of rows of a batch whose parts agree and whose observations are finite.</summary>
    private int Rows(ReadOnlySpan<float> observations, ReadOnlySpan<bool> masks, ReadOnlySpan<float> actions)
    {
        var size = ObservationSpace.Size;
        var rows = observations.Length / size;
        if (rows * size != observations.Length)
        {
            throw new ArgumentException(
                $"observations has {observations.Length} elements; it must have a multiple of {size}, those of one "
                + $"from {ObservationSpace}.",
                nameof(observations));
        }

        RequireLength(nameof(actions), actions.Length, rows, ActionSpace.Size);
        if (!masks.IsEmpty)
        {
            RequireLength(nameof(masks), masks.Length, rows, single.Choices);
        }

        var bad = observations.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
        if (bad >= 0)
        {
            throw new ArgumentException(
                $"Component {bad % size} of observation {bad / size} is {Convert.Text(observations[bad])}; "
                + "observations must be finite.",
                nameof(observations));
        }

        return rows;
    }

    private static void RequireLength(string name, int length, int rows, int size)
    {
        if (length != rows * size)
        {
            throw new ArgumentException(
                $"{name} has {length} elements; it must have {rows * size}, {size} for each of {rows} observations.",
                name);
        }
    }
}
