using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using PureHDF;
using PureHDF.Selections;
using PureHDF.VOL.Native;

namespace Rl.Data.Internal.Hdf5;

/// <summary>An array of an HDF5 file: read whole or by rows, each chunk once.</summary>
internal sealed class Hdf5Array
{
    /// <summary>Deflate makes at most 1,032 bytes of one.</summary>
    private const double LargestCompression = 1032;

    private readonly Hdf5File file;
    private readonly NativeDataset dataset;
    private readonly int elementSize;
    private readonly int[] chunk;

    public Hdf5Array(Hdf5File file, NativeDataset dataset, string name)
    {
        this.file = file;
        this.dataset = dataset;
        Name = name;
        (Shape, ElementType, IsJagged, elementSize, chunk) =
            Hdf5File.Guarded(file.Path, name, Described);
        RequireFits();
    }

    /// <summary>The names on the way to it, joined by slashes.</summary>
    public string Name { get; }

    /// <summary>The length of each axis; empty for a single value.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>What the elements are.</summary>
    public ElementType ElementType { get; }

    /// <summary>Whether its elements are byte sequences of different lengths, as JPEG files are stored.</summary>
    public bool IsJagged { get; }

    /// <summary>The rows that are compressed together, at least 1.</summary>
    public int ChunkRows => chunk.Length == 0 ? 1 : chunk[0];

    /// <summary>The length of the first axis; 1 for a single value.</summary>
    public long Rows => Shape.Count == 0 ? 1 : Shape[0];

    /// <summary>All of it.</summary>
    public DataArray Read()
    {
        if (ElementType == ElementType.Text)
        {
            return Hdf5File.Guarded(file.Path, Name, Strings);
        }

        return ReadRows(0, checked((int)Math.Min(Rows, int.MaxValue)));
    }

    /// <summary>Some rows.</summary>
    public DataArray ReadRows(long first, int count) => Hdf5File.Guarded(file.Path, Name, () => Numbers(first, count));

    /// <summary>The byte sequences of a jagged array.</summary>
    public byte[][] ReadSequences() => Hdf5File.Guarded(file.Path, Name, () => dataset.Read<byte[][]>());

    private (long[] Shape, ElementType Type, bool IsJagged, int Size, int[] Chunk) Described()
    {
        var shape = dataset.Space.Dimensions.Select(length => checked((long)length)).ToArray();
        var type = dataset.Type;
        var isJagged = type.Class == H5DataTypeClass.VariableLength
            && type.VariableLength.BaseType is { Class: H5DataTypeClass.FixedPoint, Size: 1 };
        int[] cut = dataset.Layout.Class == H5DataLayoutClass.Chunked
            ? [.. dataset.Layout.Chunks.Take(shape.Length).Select(length => checked((int)length))]
            : [];
        return (shape, Hdf5Values.TypeOf(type), isJagged, type.Size, cut);
    }

    /// <summary>Refuses what no file of this length holds, before memory is asked for.</summary>
    private void RequireFits()
    {
        var bytes = Shape.Aggregate((double)elementSize, (product, length) => product * length);
        var perChunk = chunk.Aggregate((double)elementSize, (product, length) => product * length);
        var most = file.Length * (chunk.Length > 0 ? LargestCompression : 1);
        if (bytes > most || perChunk > Math.Min(most, int.MaxValue))
        {
            throw new InvalidDataException(
                $"{file.Path}: {Name} declares the shape [{string.Join(", ", Shape)}]"
                + (chunk.Length > 0 ? $" in chunks of [{string.Join(", ", chunk)}]" : string.Empty)
                + $", {Math.Max(bytes, perChunk):0.##e+0} bytes, which a file of {file.Length} bytes cannot hold. "
                + "It is damaged.");
        }
    }

    private DataArray Strings()
    {
        var shape = Shape.Select(length => checked((int)length)).ToArray();
        return new(shape.Length == 0 ? new[] { dataset.Read<string>() } : dataset.Read<string[]>(), shape);
    }

    private DataArray Numbers(long first, int count)
    {
        if (first < 0 || count < 0 || first + count > Rows)
        {
            throw new InvalidDataException($"it has {Rows} rows, no {count} from {first}");
        }

        int[] shape = Shape.Count == 0 ? [] : [count, .. Shape.Skip(1).Select(length => checked((int)length))];
        var elements = shape.Aggregate(1L, (product, length) => product * length);
        if (elements > Array.MaxLength)
        {
            throw new InvalidDataException($"{count} of its rows are {elements} elements, more than an array holds");
        }

        var values = ElementTypes.Create(ElementType, (int)elements);
        if (elements > 0)
        {
            var bytes = ElementTypes.Bytes(values);
            if (chunk.Length == 0)
            {
                ReadPlain(bytes, first, shape);
            }
            else
            {
                ReadChunks(bytes, first, shape);
            }

            if (values is bool[])
            {
                // Other bytes than 0 and 1 are no truth values of .NET.
                foreach (ref var value in bytes)
                {
                    value = value == 0 ? (byte)0 : (byte)1;
                }
            }
        }

        return new(values, shape);
    }

    private void ReadPlain(Span<byte> bytes, long first, int[] shape)
    {
        if (shape.Length == 0)
        {
            dataset.Read(bytes);
            return;
        }

        var starts = new ulong[shape.Length];
        starts[0] = (ulong)first;
        dataset.Read(bytes, new HyperslabSelection(shape.Length, starts, Wide(shape)));
    }

    /// <summary>Asks for one element of each chunk, and takes the chunk from the cache on the way: the library itself
    /// copies run by run, at a tenth of the speed.</summary>
    private unsafe void ReadChunks(Span<byte> bytes, long first, int[] shape)
    {
        var rank = shape.Length;
        var grid = new int[rank];
        var starts = new ulong[rank];
        var whole = new int[rank];
        for (var axis = 0; axis < rank; axis++)
        {
            var length = Shape[axis];
            whole[axis] = (int)((length + chunk[axis] - 1) / chunk[axis]);
            grid[axis] = whole[axis];
        }

        var firstChunk = (int)(first / chunk[0]);
        grid[0] = (int)((first + shape[0] - 1) / chunk[0]) - firstChunk + 1;
        starts[0] = (ulong)firstChunk * (ulong)chunk[0];
        var count = grid.Aggregate(1L, (product, length) => product * length);
        if (count * elementSize > int.MaxValue)
        {
            throw new InvalidDataException($"it lies in {count} chunks, too many to read at once");
        }

        var ones = new ulong[rank];
        Array.Fill(ones, 1UL);
        fixed (byte* memory = bytes)
        {
            var receiver = new ChunkReceiver(memory, bytes.Length, first, shape, chunk, whole, elementSize);
            dataset.Read(
                new H5DatasetAccess(ChunkCache: receiver),
                new byte[count * elementSize].AsSpan(),
                new HyperslabSelection(rank, starts, Wide(chunk), Wide(grid), ones));
        }
    }

    private static ulong[] Wide(int[] lengths) => [.. lengths.Select(length => (ulong)length)];

    /// <summary>Copies each chunk that passes to its place.</summary>
    private sealed unsafe class ChunkReceiver(
        byte* destination, int length, long first, int[] shape, int[] chunk, int[] grid, int size) : IReadingChunkCache
    {
        public Memory<byte> GetChunk(ulong chunkIndex, Func<Memory<byte>> chunkReader)
        {
            var memory = chunkReader();
            Place(chunkIndex, memory.Span);
            return memory;
        }

        private void Place(ulong index, ReadOnlySpan<byte> source)
        {
            var rank = shape.Length;
            Span<long> from = stackalloc long[rank];
            Span<long> to = stackalloc long[rank];
            Span<long> copied = stackalloc long[rank];
            Span<long> at = stackalloc long[rank];
            var left = index;
            for (var axis = rank - 1; axis >= 0; axis--)
            {
                var start = (long)(left % (ulong)grid[axis]) * chunk[axis] - (axis == 0 ? first : 0);
                left /= (ulong)grid[axis];
                from[axis] = Math.Max(0, -start);
                to[axis] = Math.Max(0, start);
                copied[axis] = Math.Min(start + chunk[axis], shape[axis]) - to[axis];
                if (copied[axis] <= 0)
                {
                    return;
                }
            }

            // Axes that are whole in both are one with the axis before them.
            var last = rank - 1;
            long run = copied[last];
            while (last > 0 && copied[last] == chunk[last] && copied[last] == shape[last])
            {
                last--;
                run *= copied[last];
            }

            var target = new Span<byte>(destination, length);
            at.Clear();
            while (true)
            {
                long sourceIndex = 0;
                long targetIndex = 0;
                for (var axis = 0; axis < rank; axis++)
                {
                    sourceIndex = sourceIndex * chunk[axis] + from[axis] + at[axis];
                    targetIndex = targetIndex * shape[axis] + to[axis] + at[axis];
                }

                source.Slice((int)(sourceIndex * size), (int)(run * size))
                    .CopyTo(target.Slice((int)(targetIndex * size), (int)(run * size)));
                var next = last - 1;
                while (next >= 0 && ++at[next] == copied[next])
                {
                    at[next--] = 0;
                }

                if (next < 0)
                {
                    return;
                }
            }
        }
    }
}
