using System;
using System.Numerics;

namespace Rl.Data.Internal;

/// <summary>Numbers of any element type as the float32 and float64 that agents take, and back.</summary>
internal static class Conversion
{
    /// <summary>The largest integer below which float32 has all of them.</summary>
    private const double LargestWhole = 1 << 24;

    /// <summary>The elements as float64.</summary>
    public static void ToDoubles(DataArray array, Span<double> destination)
    {
        switch (array.Values)
        {
            case float[] values: Cast(values, destination); break;
            case double[] values: values.CopyTo(destination); break;
            case sbyte[] values: Cast(values, destination); break;
            case short[] values: Cast(values, destination); break;
            case int[] values: Cast(values, destination); break;
            case long[] values: Cast(values, destination); break;
            case byte[] values: Cast(values, destination); break;
            case ushort[] values: Cast(values, destination); break;
            case uint[] values: Cast(values, destination); break;
            case ulong[] values: Cast(values, destination); break;
            case bool[] values:
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
            var outside = array.Values switch
            {
                float[] values => Copied(values.AsSpan(start, size), to),
                double[] values => Rounded(values.AsSpan(start, size), to),
                sbyte[] values => Whole<sbyte>(values.AsSpan(start, size), to),
                short[] values => Whole<short>(values.AsSpan(start, size), to),
                int[] values => Whole<int>(values.AsSpan(start, size), to),
                long[] values => Whole<long>(values.AsSpan(start, size), to),
                byte[] values => Whole<byte>(values.AsSpan(start, size), to),
                ushort[] values => Whole<ushort>(values.AsSpan(start, size), to),
                uint[] values => Whole<uint>(values.AsSpan(start, size), to),
                ulong[] values => Whole<ulong>(values.AsSpan(start, size), to),
                bool[] values => Bits(values.AsSpan(start, size), to),
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
        for (var row = 0; row < rows; row++)
        {
            var from = source.Slice(offset + (row * stride), size);
            var start = row * size;
            for (var column = 0; column < size; column++)
            {
                if (!Put(from[column], destination, start + column))
                {
                    return start + column;
                }
            }
        }

        return -1;
    }

    private static bool Put(float value, Array destination, int index)
    {
        switch (destination)
        {
            case float[] to: to[index] = value; return true;
            case double[] to: to[index] = value; return true;
            case bool[] to: to[index] = value != 0; return value is 0 or 1;
            case sbyte[] to: to[index] = (sbyte)value; return to[index] == value;
            case short[] to: to[index] = (short)value; return to[index] == value;
            case int[] to: to[index] = (int)value; return to[index] == value;
            case long[] to: to[index] = (long)value; return to[index] == value;
            case byte[] to: to[index] = (byte)value; return to[index] == value;
            case ushort[] to: to[index] = (ushort)value; return to[index] == value;
            case uint[] to: to[index] = (uint)value; return to[index] == value;
            case ulong[] to: to[index] = (ulong)value; return to[index] == value;
            default: throw new InvalidOperationException("Numbers cannot become strings.");
        }
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
            if (Math.Abs(to[index]) > LargestWhole && T.CreateSaturating(to[index]) != values[index])
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
