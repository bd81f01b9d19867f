using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Rl.Tests.Api.AgentFiles;

/// <summary>A reader of agent files that was written from docs/file-format.md and nothing else: the frame, the list of
/// parts, and what a program that only looks at a file wants of them. It uses nothing of the library.</summary>
internal sealed class FileReader
{
    /// <summary>The version that the page describes.</summary>
    public const int Version = 4;

    private static readonly byte[] Magic = [0x8B, (byte)'R', (byte)'L', (byte)'A', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">The frame is not whole.</exception>
    public FileReader(byte[] bytes)
    {
        Require(bytes.Length >= 20 && bytes.AsSpan(0, 8).SequenceEqual(Magic), "magic");
        Found = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8));
        var payload = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12));
        Require(bytes.Length == payload + 20, "length");
        Require(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4)) == Crc(bytes.AsSpan(..^4)),
            "checksum");
        for (var at = 16; at < 16 + payload;)
        {
            var size = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            Parts.Add((Encoding.ASCII.GetString(bytes, at, 4), bytes[(at + 8)..(at + 8 + size)]));
            at += 8 + size;
        }
    }

    /// <summary>The version of the file.</summary>
    public int Found { get; }

    /// <summary>Tags and contents, in the order of the file.</summary>
    public List<(string Tag, byte[] Body)> Parts { get; } = [];

    /// <summary>Of META: algorithm, environment, seed.</summary>
    public (string Algorithm, string Environment, ulong Seed) Names
    {
        get
        {
            var input = Open("META");
            return (Text(input), Text(input), input.ReadUInt64());
        }
    }

    /// <summary>Of CONF: the options' names and texts.</summary>
    public Dictionary<string, string> Options
    {
        get
        {
            var input = Open("CONF");
            return Enumerable.Range(0, input.ReadInt32())
                .Select(_ => KeyValuePair.Create(Text(input), Text(input)))
                .ToDictionary();
        }
    }

    /// <summary>Of PARM: θ.</summary>
    public float[] Parameters => Singles(Open("PARM"));

    /// <summary>Of ARRS: the named arrays.</summary>
    public Dictionary<string, float[]> Arrays
    {
        get
        {
            var input = Open("ARRS");
            return Enumerable.Range(0, input.ReadInt32())
                .Select(_ => KeyValuePair.Create(Text(input), Singles(input)))
                .ToDictionary();
        }
    }

    /// <summary>Of PROG: steps and updates.</summary>
    public (long Steps, long Updates) Progress
    {
        get
        {
            var input = Open("PROG");
            return (input.ReadInt64(), input.ReadInt64());
        }
    }

    /// <summary>CRC-32 as in PNG and zip, bit by bit.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = 0xFFFFFFFFu;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320u;
            }
        }

        return ~crc;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidDataException($"The {what} is wrong.");
        }
    }

    private static string Text(BinaryReader input) => Encoding.UTF8.GetString(input.ReadBytes(input.ReadInt32()));

    private static float[] Singles(BinaryReader input) =>
        [.. Enumerable.Range(0, input.ReadInt32()).Select(_ => input.ReadSingle())];

    // BinaryReader's numbers are little-endian, as the file's are.
    private BinaryReader Open(string tag) => new(new MemoryStream(Parts.Single(part => part.Tag == tag).Body));
}
