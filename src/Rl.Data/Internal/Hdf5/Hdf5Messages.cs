using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Rl.Data.Internal.Hdf5;

/// <summary>Messages of object headers (sections IV.A.1.a and IV.A.2 of the specification), and strings of a global
/// heap.</summary>
internal static class Hdf5Messages
{
    private const int Dataspace = 0x0001;
    private const int Datatype = 0x0003;
    private const int FillValue = 0x0005;
    private const int Layout = 0x0008;
    private const int Filters = 0x000B;
    private const int Attribute = 0x000C;
    private const int SymbolTable = 0x0011;

    /// <summary>The largest message: its length has 16 bits.</summary>
    private const int Largest = 65_528;

    /// <summary>The header of an object with its messages.</summary>
    public static Bytes Header(IReadOnlyList<(int Type, Bytes Body)> messages)
    {
        var header = new Bytes();
        header.Put8(1);
        header.Put8(0);
        header.Put16(messages.Count);
        header.Put32(1);
        header.Put32((uint)messages.Sum(message => 8 + message.Body.Count + (-message.Body.Count & 7)));
        header.Skip(4);
        foreach (var (type, body) in messages)
        {
            header.Put16(type);
            header.Put16(body.Count + (-body.Count & 7));
            header.Skip(4);
            header.Put(body.Written);
            header.Align();
        }

        return header;
    }

    /// <summary>Where the names of a group lie.</summary>
    public static (int Type, Bytes Body) OfGroup(ulong tree, ulong heap)
    {
        var body = new Bytes();
        body.Put64(tree);
        body.Put64(heap);
        return (SymbolTable, body);
    }

    /// <summary>The messages of an array in chunks whose rows can grow.</summary>
    public static List<(int Type, Bytes Body)> OfRows(
        ElementType type, IReadOnlyList<long> shape, int chunkRows, ulong tree, int compression)
    {
        var space = Space(shape, canGrow: true);
        var layout = new Bytes();
        layout.Put([3, 2, (byte)(shape.Count + 1)]);
        layout.Put64(tree);
        layout.Put32((uint)chunkRows);
        foreach (var length in shape.Skip(1))
        {
            layout.Put32(checked((uint)Math.Max(1, length)));
        }

        layout.Put32((uint)StoredSize(type));
        List<(int Type, Bytes Body)> messages =
            [(Dataspace, space), (Datatype, TypeOf(type)), (FillValue, Fill(allocation: 3)), (Layout, layout)];
        if (compression > 0)
        {
            messages.Add((Filters, Pipeline(StoredSize(type), compression)));
        }

        return messages;
    }

    /// <summary>The messages of a single value.</summary>
    public static List<(int Type, Bytes Body)> OfValue(ElementType type, ulong address)
    {
        var layout = new Bytes();
        layout.Put([3, 1]);
        layout.Put64(address);
        layout.Put64((ulong)StoredSize(type));
        return [(Dataspace, Space([], false)), (Datatype, TypeOf(type)), (FillValue, Fill(2)), (Layout, layout)];
    }

    /// <summary>An attribute.</summary>
    public static (int Type, Bytes Body) OfAttribute(Hdf5Writer writer, string name, DataArray value)
    {
        var (type, space) = (TypeOf(value.ElementType), Space([.. value.Shape.Select(length => (long)length)], false));
        var letters = Encoding.UTF8.GetBytes(name + '\0');
        var isAscii = letters.Length == name.Length + 1;
        var body = new Bytes();
        body.Put8(isAscii ? 1 : 3);
        body.Put8(0);
        body.Put16(letters.Length);
        body.Put16(type.Count);
        body.Put16(space.Count);
        if (!isAscii)
        {
            body.Put8(1);
        }

        foreach (var part in (ReadOnlySpan<byte[]>)[letters, type.Written.ToArray(), space.Written.ToArray()])
        {
            body.Put(part);
            body.Skip(isAscii ? -part.Length & 7 : 0);
        }

        body.Put(Stored(writer, value));
        return body.Count <= Largest
            ? (Attribute, body)
            : throw new InvalidDataException(
                $"the attribute {name} has {body.Count} bytes; HDF5 holds {Largest} at most. Keep it among the infos.");
    }

    /// <summary>The bytes of an element on disk.</summary>
    public static int StoredSize(ElementType type) => type == ElementType.Text ? 16 : ElementTypes.Size(type);

    /// <summary>The elements of an array as they lie on disk; strings go to a heap of their own.</summary>
    public static byte[] Stored(Hdf5Writer writer, DataArray array) =>
        array.Values is string[] texts ? Strings(writer, texts) : array.Bytes.ToArray();

    /// <summary>What an element is: little-endian numbers, h5py's enumeration for <c>bool</c>, strings of any length in
    /// UTF-8.</summary>
    private static Bytes TypeOf(ElementType type)
    {
        var body = new Bytes();
        var size = ElementTypes.Size(type);
        switch (type)
        {
            case ElementType.Float32:
                body.Put([0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0]);
                break;
            case ElementType.Float64:
                body.Put([0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xFF, 3, 0, 0]);
                break;
            case ElementType.Boolean:
                body.Put([0x18, 2, 0, 0, 1, 0, 0, 0]);
                Whole(body, 1, isSigned: true);
                body.Put("FALSE\0\0\0TRUE\0\0\0\0"u8);
                body.Put([0, 1]);
                break;
            case ElementType.Text:
                body.Put([0x19, 1, 1, 0, 16, 0, 0, 0]);
                Whole(body, 1, isSigned: false);
                break;
            default:
                var isSigned =
                    type is ElementType.Int8 or ElementType.Int16 or ElementType.Int32 or ElementType.Int64;
                Whole(body, size, isSigned);
                break;
        }

        return body;
    }

    private static void Whole(Bytes body, int size, bool isSigned)
    {
        body.Put([0x10, (byte)(isSigned ? 8 : 0), 0, 0, (byte)size, 0, 0, 0, 0, 0, (byte)(8 * size), 0]);
    }

    private static Bytes Space(IReadOnlyList<long> shape, bool canGrow)
    {
        var body = new Bytes();
        body.Put([1, (byte)shape.Count, (byte)(canGrow ? 1 : 0), 0, 0, 0, 0, 0]);
        foreach (var length in shape)
        {
            body.Put64((ulong)length);
        }

        for (var axis = 0; canGrow && axis < shape.Count; axis++)
        {
            body.Put64(axis == 0 ? ulong.MaxValue : (ulong)shape[axis]);
        }

        return body;
    }

    private static Bytes Fill(int allocation)
    {
        var body = new Bytes();
        body.Put([2, (byte)allocation, 2, 1, 0, 0, 0, 0]);
        return body;
    }

    /// <summary>Shuffled bytes, deflated.</summary>
    private static Bytes Pipeline(int elementSize, int level)
    {
        var body = new Bytes();
        body.Put([1, 2, 0, 0, 0, 0, 0, 0]);
        foreach (var (filter, value) in (ReadOnlySpan<(int, int)>)[(2, elementSize), (1, level)])
        {
            body.Put16(filter);
            body.Put16(0);
            body.Put16(1);
            body.Put16(1);
            body.Put32((uint)value);
            body.Skip(4);
        }

        return body;
    }

    /// <summary>Strings in collections of a global heap (section III.E), and where each lies.</summary>
    private static byte[] Strings(Hdf5Writer writer, string[] texts)
    {
        const int Most = 60_000;
        const int Least = 4096;
        var places = new Bytes(16 * texts.Length);
        for (var first = 0; first < texts.Length;)
        {
            var collection = new Bytes(Least);
            var lengths = new List<int>();
            collection.Put("GCOL\x01\0\0\0"u8);
            collection.Skip(8);
            for (; first + lengths.Count < texts.Length && collection.Count < Most && lengths.Count < 60_000;)
            {
                var letters = Encoding.UTF8.GetBytes(texts[first + lengths.Count]);
                lengths.Add(letters.Length);
                collection.Put16(lengths.Count);
                collection.Skip(6);
                collection.Put64((ulong)letters.Length);
                collection.Put(letters);
                collection.Align();
            }

            // What is left is an object of the number 0.
            var free = Math.Max(Least - collection.Count, 16);
            collection.Skip(8);
            collection.Put64((ulong)free);
            collection.Skip(free - 16);
            var bytes = collection.Written.ToArray();
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), (ulong)bytes.Length);
            var address = writer.Append(bytes);
            for (var index = 0; index < lengths.Count; index++)
            {
                places.Put32((uint)lengths[index]);
                places.Put64(lengths[index] == 0 ? 0 : address);
                places.Put32(lengths[index] == 0 ? 0 : (uint)(index + 1));
            }

            first += lengths.Count;
        }

        return places.Written.ToArray();
    }
}
