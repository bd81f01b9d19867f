using System;
using System.Buffers.Binary;
using System.IO;

namespace Rl.Rendering.Internal;

/// <summary>An animated GIF (GIF89a), written frame after frame and repeated for ever. Skia decodes GIF but does not
/// write it.</summary>
internal sealed class GifFile
{
    /// <summary>The index of pixels that show what was there before.</summary>
    public const byte Transparent = 0;

    private const int BlockLength = 255;

    private readonly Stream stream;
    private readonly LempelZivWelch compressor = new();

    /// <summary>Begins a file of pictures of a size.</summary>
    public GifFile(Stream stream, int width, int height)
    {
        this.stream = stream;
        Span<byte> screen = stackalloc byte[13];
        "GIF89a"u8.CopyTo(screen);
        BinaryPrimitives.WriteUInt16LittleEndian(screen[6..], (ushort)width);
        BinaryPrimitives.WriteUInt16LittleEndian(screen[8..], (ushort)height);
        screen[10] = 0x70;
        screen[11..].Clear();
        stream.Write(screen);
        stream.Write([0x21, 0xff, 11, .. "NETSCAPE2.0"u8, 3, 1, 0, 0, 0]);
    }

    /// <summary>Adds a frame that is laid over what is seen.</summary>
    /// <param name="area">Where.</param>
    /// <param name="indices">A colour's index for each pixel of the area; <see cref="Transparent"/> for those that
    /// stay.</param>
    /// <param name="palette">At most 256 colours, 0xBBGGRR; the first one is not used.</param>
    /// <param name="hundredths">How long it is seen, in hundredths of a second.</param>
    public void Add(Area area, ReadOnlySpan<byte> indices, ReadOnlySpan<uint> palette, int hundredths)
    {
        var bits = 2;
        while (1 << bits < palette.Length)
        {
            bits++;
        }

        Span<byte> header = stackalloc byte[18];
        header[0] = 0x21;
        header[1] = 0xf9;
        header[2] = 4;
        header[3] = (1 << 2) | 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)Math.Clamp(hundredths, 1, ushort.MaxValue));
        header[6] = Transparent;
        header[7] = 0;
        header[8] = 0x2c;
        BinaryPrimitives.WriteUInt16LittleEndian(header[9..], (ushort)area.Left);
        BinaryPrimitives.WriteUInt16LittleEndian(header[11..], (ushort)area.Top);
        BinaryPrimitives.WriteUInt16LittleEndian(header[13..], (ushort)area.Width);
        BinaryPrimitives.WriteUInt16LittleEndian(header[15..], (ushort)area.Height);
        header[17] = (byte)(0x80 | (bits - 1));
        stream.Write(header);

        Span<byte> table = stackalloc byte[3 << bits];
        table.Clear();
        for (var index = 0; index < palette.Length; index++)
        {
            table[3 * index] = (byte)palette[index];
            table[(3 * index) + 1] = (byte)(palette[index] >> 8);
            table[(3 * index) + 2] = (byte)(palette[index] >> 16);
        }

        stream.Write(table);
        stream.WriteByte((byte)bits);
        for (var rest = compressor.Compress(indices, bits); ;)
        {
            var length = Math.Min(rest.Length, BlockLength);
            stream.WriteByte((byte)length);
            if (length == 0)
            {
                break;
            }

            stream.Write(rest[..length]);
            rest = rest[length..];
        }
    }

    /// <summary>Writes the end of the file.</summary>
    public void Finish()
    {
        stream.WriteByte(0x3b);
        stream.Flush();
    }
}
