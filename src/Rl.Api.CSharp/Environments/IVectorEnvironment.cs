using System;

namespace Rl;

/// <summary>What a step of one copy yields beside its observation.</summary>
/// <param name="Reward">The reward; finite.</param>
/// <param name="Terminated">The copy reached a terminal state.</param>
/// <param name="Truncated">The copy's episode was cut for a reason outside the task.</param>
public readonly record struct CopyOutcome(double Reward, bool Terminated, bool Truncated)
{
    /// <summary>Whether the episode is over.</summary>
    public bool IsOver => Terminated || Truncated;
}

/// <summary>An environment whose copies are better stepped together than one by one, such as those of another process,
/// where a call costs more than a step: agents take all their copies from <see cref="Vectorize"/>.</summary>
/// <remarks>The copies draw the same from their seeds as the single environment does: how many there are, and on how
/// many threads, changes no result.</remarks>
public interface IVectorizableEnvironment : IEnvironment
{
    /// <summary>Another environment of this kind, which shares nothing with it. Who calls owns it.</summary>
    IEnvironment Another();

    /// <summary>Copies of it that are stepped together. Who calls owns them.</summary>
    /// <param name="copies">How many; at least 2.</param>
    IVectorEnvironment Vectorize(int copies);
}

/// <summary>Copies of an environment that are stepped together. Rows of what a method is given are those of the copies
/// from <c>first</c> on; several threads call for different copies at the same time.</summary>
/// <remarks>Put the index of the copy that failed into <c>Data["copy"]</c> of an exception, and messages name
/// it.</remarks>
public interface IVectorEnvironment : IDisposable
{
    /// <summary>Starts episodes and writes their first observations.</summary>
    /// <param name="first">The first copy.</param>
    /// <param name="seeds">One a copy: where all randomness of its episode comes from.</param>
    /// <param name="observations">One row a copy.</param>
    void Reset(int first, ReadOnlySpan<ulong> seeds, Span<float> observations);

    /// <summary>Takes actions. A copy whose episode ends begins the next one in the same step.</summary>
    /// <param name="first">The first copy.</param>
    /// <param name="actions">One row a copy.</param>
    /// <param name="seeds">One a copy: where the randomness of the next episode comes from, if one begins.</param>
    /// <param name="outcomes">One a copy.</param>
    /// <param name="observations">One row a copy: what to act on next, after an end the first observation of the next
    /// episode.</param>
    /// <param name="finalObservations">One row a copy: the last observation of an episode that ended; others are left
    /// alone.</param>
    void Step(
        int first,
        ReadOnlySpan<float> actions,
        ReadOnlySpan<ulong> seeds,
        Span<CopyOutcome> outcomes,
        Span<float> observations,
        Span<float> finalObservations);

    /// <summary>Whether there are actions that are not always possible.</summary>
    bool HasActionMasks => false;

    /// <summary>Says which choices are possible now, one row of <see cref="Space.Choices"/> a copy.</summary>
    /// <param name="first">The first copy.</param>
    /// <param name="masks">One row a copy.</param>
    void ActionMasks(int first, Span<bool> masks) => masks.Fill(true);
}
