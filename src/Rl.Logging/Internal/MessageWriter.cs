using System;
using System.IO;
using Google.Protobuf;

namespace Rl.Logging.Internal;

/// <summary>Writes a protocol-buffer message field by field, and messages within it. It is used again for the next one;
/// generated classes would cost more time at their first use than all else that a short run logs.</summary>
internal sealed class MessageWriter : IDisposable
{
    private const int Buffer = 512;

    private readonly MemoryStream bytes = new();
    private readonly CodedOutputStream output;
    private MessageWriter? inner;

    public MessageWriter()
    {
        output = new CodedOutputStream(bytes, Buffer, leaveOpen: true);
    }

    /// <summary>The bytes of the message that the function writes, valid until the next one.</summary>
    public ReadOnlyMemory<byte> Write(Action<MessageWriter> message)
    {
        bytes.SetLength(0);
        message(this);
        output.Flush();
        return bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
    }

    public void Double(int field, double value)
    {
        output.WriteTag(field, WireFormat.WireType.Fixed64);
        output.WriteDouble(value);
    }

    public void Float(int field, float value)
    {
        output.WriteTag(field, WireFormat.WireType.Fixed32);
        output.WriteFloat(value);
    }

    public void Integer(int field, long value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    }

    public void Boolean(int field, bool value) => Integer(field, value ? 1 : 0);

    public void Text(int field, string value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(value);
    }

    public void Bytes(int field, ReadOnlyMemory<byte> value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(UnsafeByteOperations.UnsafeWrap(value));
    }

    /// <summary>Repeated numbers in one field.</summary>
    public void Doubles(int field, ReadOnlySpan<double> values)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteLength(sizeof(double) * values.Length);
        foreach (var value in values)
        {
            output.WriteDouble(value);
        }
    }

    /// <summary>A message within this one.</summary>
    public void Message(int field, Action<MessageWriter> message) =>
        Bytes(field, (inner ??= new()).Write(message));

    /// <summary>A message within this one of a text and a number, its fields 1 and 2: most of what is written, and so
    /// without a writer of its own.</summary>
    public void TextAndFloat(int field, string text, float number)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteLength(
            CodedOutputStream.ComputeTagSize(1) + CodedOutputStream.ComputeStringSize(text)
                + CodedOutputStream.ComputeTagSize(2) + sizeof(float));
        Text(1, text);
        Float(2, number);
    }

    public void Dispose()
    {
        output.Dispose();
        bytes.Dispose();
        inner?.Dispose();
    }
}
