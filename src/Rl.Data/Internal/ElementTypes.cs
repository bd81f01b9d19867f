using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Rl.Data.Internal;

/// <summary>Element types: their names in NumPy, their sizes, and the .NET arrays that hold them.</summary>
internal static class ElementTypes
{
    private static readonly Dictionary<string, ElementType> ByName = new(StringComparer.Ordinal)
    {
        ["float32"] = ElementType.Float32,
        ["float64"] = ElementType.Float64,
        ["int8"] = ElementType.Int8,
        ["int16"] = ElementType.Int16,
        ["int32"] = ElementType.Int32,
        ["int64"] = ElementType.Int64,
        ["uint8"] = ElementType.UInt8,
        ["uint16"] = ElementType.UInt16,
        ["uint32"] = ElementType.UInt32,
        ["uint64"] = ElementType.UInt64,
        ["bool"] = ElementType.Boolean,
    };

    /// <summary>The type that NumPy calls so; null where there is none of ours.</summary>
    public static ElementType? Named(string name) => ByName.TryGetValue(name, out var type) ? type : null;

    /// <summary>What NumPy calls a type.</summary>
    public static string Name(ElementType type)
    {
        foreach (var (name, each) in ByName)
        {
            if (each == type)
            {
                return name;
            }
        }

        return "str";
    }

    /// <summary>The bytes of an element; 0 for strings.</summary>
    public static int Size(ElementType type) => type switch
    {
        ElementType.Float64 or ElementType.Int64 or ElementType.UInt64 => 8,
        ElementType.Float32 or ElementType.Int32 or ElementType.UInt32 => 4,
        ElementType.Int16 or ElementType.UInt16 => 2,
        ElementType.Int8 or ElementType.UInt8 or ElementType.Boolean => 1,
        _ => 0,
    };

    /// <summary>Whether the elements are integers or truth values.</summary>
    public static bool IsWhole(ElementType type) =>
        type is not (ElementType.Float32 or ElementType.Float64 or ElementType.Text);

    /// <summary>A new array of elements, which its maker fills.</summary>
    public static Array Create(ElementType type, int length) => type switch
    {
        ElementType.Float32 => GC.AllocateUninitializedArray<float>(length),
        ElementType.Float64 => GC.AllocateUninitializedArray<double>(length),
        ElementType.Int8 => GC.AllocateUninitializedArray<sbyte>(length),
        ElementType.Int16 => GC.AllocateUninitializedArray<short>(length),
        ElementType.Int32 => GC.AllocateUninitializedArray<int>(length),
        ElementType.Int64 => GC.AllocateUninitializedArray<long>(length),
        ElementType.UInt8 => GC.AllocateUninitializedArray<byte>(length),
        ElementType.UInt16 => GC.AllocateUninitializedArray<ushort>(length),
        ElementType.UInt32 => GC.AllocateUninitializedArray<uint>(length),
        ElementType.UInt64 => GC.AllocateUninitializedArray<ulong>(length),
        ElementType.Boolean => new bool[length],
        _ => new string[length],
    };

    /// <summary>The type of an array's elements.</summary>
    /// <exception cref="ArgumentException">They are of none that data sets have.</exception>
    public static ElementType Of(Array values) => Type.GetTypeCode(values.GetType().GetElementType()) switch
    {
        TypeCode.Single => ElementType.Float32,
        TypeCode.Double => ElementType.Float64,
        TypeCode.SByte => ElementType.Int8,
        TypeCode.Int16 => ElementType.Int16,
        TypeCode.Int32 => ElementType.Int32,
        TypeCode.Int64 => ElementType.Int64,
        TypeCode.Byte => ElementType.UInt8,
        TypeCode.UInt16 => ElementType.UInt16,
        TypeCode.UInt32 => ElementType.UInt32,
        TypeCode.UInt64 => ElementType.UInt64,
        TypeCode.Boolean => ElementType.Boolean,
        TypeCode.String => ElementType.Text,
        _ => throw new ArgumentException(
            $"values is {values.GetType().Name}; use an array of numbers, of truth values or of strings.",
            nameof(values)),
    };

    /// <summary>The memory of an array's elements.</summary>
    /// <exception cref="InvalidOperationException">They are strings.</exception>
    public static Span<byte> Bytes(Array values) => values switch
    {
        float[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        double[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        sbyte[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        short[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        int[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        long[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        byte[] array => array.AsSpan(),
        ushort[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        uint[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        ulong[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        bool[] array => MemoryMarshal.AsBytes(array.AsSpan()),
        _ => throw new InvalidOperationException("Strings have no memory in one piece."),
    };
}
