using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Tests.Logging;

/// <summary>A value of an event.</summary>
internal sealed record EventValue(long Step, double WallTime, string Tag, WireReader Value)
{
    public bool IsScalar => Value.Has(2);

    public double Scalar => Value.Float(2);

    public bool IsHistogram => Value.Has(5);

    public WireReader Histogram => Value.Message(5);

    public WireReader Image => Value.Message(4);

    public string Plugin => Value.Message(9).Message(1).Text(1);

    public WireReader PluginData => Value.Message(9).Message(1).Message(2);

    public string Text => Value.Message(8).Text(8);
}

/// <summary>Reads event files as their format says: records of a length, its checksum, a message, its checksum. A
/// record that is cut short ends a file; a checksum that is wrong is an error.</summary>
internal sealed class EventReader
{
    public List<EventValue> Values { get; } = [];

    public List<string> Versions { get; } = [];

    /// <summary>Where sessions start.</summary>
    public List<long> Starts { get; } = [];

    public int Files { get; private set; }

    /// <summary>All files of a folder in the order of their names, which is TensorBoard's.</summary>
    public static EventReader Read(string folder)
    {
        var reader = new EventReader();
        foreach (var path in Directory.GetFiles(folder, "*tfevents*").Order(StringComparer.Ordinal))
        {
            reader.ReadFile(path);
        }

        return reader;
    }

    public string[] ScalarTags =>
        [.. Values.Where(value => value.IsScalar).Select(value => value.Tag).Distinct().Order(StringComparer.Ordinal)];

    public EventValue[] Of(string tag) => [.. Values.Where(value => value.Tag == tag)];

    /// <summary>CRC-32C bit by bit: the polynomial 1EDC6F41, reflected.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = 0xffffffffu;
        foreach (var next in bytes)
        {
            crc ^= next;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
            }
        }

        return ~crc;
    }

    public static uint Masked(ReadOnlySpan<byte> bytes)
    {
        var crc = Checksum(bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }

    private void ReadFile(string path)
    {
        Files++;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        var bytes = copy.ToArray();
        var at = 0;
        while (bytes.Length - at >= 16)
        {
            var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));
            Require(bytes, at, 8);
            if (bytes.Length - at < 16 + length)
            {
                return;
            }

            Require(bytes, at + 12, length);
            Take(new WireReader(bytes[(at + 12)..(at + 12 + length)]));
            at += 16 + length;
        }
    }

    private static void Require(byte[] bytes, int at, int length)
    {
        var stored = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + length));
        if (stored != Masked(bytes.AsSpan(at, length)))
        {
            throw new FormatException($"The checksum of the {length} bytes at {at} is wrong.");
        }
    }

    private void Take(WireReader whole)
    {
        if (whole.Has(3))
        {
            Versions.Add(whole.Text(3));
        }

        if (whole.Has(7) && whole.Message(7).Integer(1) == 1)
        {
            Starts.Add(whole.Integer(2));
        }

        if (whole.Has(5))
        {
            foreach (var value in whole.Message(5).Messages(1))
            {
                Values.Add(new(whole.Integer(2), whole.Double(1), value.Text(1), value));
            }
        }
    }
}
