using System;
using System.IO;
using System.Linq;

namespace Rl.Data.Internal.Flat;

/// <summary>Rows of one array, read in blocks as they are asked for one after the other.</summary>
internal sealed class RowBuffer
{
    /// <summary>The bytes of a block, about.</summary>
    private const long BlockBytes = 4 << 20;

    private readonly IFlatColumns columns;
    private readonly string name;
    private readonly ElementType type;
    private readonly int[] rowShape;
    private readonly int rowSize;
    private readonly long rows;
    private readonly int blockRows;
    private long first;
    private DataArray? block;
    private (long First, DataArray? Block) before;

    public RowBuffer(IFlatColumns columns, string name)
    {
        this.columns = columns;
        this.name = name;
        var (elementType, shape) = columns.Describe(name);
        type = elementType;
        rows = shape[0];
        rowShape = [.. shape.Skip(1).Select(length => checked((int)length))];
        rowSize = rowShape.Aggregate(1, (product, length) => checked(product * length));
        long together = Math.Max(1, columns.Block(name));
        var bytes = Math.Max(1L, together * rowSize * Math.Max(1, ElementTypes.Size(type)));
        blockRows = (int)Math.Min(int.MaxValue / 2, together * Math.Max(1, BlockBytes / bytes));
    }

    /// <summary>The rows from a first one on.</summary>
    public DataArray Read(long start, int count)
    {
        if (start + count > rows)
        {
            throw new InvalidDataException($"{name} has {rows} rows, no {start + count}.");
        }

        var values = ElementTypes.Create(type, checked(count * rowSize));
        for (var done = 0; done < count;)
        {
            var at = start + done;
            Load(at);
            var inside = (int)(at - first);
            var taken = Math.Min(count - done, block!.Rows - inside);
            Array.Copy(block.Values, inside * rowSize, values, done * rowSize, taken * rowSize);
            done += taken;
        }

        return new(values, [count, .. rowShape]);
    }

    /// <summary>A row of an array of truth values.</summary>
    public bool Flag(long row)
    {
        Load(row);
        return System.Convert.ToDouble(
            block!.Values.GetValue(row - first), System.Globalization.CultureInfo.InvariantCulture) switch
        {
            0 => false,
            1 => true,
            var other => throw new InvalidDataException($"{name} is {other} in row {row}; it must be 0 or 1."),
        };
    }

    /// <summary>Makes the block of a row the current one. The block before stays at hand: episodes share a row, and
    /// some files can only be read forwards.</summary>
    private void Load(long row)
    {
        if (block is not null && row >= first && row < first + block.Rows)
        {
            return;
        }

        (first, before.First) = (before.First, first);
        (block, before.Block) = (before.Block, block);
        if (block is null || row < first || row >= first + block.Rows)
        {
            first = row / blockRows * blockRows;
            block = columns.Read(name, first, (int)Math.Min(blockRows, rows - first));
        }
    }
}
