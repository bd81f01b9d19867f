using System.Collections.Generic;
using System.IO;
using System.Linq;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Rl.Data.Internal.Arrow;

/// <summary>Columns of Arrow as arrays of rows, and back: what NumPy's arrays become in Minari's files.</summary>
internal static class ArrowColumns
{
    /// <summary>The name of the metadata that tells the axes of an info's rows.</summary>
    public const string ShapeKey = "shape";

    /// <summary>The first rows of a column that holds numbers, truth values or strings, or lists of one length of
    /// them.</summary>
    /// <exception cref="InvalidDataException">It holds something else, has fewer rows, or nulls; the message goes on
    /// after the column's name.</exception>
    public static DataArray Read(IArrowArray column, int rows, IReadOnlyList<int>? axes = null)
    {
        if (column is not FixedSizeListArray lists)
        {
            return new(Values(column, 0, rows), rows);
        }

        RequireRows(column, rows);
        var size = ((FixedSizeListType)lists.Data.DataType).ListSize;
        var values = Values(lists.Values, checked(lists.Offset * size), checked(rows * size));
        return axes is not null && axes.Aggregate(1L, (product, length) => product * length) == size
            ? new(values, [rows, .. axes])
            : new(values, rows, size);
    }

    /// <summary>The byte sequences of a column.</summary>
    public static IReadOnlyList<byte[]> Sequences(BinaryArray column, int rows)
    {
        RequireRows(column, rows);
        return [.. Enumerable.Range(0, rows).Select(row => column.GetBytes(row).ToArray())];
    }

    /// <summary>A column of rows: numbers alone where a row is a single value, else lists of one length. Behind the
    /// last row stand rows of zeros until there are <paramref name="count"/>.</summary>
    public static IArrowArray Column(DataArray array, int count)
    {
        var isSingle = array.Shape.Count == 1;
        var size = isSingle ? 1 : array.RowSize;
        var values = Padded(array, checked(count * size));
        return isSingle
            ? values
            : new FixedSizeListArray(
                new FixedSizeListType(new Field("item", values.Data.DataType, nullable: true), size),
                count,
                values,
                ArrowBuffer.Empty);
    }

    /// <summary>Columns side by side as one.</summary>
    public static StructArray Struct(IReadOnlyList<(Field Field, IArrowArray Array)> parts, int count) => new(
        new StructType([.. parts.Select(part => part.Field)]),
        count,
        parts.Select(part => part.Array),
        ArrowBuffer.Empty);

    /// <summary>What a column is called, with the axes of its rows where they are told.</summary>
    public static Field Named(string name, IArrowArray array, IReadOnlyList<int>? axes = null) => new(
        name,
        array.Data.DataType,
        nullable: true,
        axes is null ? null : [new(ShapeKey, string.Join(',', axes))]);

    private static void RequireRows(IArrowArray column, int rows)
    {
        if (column.Length < rows)
        {
            throw new InvalidDataException($"has {column.Length} rows; it must have {rows}");
        }

        if (column.NullCount != 0)
        {
            throw new InvalidDataException($"has {column.NullCount} rows without a value");
        }
    }

    private static System.Array Values(IArrowArray column, int first, int count)
    {
        RequireRows(column, checked(first + count));
        return column switch
        {
            FloatArray array => array.Values.Slice(first, count).ToArray(),
            DoubleArray array => array.Values.Slice(first, count).ToArray(),
            Int8Array array => array.Values.Slice(first, count).ToArray(),
            Int16Array array => array.Values.Slice(first, count).ToArray(),
            Int32Array array => array.Values.Slice(first, count).ToArray(),
            Int64Array array => array.Values.Slice(first, count).ToArray(),
            UInt8Array array => array.Values.Slice(first, count).ToArray(),
            UInt16Array array => array.Values.Slice(first, count).ToArray(),
            UInt32Array array => array.Values.Slice(first, count).ToArray(),
            UInt64Array array => array.Values.Slice(first, count).ToArray(),
            BooleanArray array => Enumerable.Range(first, count).Select(row => array.GetValue(row)!.Value).ToArray(),
            StringArray array => Enumerable.Range(first, count).Select(row => array.GetString(row)).ToArray(),
            _ => throw new InvalidDataException($"holds {column.Data.DataType.Name}, no numbers"),
        };
    }

    private static IArrowArray Padded(DataArray array, int length)
    {
        if (array.Values is string[] texts)
        {
            return new StringArray.Builder()
                .AppendRange(texts.Concat(Enumerable.Repeat(string.Empty, length - texts.Length))).Build();
        }

        if (array.Values is bool[] flags)
        {
            return new BooleanArray.Builder()
                .AppendRange(flags.Concat(Enumerable.Repeat(false, length - flags.Length))).Build();
        }

        var bytes = new byte[checked(length * ElementTypes.Size(array.ElementType))];
        array.Bytes.CopyTo(bytes);
        return ArrowArrayFactory.BuildArray(new ArrayData(
            TypeOf(array.ElementType), length, 0, 0, [ArrowBuffer.Empty, new ArrowBuffer(bytes)]));
    }

    private static IArrowType TypeOf(ElementType type) => type switch
    {
        ElementType.Float32 => FloatType.Default,
        ElementType.Float64 => DoubleType.Default,
        ElementType.Int8 => Int8Type.Default,
        ElementType.Int16 => Int16Type.Default,
        ElementType.Int32 => Int32Type.Default,
        ElementType.Int64 => Int64Type.Default,
        ElementType.UInt8 => UInt8Type.Default,
        ElementType.UInt16 => UInt16Type.Default,
        ElementType.UInt32 => UInt32Type.Default,
        _ => UInt64Type.Default,
    };
}
