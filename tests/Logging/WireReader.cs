using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;

namespace Rl.Tests.Logging;

/// <summary>The fields of a protocol-buffer message, read by the definition of the format alone: a key of number and
/// kind, then a varint, eight bytes, a length with as many bytes, or four bytes.</summary>
internal sealed class WireReader
{
    private readonly List<(int Number, object Value)> fields = [];

    public WireReader(byte[] message)
    {
        var at = 0;
        while (at < message.Length)
        {
            var key = Varint(message, ref at);
            var number = (int)(key >> 3);
            switch (key & 7)
            {
                case 0:
                    fields.Add((number, Varint(message, ref at)));
                    break;
                case 1:
                    fields.Add((number, BinaryPrimitives.ReadDoubleLittleEndian(message.AsSpan(at))));
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint(message, ref at);
                    fields.Add((number, message[at..(at + length)]));
                    at += length;
                    break;
                case 5:
                    fields.Add((number, BinaryPrimitives.ReadSingleLittleEndian(message.AsSpan(at))));
                    at += 4;
                    break;
                default:
                    throw new FormatException($"The kind {key & 7} of field {number} is none.");
            }
        }
    }

    public bool Has(int number) => fields.Exists(field => field.Number == number);

    public long Integer(int number) => Has(number) ? (long)(ulong)Only(number) : 0;

    public double Double(int number) => (double)Only(number);

    public float Float(int number) => (float)Only(number);

    public byte[] Bytes(int number) => (byte[])Only(number);

    public string Text(int number) => Encoding.UTF8.GetString(Bytes(number));

    public WireReader Message(int number) => new(Bytes(number));

    public IEnumerable<WireReader> Messages(int number)
    {
        foreach (var (known, value) in fields)
        {
            if (known == number)
            {
                yield return new((byte[])value);
            }
        }
    }

    /// <summary>Repeated numbers in one field.</summary>
    public double[] Doubles(int number)
    {
        var bytes = Bytes(number);
        var values = new double[bytes.Length / 8];
        for (var index = 0; index < values.Length; index++)
        {
            values[index] = BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(8 * index));
        }

        return values;
    }

    private object Only(int number)
    {
        var found = fields.FindAll(field => field.Number == number);
        return found.Count == 1
            ? found[0].Value
            : throw new FormatException($"The message has {found.Count} fields {number}.");
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        var (value, shift) = (0UL, 0);
        while (true)
        {
            var next = message[at++];
            value |= (ulong)(next & 127) << shift;
            if (next < 128)
            {
                return value;
            }

            shift += 7;
        }
    }
}
