using System;
using System.Buffers.Binary;

namespace Rl.MuJoCo.Internal;

/// <summary>Random numbers from a seed of 64 bits that are the same in every version of .NET: SplitMix64 (Steele, Lea
/// and Flood 2014).</summary>
internal sealed class SeededRandom(ulong seed) : Random(0)
{
    private ulong state = seed;

    public override int Next() => (int)(Bits() >> 33) is var value && value == int.MaxValue ? Next() : value;

    public override void NextBytes(byte[] buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        NextBytes(buffer.AsSpan());
    }

    public override void NextBytes(Span<byte> buffer)
    {
        Span<byte> eight = stackalloc byte[8];
        for (var first = 0; first < buffer.Length; first += 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(eight, Bits());
            var rest = buffer[first..];
            eight[..Math.Min(8, rest.Length)].CopyTo(rest);
        }
    }

    public override double NextDouble() => Sample();

    protected override double Sample() => (Bits() >> 11) * (1.0 / (1L << 53));

    private ulong Bits()
    {
        state += 0x9E3779B97F4A7C15;
        var mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
