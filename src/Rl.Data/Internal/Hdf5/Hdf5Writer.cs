using System;
using System.Buffers.Binary;
using System.IO;

namespace Rl.Data.Internal.Hdf5;

/// <summary>Writes an HDF5 file from front to back, with the structures that h5py writes by default (superblock 0,
/// object headers 1, symbol tables, chunks in B-trees), so that every reader knows them.</summary>
/// <remarks>Of our own: PureHDF writes neither NumPy's truth values nor arrays that can grow, and holds all in memory.
/// Arrays go to disk as they come; only addresses are kept. The format is that of "HDF5 File Format Specification
/// Version 3.0", whose sections the members name.</remarks>
internal sealed class Hdf5Writer : IDisposable
{
    /// <summary>An address of nothing.</summary>
    public const ulong Undefined = ulong.MaxValue;

    private const int SuperblockSize = 96;

    private static readonly byte[] Padding = new byte[8];

    private readonly Stream stream;
    private long position;

    /// <param name="stream">An empty stream that can seek; closed with the writer.</param>
    public Hdf5Writer(Stream stream)
    {
        this.stream = stream;
        Root = new(this);
        stream.Write(new byte[SuperblockSize]);
        position = SuperblockSize;
    }

    /// <summary>The group that holds all others.</summary>
    public Hdf5GroupWriter Root { get; }

    /// <summary>Appends bytes at a multiple of eight; answers where they lie.</summary>
    public ulong Append(ReadOnlySpan<byte> bytes)
    {
        var address = (ulong)position;
        stream.Write(bytes);
        var padding = (int)(-bytes.Length & 7);
        stream.Write(Padding.AsSpan(0, padding));
        position += bytes.Length + padding;
        return address;
    }

    /// <summary>Writes what is left; without it the file is none.</summary>
    public void Finish()
    {
        var (header, tree, heap) = Root.CloseAsRoot();
        var block = new Bytes(SuperblockSize);
        block.Put([0x89, (byte)'H', (byte)'D', (byte)'F', 0x0D, 0x0A, 0x1A, 0x0A]);
        block.Put([0, 0, 0, 0, 0, 8, 8, 0]);
        block.Put16(Hdf5GroupWriter.LeafRank);
        block.Put16(Hdf5GroupWriter.TreeRank);
        block.Put32(0);
        block.Put64(0);
        block.Put64(Undefined);
        block.Put64((ulong)position);
        block.Put64(Undefined);
        block.Put64(0);
        block.Put64(header);
        block.Put32(1);
        block.Put32(0);
        block.Put64(tree);
        block.Put64(heap);
        stream.Position = 0;
        stream.Write(block.Written);
        stream.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();
}

/// <summary>Little-endian bytes that grow.</summary>
internal sealed class Bytes(int capacity = 256)
{
    private byte[] buffer = new byte[capacity];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>What was put.</summary>
    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, Count);

    public void Put(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Room(bytes.Length));

    public void Put8(int value) => Room(1)[0] = (byte)value;

    public void Put16(int value) => BinaryPrimitives.WriteUInt16LittleEndian(Room(2), checked((ushort)value));

    public void Put32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Room(4), value);

    public void Put64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Room(8), value);

    /// <summary>Zeros.</summary>
    public void Skip(int count) => Room(count).Clear();

    /// <summary>Zeros up to a multiple of eight.</summary>
    public void Align() => Skip(-Count & 7);

    private Span<byte> Room(int count)
    {
        if (Count + count > buffer.Length)
        {
            Array.Resize(ref buffer, Math.Max(buffer.Length * 2, Count + count));
        }

        Count += count;
        return buffer.AsSpan(Count - count, count);
    }
}
