using System;
using System.Collections.Generic;
using System.IO;
using Rl.Data.Internal.Flat;
using Rl.Data.Internal.Hdf5;

namespace Rl.Data.Internal.D4rl;

/// <summary>Reads D4RL's HDF5 files (Fu et al. 2020): arrays of all steps, one after the other.</summary>
internal static class D4rlReader
{
    /// <summary>Opens a file.</summary>
    public static Dataset Open(string path, DatasetOptions options)
    {
        using var file = Hdf5File.Open(path);
        var columns = new Hdf5Columns(file);
        var layout = FlatLayout.Of(path, columns, options);
        return new(path, DatasetFormat.D4rl, layout.Observations, layout.Actions, Describe(file), Episodes);

        IEnumerable<Func<DatasetEpisode>> Episodes(bool withInfos)
        {
            using var opened = Hdf5File.Open(path);
            foreach (var attempt in FlatEpisodes.Of(path, new Hdf5Columns(opened), layout, options, withInfos))
            {
                yield return attempt;
            }
        }
    }

    /// <summary>What the group <c>metadata</c> says.</summary>
    private static DatasetMetadata Describe(Hdf5File file)
    {
        var metadata = new DatasetMetadata { Id = Path.GetFileNameWithoutExtension(file.Path) };
        if (file.Root.Has("metadata") && file.Root.IsGroup("metadata"))
        {
            var group = file.Root.Group("metadata");
            if (group.Has("algorithm") && !group.IsGroup("algorithm")
                && group.Array("algorithm").Read() is { Values: string[] { Length: 1 } names })
            {
                metadata = metadata with { AlgorithmName = names[0] };
            }
        }

        return metadata;
    }
}

/// <summary>The arrays of an HDF5 file by their names.</summary>
internal sealed class Hdf5Columns(Hdf5File file) : IFlatColumns
{
    private readonly Dictionary<string, Hdf5Array> opened = new(StringComparer.Ordinal);

    public bool Has(string name)
    {
        var group = file.Root;
        var words = name.Split('/');
        foreach (var word in words[..^1])
        {
            if (!group.Has(word) || !group.IsGroup(word))
            {
                return false;
            }

            group = group.Group(word);
        }

        return group.Has(words[^1]) && !group.IsGroup(words[^1]);
    }

    public (ElementType Type, IReadOnlyList<long> Shape) Describe(string name)
    {
        var array = Find(name);
        return (array.ElementType, array.Shape);
    }

    public DataArray Read(string name, long first, int count)
    {
        var array = Find(name);
        return array.ElementType == ElementType.Text
            ? throw new InvalidDataException($"{file.Path}: {name} holds strings where numbers are expected.")
            : array.ReadRows(first, count);
    }

    public int Block(string name) => Find(name).ChunkRows;

    public IReadOnlyList<string> Below(string group)
    {
        List<string> all = [];
        if (file.Root.Has(group) && file.Root.IsGroup(group))
        {
            Visit(file.Root.Group(group));
        }

        return all;

        void Visit(Hdf5Group below)
        {
            foreach (var name in below.Names)
            {
                if (below.IsGroup(name))
                {
                    Visit(below.Group(name));
                }
                else
                {
                    all.Add($"{below.Name}/{name}");
                }
            }
        }
    }

    private Hdf5Array Find(string name)
    {
        if (!opened.TryGetValue(name, out var array))
        {
            var group = file.Root;
            var words = name.Split('/');
            foreach (var word in words[..^1])
            {
                group = group.Group(word);
            }

            array = group.Array(words[^1]);
            opened[name] = array;
        }

        return array;
    }
}
