using System;
using Rl.Core.Environments;

namespace Rl.Internal;

/// <summary>A user's copies that are stepped together as the core sees them. To dispose of it disposes of
/// them.</summary>
internal sealed class VectorAdapter(IVectorizableEnvironment environment, int count, int? maxEpisodeSteps)
    : IMutableBatch, IDisposable
{
    private readonly IVectorEnvironment copies = environment.Vectorize(count)
        ?? throw new ArgumentException($"{environment.Name}.Vectorize returned null; return the copies.");

    private readonly CopyOutcome[] outcomes = new CopyOutcome[count];

    public Core.Environments.Space ObservationSpace => environment.ObservationSpace.Core;

    public Core.Environments.Space ActionSpace => environment.ActionSpace.Core;

    public int MaxEpisodeSteps => maxEpisodeSteps ?? environment.MaxEpisodeSteps;

    public bool HasActionMasks => copies.HasActionMasks;

    public void Reset(int first, ReadOnlySpan<ulong> seeds, Span<float> observations) =>
        copies.Reset(first, seeds, observations);

    public void Step(
        int first,
        ReadOnlySpan<float> actions,
        ReadOnlySpan<ulong> seeds,
        Span<Outcome> results,
        Span<float> observations,
        Span<float> finalObservations)
    {
        var found = outcomes.AsSpan(first, seeds.Length);
        copies.Step(first, actions, seeds, found, observations, finalObservations);
        for (var copy = 0; copy < found.Length; copy++)
        {
            results[copy] = new(found[copy].Reward, found[copy].Terminated, found[copy].Truncated);
        }
    }

    public void ActionMasks(int first, Span<bool> masks) => copies.ActionMasks(first, masks);

    public void Dispose() => copies.Dispose();
}
