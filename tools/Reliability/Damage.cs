using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO.Hashing;
using System.Linq;
using System.Text;

namespace Rl.Reliability;

/// <summary>Ways in which files are damaged. Each gives other bytes than the original's.</summary>
internal static class Damage
{
    /// <summary>The frame before the sections, and the checksum after them (docs/file-format.md).</summary>
    private const int Header = 16, Checksum = 4;

    private static readonly int[] Numbers = [0, -1, 1, int.MaxValue, int.MinValue, 65_536, 1_000_000, 16_777_216];
    private static readonly float[] Singles = [float.NaN, float.PositiveInfinity, 3e38f, -3e38f, 1e-42f];
    private static readonly double[] Doubles = [double.NaN, double.NegativeInfinity, -1, 1e300, 0];

    /// <summary>As disks and transfers do it: bits, blocks, ends, other files.</summary>
    public static byte[] Any(IReadOnlyList<byte[]> originals, Random random)
    {
        var original = originals[random.Next(originals.Count)];
        while (true)
        {
            var bytes = (byte[])original.Clone();
            var at = random.Next(bytes.Length);
            var count = Math.Min(random.Next(1, 4_096), bytes.Length - at);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    random.NextBytes(bytes.AsSpan(at, count));
                    break;
                case 2:
                    bytes.AsSpan(at, count).Clear();
                    break;
                case 3:
                    bytes = bytes[..at];
                    break;
                case 4:
                    bytes = [.. bytes, .. bytes[at..(at + count)]];
                    break;
                case 5:
                    bytes = [.. bytes[..at], .. bytes[(at + count)..]];
                    break;
                case 6:
                    // Line ends, as a transfer of text makes them.
                    bytes = [.. bytes.SelectMany(value => value == 10 ? new byte[] { 13, 10 } : [value])];
                    break;
                default:
                    var other = originals[random.Next(originals.Count)];
                    bytes = [.. bytes[..at], .. other[Math.Min(at, other.Length)..]];
                    break;
            }

            if (!bytes.AsSpan().SequenceEqual(original) && !originals.Any(known => bytes.AsSpan().SequenceEqual(known)))
            {
                return bytes;
            }
        }
    }

    /// <summary>Other contents in a whole frame: length and checksum fit.</summary>
    public static byte[] WithRightChecksum(IReadOnlyList<byte[]> originals, Random random)
    {
        var original = originals[random.Next(originals.Count)];
        while (true)
        {
            var sections = Sections(original);
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                Change(sections, originals, random);
            }

            var bytes = Sealed(original, sections);
            if (!bytes.AsSpan().SequenceEqual(original))
            {
                return bytes;
            }
        }
    }

    private static void Change(List<(string Tag, byte[] Body)> sections, IReadOnlyList<byte[]> originals, Random random)
    {
        var index = random.Next(sections.Count);
        var (tag, body) = sections[index];
        if (body.Length == 0)
        {
            return;
        }

        var at = random.Next(body.Length);
        switch (random.Next(10))
        {
            case 0:
                body[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                body[at] = (byte)random.Next(256);
                break;
            case 2 when at + 4 <= body.Length:
                BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(at), Numbers[random.Next(Numbers.Length)]);
                break;
            case 3 when at + 4 <= body.Length:
                BinaryPrimitives.WriteSingleLittleEndian(body.AsSpan(at), Singles[random.Next(Singles.Length)]);
                break;
            case 4 when at + 8 <= body.Length:
                BinaryPrimitives.WriteDoubleLittleEndian(body.AsSpan(at), Doubles[random.Next(Doubles.Length)]);
                break;
            case 5:
                sections[index] = (tag, body[..at]);
                break;
            case 6:
                sections[index] = (tag, [.. body[..at], .. body[Math.Min(body.Length, at + random.Next(1, 9))..]]);
                break;
            case 7:
                // The same section of another agent.
                var other = Sections(originals[random.Next(originals.Count)]);
                sections[index] = other[index % other.Count] with { Tag = tag };
                break;
            case 8:
                sections[index] = sections[random.Next(sections.Count)];
                break;
            default:
                var count = Math.Min(random.Next(1, 64), body.Length - at);
                body.AsSpan(random.Next(body.Length - count + 1), count).ToArray().CopyTo(body, at);
                break;
        }
    }

    private static List<(string Tag, byte[] Body)> Sections(byte[] bytes)
    {
        var sections = new List<(string Tag, byte[] Body)>();
        for (var at = Header; at < bytes.Length - Checksum;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            sections.Add((Encoding.ASCII.GetString(bytes, at, 4), bytes[(at + 8)..(at + 8 + length)]));
            at += 8 + length;
        }

        return sections;
    }

    private static byte[] Sealed(byte[] original, List<(string Tag, byte[] Body)> sections)
    {
        var bytes = new List<byte>(original[..Header]);
        foreach (var (tag, body) in sections)
        {
            bytes.AddRange(Encoding.ASCII.GetBytes(tag));
            bytes.AddRange(BitConverter.GetBytes(body.Length));
            bytes.AddRange(body);
        }

        var file = bytes.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(12), file.Length - Header);
        return [.. file, .. Crc32.Hash(file)];
    }
}
