using System;
using Rl.Core.Environments;
using Rl.Core.Foundations;

namespace Rl.Internal;

/// <summary>What an environment, or one within it, is able to do.</summary>
internal static class Abilities
{
    /// <summary>The environment, or the first one within it, that has an ability; null if none has.</summary>
    public static T? Of<T>(IEnvironment environment)
        where T : class =>
        environment as T ?? (environment is IEnvironmentWrapper wrapper ? Of<T>(wrapper.Inner) : null);

    /// <summary>Who knows the masks of an environment; null if it has none, also where a wrapper of a user's has
    /// changed the actions.</summary>
    public static IMaskedEnvironment? Masked(IEnvironment environment) =>
        Of<IMaskedEnvironment>(environment) is { HasActionMask: true } masked
        && (ReferenceEquals(masked, environment) || Equals(masked.ActionSpace, environment.ActionSpace))
            ? masked
            : null;

    /// <summary>Disposes of an environment and of all within it.</summary>
    public static void Dispose(IEnvironment environment)
    {
        for (IEnvironment? next = environment; next is not null; next = InnerOf(next))
        {
            (next as IDisposable)?.Dispose();
        }
    }

    /// <summary>Writes the mask of a batch of one copy.</summary>
    public static void WriteMask(BatchEnvironment batch, bool isRunning, Span<bool> mask)
    {
        Guard.length(nameof(mask), batch.ActionSpace.Choices, mask.Length);
        if (!isRunning)
        {
            throw new InvalidOperationException($"No episode of {batch.Id} is running; call Reset first.");
        }

        if (batch.HasActionMasks)
        {
            batch.ActionMasks(0, 1, mask);
        }
        else
        {
            mask.Fill(true);
        }
    }

    private static IEnvironment? InnerOf(IEnvironment environment) => environment switch
    {
        IEnvironmentWrapper wrapper => wrapper.Inner,
        WrappedEnvironment wrapped => wrapped.Inner,
        _ => null,
    };
}

/// <summary>An environment that knows whether its episode has just begun.</summary>
internal interface IEpisode : IEnvironment
{
    /// <summary>Whether an episode is running and no step of it has been taken.</summary>
    bool IsAtStart { get; }
}
