using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Data.Internal.Flat;
using Rl.Data.Internal.Hdf5;

namespace Rl.Data.Internal.D4rl;

/// <summary>Writes a D4RL file: compressed arrays of all steps, those with slashes in their names in groups.</summary>
internal sealed class D4rlTarget : IFlatTarget
{
    /// <summary>Deflate's level, between size and speed.</summary>
    private const int Compression = 4;

    private readonly PartialFile file;
    private readonly Hdf5Writer writer;
    private readonly DatasetMetadata metadata;
    private readonly Dictionary<string, Hdf5Rows> arrays = new(StringComparer.Ordinal);

    public D4rlTarget(string path, DatasetMetadata metadata)
    {
        this.metadata = metadata;
        file = new(path);
        writer = new(file.Stream);
    }

    /// <inheritdoc/>
    public void Append(string name, DataArray rows)
    {
        if (!arrays.TryGetValue(name, out var array))
        {
            array = new(writer, rows.ElementType, [.. rows.Shape.Skip(1)], long.MaxValue, Compression);
            arrays[name] = array;
        }

        array.Append(rows);
    }

    /// <inheritdoc/>
    public void Complete()
    {
        Place(writer.Root, [.. arrays.Select(array => (array.Key.Split('/'), array.Value.Close()))], 0);
        if (metadata.AlgorithmName is { } algorithm)
        {
            writer.Root.Group("metadata", group => group.Array("algorithm", new(new[] { algorithm })));
        }

        writer.Finish();
        file.Complete();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        writer.Dispose();
        file.Dispose();
    }

    private static void Place(Hdf5GroupWriter group, IReadOnlyList<(string[] Path, ulong Header)> placed, int depth)
    {
        foreach (var below in placed.GroupBy(each => each.Path[depth]))
        {
            if (below.First().Path.Length == depth + 1)
            {
                group.Add(below.Key, below.Single().Header);
            }
            else
            {
                group.Group(below.Key, inner => Place(inner, [.. below], depth + 1));
            }
        }
    }
}
