using System;
using System.Runtime.InteropServices;

namespace Rl.Rendering.Internal;

/// <summary>A rectangle of pixels, from the upper left corner.</summary>
internal readonly record struct Area(int Left, int Top, int Width, int Height);

/// <summary>Where two pictures of one size differ.</summary>
internal static class Change
{
    /// <summary>The smallest rectangle that holds every difference; null if there is none.</summary>
    public static Area? Between(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, int width)
    {
        var old = MemoryMarshal.Cast<byte, uint>(before);
        var now = MemoryMarshal.Cast<byte, uint>(after);
        var first = old.CommonPrefixLength(now);
        if (first == now.Length)
        {
            return null;
        }

        var top = first / width;
        var bottom = now.Length / width;
        while (Row(old, bottom - 1, width).SequenceEqual(Row(now, bottom - 1, width)))
        {
            bottom--;
        }

        var (left, right) = (width, 0);
        for (var row = top; row < bottom; row++)
        {
            var oldRow = Row(old, row, width);
            var nowRow = Row(now, row, width);
            left = Math.Min(left, oldRow.CommonPrefixLength(nowRow));
            var end = width;
            while (end > right && oldRow[end - 1] == nowRow[end - 1])
            {
                end--;
            }

            right = Math.Max(right, end);
        }

        return new(left, top, right - left, bottom - top);
    }

    private static ReadOnlySpan<uint> Row(ReadOnlySpan<uint> pixels, int row, int width) =>
        pixels.Slice(row * width, width);
}
