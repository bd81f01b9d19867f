using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;

namespace Rl.Data.Internal.Hdf5;

/// <summary>An array that is written row by row: chunks of whole rows go to disk as they fill.</summary>
internal sealed class Hdf5Rows
{
    /// <summary>The bytes of a chunk at most: what HDF5's cache holds by default.</summary>
    private const int ChunkBytes = 1 << 20;

    /// <summary>Half the children of a node of the chunks' tree, which superblock 0 does not say.</summary>
    private const int TreeRank = 32;

    private readonly Hdf5Writer writer;
    private readonly ElementType type;
    private readonly int[] rowShape;
    private readonly int rowBytes;
    private readonly int chunkRows;
    private readonly int compression;
    private readonly byte[] buffer;
    private readonly List<(ulong Address, int Size)> chunks = [];
    private int filled;
    private long rows;

    /// <param name="writer">The file.</param>
    /// <param name="type">What an element is.</param>
    /// <param name="rowShape">The axes of a row.</param>
    /// <param name="expectedRows">The rows that will come, where they are known: one chunk holds them if it
    /// can.</param>
    /// <param name="compression">0 for none, else deflate's level, 1 to 9.</param>
    public Hdf5Rows(Hdf5Writer writer, ElementType type, int[] rowShape, long expectedRows, int compression)
    {
        this.writer = writer;
        this.type = type;
        this.rowShape = rowShape;
        this.compression = compression;
        rowBytes = rowShape.Aggregate(Hdf5Messages.StoredSize(type), (product, length) => checked(product * length));
        chunkRows = (int)Math.Clamp(Math.Min(expectedRows, ChunkBytes / Math.Max(1, rowBytes)), 1, int.MaxValue);
        buffer = new byte[checked(chunkRows * rowBytes)];
    }

    /// <summary>Appends rows.</summary>
    public void Append(DataArray array)
    {
        ReadOnlySpan<byte> bytes =
            array.Values is string[]? Hdf5Messages.Stored(writer, array) : array.Bytes;
        rows += array.Rows;
        while (!bytes.IsEmpty)
        {
            var taken = Math.Min(bytes.Length, buffer.Length - filled);
            bytes[..taken].CopyTo(buffer.AsSpan(filled));
            bytes = bytes[taken..];
            filled += taken;
            if (filled == buffer.Length)
            {
                Flush();
            }
        }
    }

    /// <summary>Writes what is left and the header; answers where that lies.</summary>
    public ulong Close()
    {
        if (filled > 0)
        {
            buffer.AsSpan(filled).Clear();
            Flush();
        }

        var tree = chunks.Count == 0 ? Hdf5Writer.Undefined : Tree();
        long[] shape = [rows, .. rowShape.Select(length => (long)length)];
        return writer.Append(
            Hdf5Messages.Header(Hdf5Messages.OfRows(type, shape, chunkRows, tree, compression)).Written);
    }

    private void Flush()
    {
        if (compression == 0)
        {
            chunks.Add((writer.Append(buffer), buffer.Length));
        }
        else
        {
            using var target = new MemoryStream();
            using (var deflate = new ZLibStream(target, new ZLibCompressionOptions { CompressionLevel = compression }))
            {
                deflate.Write(Shuffled());
            }

            var compressed = target.ToArray();
            chunks.Add((writer.Append(compressed), compressed.Length));
        }

        filled = 0;
    }

    /// <summary>The first bytes of all elements, then the second, and so on: similar bytes compress better.</summary>
    private byte[] Shuffled()
    {
        var size = Hdf5Messages.StoredSize(type);
        var count = buffer.Length / size;
        var result = new byte[buffer.Length];
        for (var element = 0; element < count; element++)
        {
            for (var index = 0; index < size; index++)
            {
                result[(index * count) + element] = buffer[(element * size) + index];
            }
        }

        return result;
    }

    /// <summary>Keys of chunks are their bytes, the filters left out, and their first element.</summary>
    private ulong Tree()
    {
        var keySize = 8 + (8 * (rowShape.Length + 2));
        byte[] Key(int index)
        {
            var key = new Bytes(keySize);
            key.Put32(index < chunks.Count ? (uint)chunks[index].Size : 0);
            key.Put32(0);
            key.Put64((ulong)index * (ulong)chunkRows);
            key.Skip(8 * (rowShape.Length + 1));
            return key.Written.ToArray();
        }

        return Hdf5Tree.Write(
            writer,
            1,
            TreeRank,
            keySize,
            [.. Enumerable.Range(0, chunks.Count + 1).Select(Key)],
            [.. chunks.Select(chunk => chunk.Address)]);
    }
}
