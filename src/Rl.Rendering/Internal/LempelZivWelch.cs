using System;

namespace Rl.Rendering.Internal;

/// <summary>The compression of GIF (Welch 1984): codes of growing width for strings that were seen before.</summary>
internal sealed class LempelZivWelch
{
    private const int MostCodes = 4_096;
    private const int Slots = 1 << 14;

    /// <summary>A hash table from (code of a string, next symbol) + 1 to the code of the longer string; 0 is
    /// empty.</summary>
    private readonly int[] keys = new int[Slots];
    private readonly short[] codes = new short[Slots];
    private byte[] output = new byte[1 << 16];
    private int length;
    private uint accumulator;
    private int accumulated;

    /// <summary>Compresses symbols below 2^<paramref name="bits"/>; the result is valid until the next call.</summary>
    public ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> symbols, int bits)
    {
        (length, accumulator, accumulated) = (0, 0, 0);
        var clear = 1 << bits;
        var end = clear + 1;
        var (next, width) = (end + 1, bits + 1);
        Array.Clear(keys);
        Write(clear, width);
        var prefix = (int)symbols[0];
        foreach (var symbol in symbols[1..])
        {
            var key = ((prefix << 8) | symbol) + 1;
            var slot = Find(key);
            if (keys[slot] == key)
            {
                prefix = codes[slot];
                continue;
            }

            Write(prefix, width);
            prefix = symbol;
            if (next == MostCodes)
            {
                Write(clear, width);
                (next, width) = (end + 1, bits + 1);
                Array.Clear(keys);
            }
            else
            {
                keys[slot] = key;
                codes[slot] = (short)next;

                // The reader is one code behind: it needs the wider codes once this one has been used up.
                width += next == 1 << width ? 1 : 0;
                next++;
            }
        }

        Write(prefix, width);
        Write(end, next == 1 << width && width < 12 ? width + 1 : width);
        while (accumulated > 0)
        {
            Append((byte)accumulator);
            accumulator >>= 8;
            accumulated -= 8;
        }

        return output.AsSpan(0, length);
    }

    private int Find(int key)
    {
        var slot = (int)(((uint)key * 2_654_435_761u) >> 18);
        while (keys[slot] != 0 && keys[slot] != key)
        {
            slot = (slot + 1) & (Slots - 1);
        }

        return slot;
    }

    private void Write(int code, int width)
    {
        accumulator |= (uint)code << accumulated;
        accumulated += width;
        for (; accumulated >= 8; accumulated -= 8)
        {
            Append((byte)accumulator);
            accumulator >>= 8;
        }
    }

    private void Append(byte value)
    {
        if (length == output.Length)
        {
            Array.Resize(ref output, 2 * length);
        }

        output[length++] = value;
    }
}
