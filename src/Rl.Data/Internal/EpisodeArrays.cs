using System;
using System.IO;

namespace Rl.Data.Internal;

/// <summary>Columns of an episode's rows as arrays with the types and axes that a space has on disk.</summary>
internal static class EpisodeArrays
{
    /// <summary>The array of a part.</summary>
    /// <param name="episode">For messages.</param>
    /// <param name="name">For messages: what the part is called.</param>
    /// <param name="space">The part's space.</param>
    /// <param name="rows">The rows of the whole.</param>
    /// <param name="stride">The elements of a row.</param>
    /// <param name="offset">Where the part begins in a row.</param>
    public static DataArray Part(
        DatasetEpisode episode, string name, GymSpace space, ReadOnlySpan<float> rows, int stride, int offset)
    {
        var count = rows.Length / stride;
        var size = space.Space.Size;
        var values = ElementTypes.Create(space.Type, checked(count * size));
        var lost = Conversion.FromSingles(rows, offset, stride, count, size, values);
        if (lost >= 0)
        {
            var number = rows[offset + (lost / size * stride) + (lost % size)];
            throw new InvalidDataException(
                $"Episode {episode.Number}, step {lost / size}: {name} holds {number}, no "
                + $"{ElementTypes.Name(space.Type)} as {space.Space} is stored; give it another box.");
        }

        return new(values, [count, .. space.Shape]);
    }
}
