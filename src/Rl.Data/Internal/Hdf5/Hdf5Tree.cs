using System;
using System.Collections.Generic;

namespace Rl.Data.Internal.Hdf5;

/// <summary>B-trees of version 1 (section III.A.1), which index the names of groups and the chunks of arrays.</summary>
internal static class Hdf5Tree
{
    /// <summary>Writes the nodes above leaves; answers where the root lies.</summary>
    /// <param name="writer">The file.</param>
    /// <param name="type">0 for names, 1 for chunks.</param>
    /// <param name="rank">Half the children of a node.</param>
    /// <param name="keySize">The bytes of a key.</param>
    /// <param name="keys">What lies left of each child, and right of the last; none without children.</param>
    /// <param name="children">Where the children lie.</param>
    public static ulong Write(
        Hdf5Writer writer, int type, int rank, int keySize, IReadOnlyList<byte[]> keys, IReadOnlyList<ulong> children)
    {
        var depth = 0;
        while (true)
        {
            List<byte[]> above = [];
            List<ulong> nodes = [];
            var width = 2 * rank;
            var count = Math.Max(1, (children.Count + width - 1) / width);
            var size = (ulong)(24 + ((width + 1) * keySize) + (width * 8));
            var start = writer.Append([]);
            for (var node = 0; node < count; node++)
            {
                var first = node * width;
                var used = Math.Min(width, children.Count - first);
                var bytes = new Bytes((int)size);
                bytes.Put("TREE"u8);
                bytes.Put8(type);
                bytes.Put8(depth);
                bytes.Put16(used);
                bytes.Put64(node == 0 ? Hdf5Writer.Undefined : start + ((ulong)(node - 1) * size));
                bytes.Put64(node == count - 1 ? Hdf5Writer.Undefined : start + ((ulong)(node + 1) * size));
                for (var child = first; child < first + used; child++)
                {
                    bytes.Put(keys[child]);
                    bytes.Put64(children[child]);
                }

                if (used > 0)
                {
                    bytes.Put(keys[first + used]);
                    above.Add(keys[first]);
                }

                bytes.Skip((int)size - bytes.Count);
                nodes.Add(writer.Append(bytes.Written));
            }

            if (count == 1)
            {
                return nodes[0];
            }

            above.Add(keys[^1]);
            (keys, children) = (above, nodes);
            depth++;
        }
    }
}
