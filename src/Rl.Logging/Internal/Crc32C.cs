using System;
using System.Buffers.Binary;
using System.Numerics;

namespace Rl.Logging.Internal;

/// <summary>The checksum of event files: CRC-32C (Castagnoli's polynomial), turned and shifted so that a checksum of
/// checksums is no special case.</summary>
internal static class Crc32C
{
    private const uint Shift = 0xa282ead8;

    /// <summary>CRC-32C; of "123456789" it is e3069283.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var last in bytes)
        {
            crc = BitOperations.Crc32C(crc, last);
        }

        return ~crc;
    }

    /// <summary>rotate right(crc, 15) + a282ead8 mod 2³².</summary>
    public static uint Masked(ReadOnlySpan<byte> bytes) =>
        unchecked(BitOperations.RotateRight(Of(bytes), 15) + Shift);
}
