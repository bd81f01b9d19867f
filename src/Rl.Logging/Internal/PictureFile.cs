using System;
using System.Buffers.Binary;

namespace Rl.Logging.Internal;

/// <summary>A PNG or GIF file with its size, as its header tells.</summary>
internal sealed record PictureFile(ReadOnlyMemory<byte> Bytes, int Width, int Height)
{
    /// <summary>Red, green and blue.</summary>
    public const int Channels = 3;

    private static ReadOnlySpan<byte> Png => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <exception cref="ArgumentException">It is neither.</exception>
    public static PictureFile Of(ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span;
        if (span.Length >= 24 && span.StartsWith(Png))
        {
            return new(
                bytes, BinaryPrimitives.ReadInt32BigEndian(span[16..]),
                BinaryPrimitives.ReadInt32BigEndian(span[20..]));
        }

        return span.Length >= 10 && span.StartsWith("GIF8"u8)
            ? new(
                bytes, BinaryPrimitives.ReadUInt16LittleEndian(span[6..]),
                BinaryPrimitives.ReadUInt16LittleEndian(span[8..]))
            : throw new ArgumentException(
                "The picture is neither a PNG nor a GIF file; give the file's bytes, for example picture.ToPng().",
                nameof(bytes));
    }
}
