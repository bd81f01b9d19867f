using System;
using System.Linq;
using Rl.Gymnasium.Internal;

namespace Rl.Gymnasium;

/// <summary>Copies of an environment of Gymnasium, stepped together by hand: one frame to Python and one back for all
/// of them. Not thread-safe. Dispose of it to end its Python.</summary>
/// <remarks>What a step yields stands in the properties until the next one. Whether the next episode of a copy begins
/// in the step that ends one, or in the step after it, is its vector class's affair and said by
/// <see cref="BeginsInNextStep"/>; the last observation of an episode is in <see cref="FinalObservations"/> either
/// way.</remarks>
public sealed class GymnasiumVector : IDisposable
{
    private readonly BridgedCopies copies;
    private readonly (int Offset, int Size, Space Space)[] integers;
    private readonly float[] observations;
    private readonly float[] finals;
    private readonly bool[] terminated;
    private readonly bool[] truncated;
    private readonly bool[] started;
    private readonly ulong[] seeds;
    private bool isRunning;

    private GymnasiumVector(string id, BridgedCopies copies)
    {
        Id = id;
        this.copies = copies;
        observations = new float[Count * ObservationSpace.Size];
        finals = new float[observations.Length];
        terminated = new bool[Count];
        truncated = new bool[Count];
        started = new bool[Count];
        seeds = new ulong[Count];
        integers =
        [
            .. ActionSpace.Layout
                .Where(part => part.Space is not BoxSpace)
                .Select(part => (part.Offset, part.Space.Size, part.Space)),
        ];
    }

    /// <summary>Gymnasium's id.</summary>
    public string Id { get; }

    /// <summary>The number of copies, N.</summary>
    public int Count => copies.Count;

    /// <summary>The set of observations of one copy.</summary>
    public Space ObservationSpace => copies.Description.Observations;

    /// <summary>The set of actions of one copy.</summary>
    public Space ActionSpace => copies.Description.Actions;

    /// <summary>The version of gymnasium.</summary>
    public string GymnasiumVersion => copies.Description.Gymnasium;

    /// <summary>Whether the next episode of a copy begins in the step after the one that ends its episode: that step's
    /// action is ignored and <see cref="Started"/> says so. False: it begins in the step that ends one, and
    /// <see cref="Observations"/> are its first then.</summary>
    public bool BeginsInNextStep => copies.Description.BeginsInNextStep;

    /// <summary>[N, observation]: what is observed now.</summary>
    public ReadOnlySpan<float> Observations => observations;

    /// <summary>[N, observation]: the last observation of each episode that ended in the step; other rows are of
    /// earlier ones.</summary>
    public ReadOnlySpan<float> FinalObservations => finals;

    /// <summary>[N]: the rewards of the step.</summary>
    public ReadOnlySpan<double> Rewards => copies.Rewards;

    /// <summary>[N]: whether the step ended the copy's episode in a terminal state.</summary>
    public ReadOnlySpan<bool> Terminated => terminated;

    /// <summary>[N]: whether the step cut the copy's episode, which did not terminate.</summary>
    public ReadOnlySpan<bool> Truncated => truncated;

    /// <summary>[N]: whether the step began an episode of the copy instead of taking its action; always false unless
    /// <see cref="BeginsInNextStep"/>.</summary>
    public ReadOnlySpan<bool> Started => started;

    /// <summary>Whether there are actions that are not always possible.</summary>
    public bool HasActionMasks => copies.HasActionMasks;

    /// <summary>Makes copies of an environment.</summary>
    /// <param name="id">Gymnasium's id.</param>
    /// <param name="count">How many; at least 1.</param>
    /// <param name="vectorization">How they are stepped.</param>
    /// <param name="options">How they are made; the defaults if null.</param>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    /// <exception cref="GymnasiumException">There is no Python or no gymnasium, the environment cannot be made or has
    /// no such vectorization, or it has a space that cannot be carried.</exception>
    public static GymnasiumVector Make(
        string id, int count, Vectorization vectorization = Vectorization.Each, GymnasiumOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(id);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        options ??= new();
        options.Validate();
        var mode = vectorization switch
        {
            Vectorization.Each => "each",
            Vectorization.EntryPoint => "entry",
            Vectorization.Async => "async",
            _ => throw new ArgumentOutOfRangeException(
                nameof(vectorization), vectorization, $"vectorization is {vectorization}; it must be Each, "
                    + "EntryPoint or "
                    + "Async."),
        };
        return new(id, BridgedCopies.Start(id, mode, count, options));
    }

    /// <summary>Starts an episode in every copy and returns the observations: copy i from the seed
    /// <paramref name="seed"/> + i, or all from the one seed where a vector class takes one, as in Gymnasium. Later
    /// episodes follow from it.</summary>
    /// <param name="seed">Where all randomness comes from.</param>
    public ReadOnlySpan<float> Reset(ulong seed)
    {
        for (var copy = 0; copy < Count; copy++)
        {
            seeds[copy] = unchecked(seed + (ulong)copy);
        }

        isRunning = false;
        Clear();
        copies.Reset(0, seeds, observations);
        isRunning = true;
        return observations;
    }

    /// <summary>Takes an action in every copy.</summary>
    /// <param name="actions">[N, action], one row a copy.</param>
    /// <exception cref="InvalidOperationException">No episodes are running: call <c>Reset</c> first.</exception>
    /// <exception cref="ArgumentException">The actions have another length, are not finite, or have what is no integer
    /// of their space.</exception>
    /// <exception cref="GymnasiumException">Python raised, ended or did not answer in time; reset the
    /// copies.</exception>
    public void Step(ReadOnlySpan<float> actions)
    {
        if (!isRunning)
        {
            throw new InvalidOperationException($"No episodes of {Id} are running; call Reset first.");
        }

        var size = ActionSpace.Size;
        if (actions.Length != Count * size)
        {
            throw new ArgumentException(
                $"actions has {actions.Length} elements; {Count} copies of {ActionSpace} need {Count * size}.",
                nameof(actions));
        }

        for (var copy = 0; copy < Count; copy++)
        {
            Actions.Require(Id, ActionSpace, integers, actions.Slice(copy * size, size));
        }

        isRunning = false;
        copies.Step(0, Count, actions, [], observations, finals);
        isRunning = true;
        for (var copy = 0; copy < Count; copy++)
        {
            var flag = copies.Flags[copy];
            terminated[copy] = (flag & StepFlags.Terminated) != 0;
            truncated[copy] = !terminated[copy] && (flag & StepFlags.Truncated) != 0;
            started[copy] = (flag & StepFlags.Started) != 0;
        }
    }

    /// <summary>Says which choices are possible now; all of them where there are no masks.</summary>
    /// <param name="masks">[N, choices], one row of <see cref="Space.Choices"/> a copy.</param>
    public void ActionMasks(Span<bool> masks)
    {
        if (masks.Length != Count * ActionSpace.Choices)
        {
            throw new ArgumentException(
                $"masks has {masks.Length} elements; {Count} copies of {ActionSpace} need "
                    + $"{Count * ActionSpace.Choices}.",
                nameof(masks));
        }

        copies.ActionMasks(0, masks);
    }

    /// <summary>Closes the copies and ends their Python.</summary>
    public void Dispose()
    {
        isRunning = false;
        copies.Dispose();
    }

    private void Clear()
    {
        Array.Clear(terminated);
        Array.Clear(truncated);
        Array.Clear(started);
    }
}
