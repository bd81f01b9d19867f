using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Rl.Rendering.Internal;

/// <summary>The colours of a frame: exact while there are few, else with the last bits of each channel left out until they fit.</summary>
internal sealed class Palette
{
    /// <summary>One of 256 indices is kept for pixels that stay.</summary>
    private const int MostColours = 255;

    private readonly Dictionary<uint, byte> indices = [];
    private readonly List<uint> colours = [];

    /// <summary>0xBBGGRR of each index; index 0 stands for no colour.</summary>
    public ReadOnlySpan<uint> Colours => CollectionsMarshal.AsSpan(colours);

    /// <summary>Writes the index of each pixel of an area, <see cref="GifFile.Transparent"/> where it is as before.</summary>
    /// <param name="before">The picture that is seen; empty for none.</param>
    /// <param name="after">The picture to show.</param>
    /// <param name="width">Pixels a row of both.</param>
    /// <param name="area">Where they are compared.</param>
    /// <param name="result">A byte for each pixel of the area.</param>
    public void Index(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, int width, Area area, Span<byte> result)
    {
        for (var dropped = 0; !TryIndex(before, after, width, area, result, dropped); dropped++)
        {
        }
    }

    private static uint Quantise(uint colour, int dropped)
    {
        // The middle of the colours that fall together.
        var low = (1u << dropped) - 1;
        return (colour & ~(low * 0x010101u) & 0xffffff) | ((low + 1) / 2 * 0x010101u);
    }

    private bool TryIndex(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, int width, Area area, Span<byte> result, int dropped)
    {
        indices.Clear();
        colours.Clear();
        colours.Add(0);
        var old = MemoryMarshal.Cast<byte, uint>(before);
        var now = MemoryMarshal.Cast<byte, uint>(after);
        var (last, lastIndex) = (0u, GifFile.Transparent);
        var at = 0;
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

                // Opaque pixels are never 0, so that the first one is looked up.
                if (colour != last)
                {
                    var quantised = Quantise(colour, dropped);
                    if (!indices.TryGetValue(quantised, out lastIndex))
                    {
                        if (colours.Count > MostColours)
                        {
                            return false;
                        }

                        lastIndex = (byte)colours.Count;
                        indices.Add(quantised, lastIndex);
                        colours.Add(quantised);
                    }

                    last = colour;
                }

                result[at++] = lastIndex;
            }
        }

        return true;
    }
}
