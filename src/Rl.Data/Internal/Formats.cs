using System;
using System.IO;
using Rl.Data.Internal.Csv;
using Rl.Data.Internal.D4rl;
using Rl.Data.Internal.Flat;
using Rl.Data.Internal.Hdf5;
using Rl.Data.Internal.Minari;
using Rl.Data.Internal.Npz;

namespace Rl.Data.Internal;

/// <summary>Tells formats by what lies there, and opens them.</summary>
internal static class Formats
{
    /// <summary>Opens what lies at a path.</summary>
    public static Dataset Open(string path, DatasetOptions options)
    {
        if (Directory.Exists(path))
        {
            return MinariFolder.Find(path) is { } found
                ? MinariReader.Open(found, options)
                : throw new InvalidDataException(
                    $"{path} holds no {MinariFolder.MetadataFile}, nor does a folder data in it: it is no data set of "
                    + "Minari's format. Name the folder that holds the file.");
        }

        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} does not exist.", path);
        }

        var extension = Path.GetExtension(path);
        if (extension.Equals(".npz", StringComparison.OrdinalIgnoreCase))
        {
            return NpzReader.Open(path, options);
        }

        if (extension.Equals(".csv", StringComparison.OrdinalIgnoreCase))
        {
            return CsvReader.Open(path, options);
        }

        if (!Hdf5File.Is(path))
        {
            throw new InvalidDataException(
                $"{path} is none of the formats that are read: a folder of Minari, D4RL's .hdf5, .npz or .csv.");
        }

        var parent = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Path.GetFileName(path) == MinariFolder.DataFile && MinariFolder.Find(parent) is { } folder
            ? MinariReader.Open(folder, options)
            : D4rlReader.Open(path, options);
    }

    /// <summary>What writes a format.</summary>
    public static IEpisodeSink Sink(
        string path, GymSpace observations, GymSpace actions, DatasetFormat format, DatasetMetadata metadata) =>
        format switch
        {
            DatasetFormat.Minari => new MinariWriter(path, observations, actions, metadata),
            DatasetFormat.MinariArrow => new MinariArrowWriter(path, observations, actions, metadata),
            DatasetFormat.D4rl => new FlatWriter(new D4rlTarget(path, metadata), observations, actions),
            DatasetFormat.Npz => new FlatWriter(new NpzTarget(path), observations, actions),
            DatasetFormat.Csv => new CsvWriter(path, observations, actions),
            _ => throw new ArgumentException($"format is {format}, which cannot be written.", nameof(format)),
        };
}
