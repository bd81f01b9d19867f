using System;

namespace Rl.Gymnasium.Internal;

/// <summary>Refuses actions before Python sees them, where the message can say more.</summary>
internal static class Actions
{
    /// <summary>Requires rows of finite numbers whose integers lie in their parts of the space.</summary>
    /// <param name="name">What messages call the environment.</param>
    /// <param name="space">The space of one action.</param>
    /// <param name="integers">Its parts that are no boxes.</param>
    /// <param name="action">One or several rows.</param>
    public static void Require(
        string name, Space space, (int Offset, int Size, Space Space)[] integers, ReadOnlySpan<float> action)
    {
        if (action.Length != space.Size)
        {
            throw new ArgumentException(
                $"{name}: the action has {action.Length} elements; {space} needs {space.Size}.", nameof(action));
        }

        for (var index = 0; index < action.Length; index++)
        {
            if (!float.IsFinite(action[index]))
            {
                throw new ArgumentException(
                    $"{name}: component {index} of the action is {action[index]}; it must be a finite number.",
                    nameof(action));
            }
        }

        foreach (var (offset, size, part) in integers)
        {
            if (!part.Contains(action.Slice(offset, size)))
            {
                throw new ArgumentException(
                    $"{name}: the action has {string.Join(", ", action.Slice(offset, size).ToArray())} from component "
                        + $"{offset} on, which does not lie in {part}.",
                    nameof(action));
            }
        }
    }
}
