using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

namespace Rl.Data.Internal.Npz;

/// <summary>The header of NumPy's <c>.npy</c> format (NEP 1): what the elements are, and the shape.</summary>
internal static partial class NpyHeader
{
    private static readonly byte[] Magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Longer ones are no headers.</summary>
    private const int Longest = 1 << 16;

    /// <summary>Reads a header; the stream stands behind it then.</summary>
    /// <exception cref="InvalidDataException">It is none, or of what cannot be read; the message says why.</exception>
    public static (ElementType Type, long[] Shape, int Length) Read(Stream stream)
    {
        Span<byte> start = stackalloc byte[12];
        stream.ReadExactly(start[..10]);
        if (!start[..6].SequenceEqual(Magic))
        {
            throw new InvalidDataException("it does not begin as .npy files do");
        }

        var isLong = start[6] > 1;
        if (isLong)
        {
            stream.ReadExactly(start[10..]);
        }

        var length = isLong
            ? BinaryPrimitives.ReadInt32LittleEndian(start[8..])
            : BinaryPrimitives.ReadUInt16LittleEndian(start[8..]);
        if (length is < 0 or > Longest)
        {
            throw new InvalidDataException($"its header has {length} bytes");
        }

        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        var text = Encoding.Latin1.GetString(bytes);
        if (Description().Match(text) is not { Success: true } found)
        {
            throw new InvalidDataException($"its header is \"{text.Trim()}\"");
        }

        if (found.Groups["order"].Value == "True")
        {
            throw new InvalidDataException(
                "its columns lie together (Fortran's order); save np.ascontiguousarray of it");
        }

        var shape = found.Groups["shape"].Value.Split(',', StringSplitOptions.TrimEntries)
            .Where(axis => axis.Length > 0)
            .Select(axis => long.Parse(axis, System.Globalization.CultureInfo.InvariantCulture))
            .ToArray();
        return (TypeOf(found.Groups["type"].Value), shape, (isLong ? 12 : 10) + length);
    }

    /// <summary>A header, whose length is a multiple of 64 as NumPy has it.</summary>
    public static byte[] Of(ElementType type, IReadOnlyList<long> shape)
    {
        var axes = string.Join(", ", shape) + (shape.Count == 1 ? "," : string.Empty);
        var text = $"{{'descr': '{Description(type)}', 'fortran_order': False, 'shape': ({axes}), }}";
        var length = (((10 + text.Length + 1) + 63) / 64 * 64) - 10;
        var header = new byte[10 + length];
        Magic.CopyTo(header, 0);
        header[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)length);
        Encoding.Latin1.GetBytes(text.PadRight(length - 1) + '\n').CopyTo(header, 10);
        return header;
    }

    private static ElementType TypeOf(string text) => text switch
    {
        "<f4" => ElementType.Float32,
        "<f8" => ElementType.Float64,
        "|i1" => ElementType.Int8,
        "<i2" => ElementType.Int16,
        "<i4" => ElementType.Int32,
        "<i8" => ElementType.Int64,
        "|u1" => ElementType.UInt8,
        "<u2" => ElementType.UInt16,
        "<u4" => ElementType.UInt32,
        "<u8" => ElementType.UInt64,
        "|b1" => ElementType.Boolean,
        "|O" => throw new InvalidDataException("it holds pickled Python objects, which are never read; save numbers"),
        _ => throw new InvalidDataException($"its elements are {text}; little-endian numbers and bool can be read"),
    };

    private static string Description(ElementType type) => type switch
    {
        ElementType.Float32 => "<f4",
        ElementType.Float64 => "<f8",
        ElementType.Int8 => "|i1",
        ElementType.Int16 => "<i2",
        ElementType.Int32 => "<i4",
        ElementType.Int64 => "<i8",
        ElementType.UInt8 => "|u1",
        ElementType.UInt16 => "<u2",
        ElementType.UInt32 => "<u4",
        ElementType.UInt64 => "<u8",
        ElementType.Boolean => "|b1",
        _ => throw new InvalidDataException("strings have no place in .npz files; leave them out"),
    };

    [GeneratedRegex(
        @"'descr':\s*'(?<type>[^']+)',\s*'fortran_order':\s*(?<order>True|False),\s*'shape':\s*\((?<shape>[0-9, ]*)\)")]
    private static partial Regex Description();
}
