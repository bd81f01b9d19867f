using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Rl.Data.Internal.Hdf5;

/// <summary>A group that is written: attributes, arrays and groups by their names.</summary>
internal sealed class Hdf5GroupWriter(Hdf5Writer writer)
{
    /// <summary>Half the names of a leaf of the names' tree.</summary>
    public const int LeafRank = 4;

    /// <summary>Half the children of a node of the names' tree.</summary>
    public const int TreeRank = 16;

    private readonly List<(int Type, Bytes Body)> attributes = [];
    private readonly SortedDictionary<string, ulong> members = new(StringComparer.Ordinal);

    /// <summary>Adds an attribute.</summary>
    public void Attribute(string name, DataArray value) =>
        attributes.Add(Hdf5Messages.OfAttribute(writer, name, value));

    /// <summary>Adds a group that is filled and closed by a function.</summary>
    public void Group(string name, Action<Hdf5GroupWriter> fill)
    {
        var group = new Hdf5GroupWriter(writer);
        fill(group);
        Add(name, group.Close().Header);
    }

    /// <summary>Adds an array.</summary>
    public void Array(string name, DataArray array)
    {
        if (array.Shape.Count == 0)
        {
            var address = writer.Append(Hdf5Messages.Stored(writer, array));
            var messages = Hdf5Messages.OfValue(array.ElementType, address);
            Add(name, writer.Append(Hdf5Messages.Header(messages).Written));
            return;
        }

        var rows = new Hdf5Rows(writer, array.ElementType, [.. array.Shape.Skip(1)], array.Rows, 0);
        rows.Append(array);
        Add(name, rows.Close());
    }

    /// <summary>Adds an object that was written.</summary>
    public void Add(string name, ulong header)
    {
        if (name.Length == 0 || name.Contains('/', StringComparison.Ordinal) || name == ".")
        {
            throw new InvalidDataException($"\"{name}\" cannot be a name in an HDF5 file: it is empty or has slashes.");
        }

        if (!members.TryAdd(name, header))
        {
            throw new InvalidDataException($"{name} is written twice.");
        }
    }

    /// <summary>Writes the group; answers where it, its tree of names and its names lie.</summary>
    public (ulong Header, ulong Tree, ulong Heap) CloseAsRoot() => Close();

    private (ulong Header, ulong Tree, ulong Heap) Close()
    {
        // Sorted by bytes, as strcmp does; the names' own order in .NET differs beyond the basic plane.
        var sorted = members
            .Select(member => (Name: Encoding.UTF8.GetBytes(member.Key), member.Value))
            .OrderBy(
                member => member.Name,
                Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right)))
            .ToList();
        var (heap, offsets) = Names(sorted.Select(member => member.Name));
        var tree = Tree([.. sorted.Select(member => member.Value)], offsets);
        var header = Hdf5Messages.Header([Hdf5Messages.OfGroup(tree, heap), .. attributes]);
        return (writer.Append(header.Written), tree, heap);
    }

    /// <summary>The names in a heap (section III.D); answers where it lies, and each name within.</summary>
    private (ulong Heap, List<ulong> Offsets) Names(IEnumerable<byte[]> names)
    {
        var text = new Bytes();
        text.Skip(8);
        List<ulong> offsets = [];
        foreach (var name in names)
        {
            offsets.Add((ulong)text.Count);
            text.Put(name);
            text.Put8(0);
            text.Align();
        }

        var address = writer.Append(text.Written);
        var heap = new Bytes();
        heap.Put("HEAP\0\0\0\0"u8);
        heap.Put64((ulong)text.Count);
        heap.Put64(1);
        heap.Put64(address);
        return (writer.Append(heap.Written), offsets);
    }

    /// <summary>Leaves of names and the tree above them (sections III.A.1 and III.B).</summary>
    private ulong Tree(List<ulong> headers, List<ulong> offsets)
    {
        List<(ulong Address, ulong Last)> level = [];
        for (var first = 0; first < headers.Count; first += 2 * LeafRank)
        {
            var count = Math.Min(2 * LeafRank, headers.Count - first);
            var leaf = new Bytes();
            leaf.Put("SNOD\x01\0"u8);
            leaf.Put16(count);
            for (var index = first; index < first + count; index++)
            {
                leaf.Put64(offsets[index]);
                leaf.Put64(headers[index]);
                leaf.Skip(24);
            }

            leaf.Skip(40 * ((2 * LeafRank) - count));
            level.Add((writer.Append(leaf.Written), offsets[first + count - 1]));
        }

        return Hdf5Tree.Write(
            writer,
            0,
            TreeRank,
            8,
            level.Count == 0 ? [] : [Key(0), .. level.Select(node => Key(node.Last))],
            [.. level.Select(node => node.Address)]);
    }

    private static byte[] Key(ulong offset) => BitConverter.GetBytes(offset);
}
