using System;
using System.Numerics;

namespace Rl.Data.Internal;

/// <summary>Numbers of any element type as the float32 and float64 that agents take, and back.</summary>
internal static class Conversion
{
    /// <summary>The integer up to which float32 has all of them.</summary>
    private const double LargestWhole = 1 << 24;

    /// <summary>The elements as float64.</summary>
    public static void ToDoubles(DataArray array, Span<double> destination)
    {
        // By the element type: for .NET a byte[] is an sbyte[] too.
        switch (array.ElementType)
        {
            case ElementType.Float32: Cast((float[])array.Values, destination); break;
            case ElementType.Float64: ((double[])array.Values).CopyTo(destination); break;
            case ElementType.Int8: Cast((sbyte[])array.Values, destination); break;
            case ElementType.Int16: Cast((short[])array.Values, destination); break;
            case ElementType.Int32: Cast((int[])array.Values, destination); break;
            case ElementType.Int64: Cast((long[])array.Values, destination); break;
            case ElementType.UInt8: Cast((byte[])array.Values, destination); break;
            case ElementType.UInt16: Cast((ushort[])array.Values, destination); break;
            case ElementType.UInt32: Cast((uint[])array.Values, destination); break;
            case ElementType.UInt64: Cast((ulong[])array.Values, destination); break;
            case ElementType.Boolean:
                var values = (bool[])array.Values;
                for (var index = 0; index < values.Length; index++)
                {
                    destination[index] = values[index] ? 1 : 0;
                }

                break;
            default: throw new InvalidOperationException("The elements are strings, no numbers.");
        }
    }

    /// <summary>Puts the rows of an array into columns of a matrix of float32, rounding float64. Answers the first
    /// element that float32 does not hold though it is whole, or -1.</summary>
    /// <param name="array">Rows of numbers.</param>
    /// <param name="destination">The matrix, row by row.</param>
    /// <param name="offset">Where the first row begins.</param>
    /// <param name="stride">The elements of a row of the matrix.</param>
    public static int ToSingles(DataArray array, Span<float> destination, int offset, int stride)
    {
        var size = array.RowSize;
        for (var row = 0; row < array.Rows; row++)
        {
            var to = destination.Slice(offset + (row * stride), size);
            var start = row * size;
            var outside = array.ElementType switch
            {
                ElementType.Float32 => Copied(((float[])array.Values).AsSpan(start, size), to),
                ElementType.Float64 => Rounded(((double[])array.Values).AsSpan(start, size), to),
                ElementType.Int8 => Whole<sbyte>(((sbyte[])array.Values).AsSpan(start, size), to),
                ElementType.Int16 => Whole<short>(((short[])array.Values).AsSpan(start, size), to),
                ElementType.Int32 => Whole<int>(((int[])array.Values).AsSpan(start, size), to),
                ElementType.Int64 => Whole<long>(((long[])array.Values).AsSpan(start, size), to),
                ElementType.UInt8 => Whole<byte>(((byte[])array.Values).AsSpan(start, size), to),
                ElementType.UInt16 => Whole<ushort>(((ushort[])array.Values).AsSpan(start, size), to),
                ElementType.UInt32 => Whole<uint>(((uint[])array.Values).AsSpan(start, size), to),
                ElementType.UInt64 => Whole<ulong>(((ulong[])array.Values).AsSpan(start, size), to),
                ElementType.Boolean => Bits(((bool[])array.Values).AsSpan(start, size), to),
                _ => throw new InvalidOperationException("The elements are strings, no numbers."),
            };
            if (outside >= 0)
            {
                return start + outside;
            }
        }

        return -1;
    }

    /// <summary>Takes columns out of a matrix of float32 as an array of an element type. Answers the first element that
    /// the type does not hold, or -1.</summary>
    /// <param name="source">The matrix, row by row.</param>
    /// <param name="offset">Where the first row begins.</param>
    /// <param name="stride">The elements of a row of the matrix.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="size">The elements that are taken of a row.</param>
    /// <param name="destination">An array of <paramref name="rows"/> · <paramref name="size"/> elements.</param>
    public static int FromSingles(
        ReadOnlySpan<float> source, int offset, int stride, int rows, int size, Array destination)
    {
        var type = ElementTypes.Of(destination);
        for (var row = 0; row < rows; row++)
        {
            var from = source.Slice(offset + (row * stride), size);
            var start = row * size;
            for (var column = 0; column < size; column++)
            {
                if (!Put(from[column], type, destination, start + column))
                {
                    return start + column;
                }
            }
        }

        return -1;
    }

    private static bool Put(float value, ElementType type, Array destination, int index)
    {
        switch (type)
        {
            case ElementType.Float32: ((float[])destination)[index] = value; return true;
            case ElementType.Float64: ((double[])destination)[index] = value; return true;
            case ElementType.Boolean: ((bool[])destination)[index] = value != 0; return value is 0 or 1;
            case ElementType.Int8: return Put(value, (sbyte[])destination, index);
            case ElementType.Int16: return Put(value, (short[])destination, index);
            case ElementType.Int32: return Put(value, (int[])destination, index);
            case ElementType.Int64: return Put(value, (long[])destination, index);
            case ElementType.UInt8: return Put(value, (byte[])destination, index);
            case ElementType.UInt16: return Put(value, (ushort[])destination, index);
            case ElementType.UInt32: return Put(value, (uint[])destination, index);
            case ElementType.UInt64: return Put(value, (ulong[])destination, index);
            default: throw new InvalidOperationException("Numbers cannot become strings.");
        }
    }

    private static bool Put<T>(float value, T[] destination, int index)
        where T : INumber<T>
    {
        destination[index] = T.CreateSaturating(value);
        return float.CreateTruncating(destination[index]) == value;
    }

    private static void Cast<T>(T[] values, Span<double> destination)
        where T : INumberBase<T>
    {
        for (var index = 0; index < values.Length; index++)
        {
            destination[index] = double.CreateTruncating(values[index]);
        }
    }

    private static int Copied(ReadOnlySpan<float> values, Span<float> to)
    {
        values.CopyTo(to);
        return -1;
    }

    private static int Rounded(ReadOnlySpan<double> values, Span<float> to)
    {
        for (var index = 0; index < values.Length; index++)
        {
            to[index] = (float)values[index];
        }

        return -1;
    }

    private static int Whole<T>(ReadOnlySpan<T> values, Span<float> to)
        where T : INumber<T>
    {
        for (var index = 0; index < values.Length; index++)
        {
            to[index] = float.CreateTruncating(values[index]);
            if (Math.Abs(to[index]) >= LargestWhole && T.CreateSaturating(to[index]) != values[index])
            {
                return index;
            }
        }

        return -1;
    }

    private static int Bits(ReadOnlySpan<bool> values, Span<float> to)
    {
        for (var index = 0; index < values.Length; index++)
        {
            to[index] = values[index] ? 1 : 0;
        }

        return -1;
    }
}
