using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;

namespace Rl.Rendering.Internal;

/// <summary>The colours of a frame: exact while there are few; else the commonest are exact, and the others lose the
/// last bits of each channel until all fit.</summary>
internal sealed class Palette
{
    /// <summary>One of 256 indices is kept for pixels that stay.</summary>
    private const int MostColours = 255;

    /// <summary>Of too many colours so many are exact, so that areas show no tint where something has passed.</summary>
    private const int ExactColours = 128;

    private readonly Dictionary<uint, int> counts = [];
    private readonly Dictionary<uint, byte> indices = [];
    private readonly List<uint> colours = [];

    /// <summary>0xBBGGRR of each index; index 0 stands for no colour.</summary>
    public ReadOnlySpan<uint> Colours => CollectionsMarshal.AsSpan(colours);

    /// <summary>Writes the index of each pixel of an area, <see cref="GifFile.Transparent"/> where it is as
    /// before.</summary>
    /// <param name="before">The picture that is seen; empty for none.</param>
    /// <param name="after">The picture to show.</param>
    /// <param name="width">Pixels a row of both.</param>
    /// <param name="area">Where they are compared.</param>
    /// <param name="result">A byte for each pixel of the area.</param>
    public void Index(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, int width, Area area, Span<byte> result)
    {
        var old = MemoryMarshal.Cast<byte, uint>(before);
        var now = MemoryMarshal.Cast<byte, uint>(after);
        Count(old, now, width, area);
        Choose();

        // Opaque pixels are never 0, so that the first one is looked up.
        var (last, lastIndex, at) = (0u, GifFile.Transparent, 0);
        for (var y = area.Top; y < area.Top + area.Height; y++)
        {
            var start = (y * width) + area.Left;
            for (var pixel = start; pixel < start + area.Width; pixel++)
            {
                var colour = now[pixel];
                if (!old.IsEmpty && old[pixel] == colour)
                {
                    result[at++] = GifFile.Transparent;
                    continue;
                }

                if (colour != last)
                {
                    (last, lastIndex) = (colour, indices[colour]);
                }

                result[at++] = lastIndex;
            }
        }
    }

    private static uint Quantise(uint colour, int dropped)
    {
        // The middle of the colours that fall together.
        var low = (1u << dropped) - 1;
        return (colour & ~(low * 0x010101u) & 0xffffff) | ((low + 1) / 2 * 0x010101u);
    }

    /// <summary>Counts the pixels of each colour that is new in an area.</summary>
    private void Count(ReadOnlySpan<uint> old, ReadOnlySpan<uint> now, int width, Area area)
    {
        counts.Clear();
        var (last, run) = (0u, 0);
        for (var y = area.Top; y < area.Top + area.Height; y++)
        {
            var start = (y * width) + area.Left;
            for (var pixel = start; pixel < start + area.Width; pixel++)
            {
                var colour = now[pixel];
                if (!old.IsEmpty && old[pixel] == colour)
                {
                    continue;
                }

                if (colour != last)
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(counts, last, out _) += run;
                    (last, run) = (colour, 0);
                }

                run++;
            }
        }

        CollectionsMarshal.GetValueRefOrAddDefault(counts, last, out _) += run;
        counts.Remove(0);
    }

    /// <summary>Gives every counted colour an index.</summary>
    private void Choose()
    {
        indices.Clear();
        colours.Clear();
        colours.Add(0);
        if (counts.Count <= MostColours)
        {
            foreach (var colour in counts.Keys)
            {
                indices.Add(colour, Add(colour));
            }

            return;
        }

        var ordered = counts.OrderByDescending(count => count.Value)
            .ThenBy(count => count.Key)
            .Select(count => count.Key).ToList();
        foreach (var colour in ordered.Take(ExactColours))
        {
            indices.Add(colour, Add(colour));
        }

        var dropped = 1;
        int Left() => ordered.Skip(ExactColours).Select(colour => Quantise(colour, dropped)).Distinct().Count();
        while (Left() > MostColours - ExactColours)
        {
            dropped++;
        }

        var quantised = new Dictionary<uint, byte>();
        foreach (var colour in ordered.Skip(ExactColours))
        {
            ref var index =
                ref CollectionsMarshal.GetValueRefOrAddDefault(quantised, Quantise(colour, dropped), out var exists);
            index = exists ? index : Add(Quantise(colour, dropped));
            indices.Add(colour, index);
        }
    }

    private byte Add(uint colour)
    {
        colours.Add(colour);
        return (byte)(colours.Count - 1);
    }
}
