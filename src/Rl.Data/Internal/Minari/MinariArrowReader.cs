using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Rl.Data.Internal.Arrow;

namespace Rl.Data.Internal.Minari;

/// <summary>Reads the episodes of a Minari folder whose <c>data_format</c> is arrow: a folder for each, with one file
/// of T + 1 rows and <c>metadata.json</c>. What belongs to a step has a row of zeros behind the last, which is
/// dropped.</summary>
internal static class MinariArrowReader
{
    public static DatasetEpisode Read(string folder, int number, MinariReading reading, bool withInfos)
    {
        var place = Path.Combine(folder, number.ToString(CultureInfo.InvariantCulture));
        var parts = new EpisodeParts(place, number);
        if (!Directory.Exists(place))
        {
            throw new InvalidDataException($"{place} does not exist: the folder of episode {number} is missing.");
        }

        var files = Directory.GetFiles(place, "*.arrow");
        if (files.Length != 1)
        {
            throw parts.Wrong($"its folder has {files.Length} Arrow files; there must be one");
        }

        var stated = Metadata(place);
        using var file = ArrowEpisodeFile.Open(files[0]);
        parts = new EpisodeParts(file.Path, number);
        var total = MinariFolder.Whole(Path.Combine(place, MinariFolder.MetadataFile), stated, "total_steps");
        var steps = MinariReading.Steps(parts, [file.Rows - 1L], total);
        var observations = parts.Rows("observations", reading.Observations, steps + 1, (path, part) =>
            Part(file, "observations", path, part, reading, parts, steps + 1));
        var actions = parts.Rows("actions", reading.Actions, steps, (path, part) =>
            Part(file, "actions", path, part, reading, parts, steps));
        var truncations = Column(file, parts, "truncations", steps);
        var episode = reading.Episode(
            parts,
            observations,
            actions,
            Column(file, parts, "rewards", steps),
            Column(file, parts, "terminations", steps),
            truncations);
        return new(number, episode)
        {
            Seed = SeedOf(stated),
            Options = stated["options"]?.DeepClone() as JsonObject,
            Infos = withInfos && file.Has("infos")
                ? Infos(file, parts)
                : new SortedDictionary<string, DataArray>(StringComparer.Ordinal),
            HasEnd = episode.Terminated || truncations.ToDoubles()[^1] == 1,
        };
    }

    private static DataArray Part(
        ArrowEpisodeFile file,
        string name,
        IReadOnlyList<string> path,
        GymSpace part,
        MinariReading reading,
        EpisodeParts parts,
        int rows)
    {
        var called = string.Join('/', [name, .. path]);
        var column = Named(parts, called, () => file.Find([name, .. path]));
        return column is BinaryArray sequences and not StringArray
            ? reading.Decode(parts, called, part, Named(parts, called, () => ArrowColumns.Sequences(sequences, rows)))
            : Named(parts, called, () => ArrowColumns.Read(column, rows, part.Shape));
    }

    private static DataArray Column(ArrowEpisodeFile file, EpisodeParts parts, string name, int rows) =>
        Named(parts, name, () => ArrowColumns.Read(file.Find([name]), rows));

    private static SortedDictionary<string, DataArray> Infos(ArrowEpisodeFile file, EpisodeParts parts)
    {
        var infos = new SortedDictionary<string, DataArray>(StringComparer.Ordinal);
        foreach (var (path, field, array) in Named(parts, "infos", () => file.Leaves("infos").ToList()))
        {
            infos[path] = Named(parts, $"infos/{path}", () => ArrowColumns.Read(array, file.Rows, AxesOf(field)));
        }

        return infos;
    }

    /// <summary>The axes of an info's rows; null where they are not told.</summary>
    private static int[]? AxesOf(Field field)
    {
        if (!field.HasMetadata || !field.Metadata.TryGetValue(ArrowColumns.ShapeKey, out var text))
        {
            return null;
        }

        try
        {
            return [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries)
                .Select(axis => int.Parse(axis, CultureInfo.InvariantCulture))];
        }
        catch (Exception error) when (error is FormatException or OverflowException)
        {
            throw new InvalidDataException($"says that its rows have the shape {text}");
        }
    }

    /// <summary>A column's fault, with its name, its file and its episode.</summary>
    private static T Named<T>(EpisodeParts parts, string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is InvalidDataException or OverflowException
            or ArgumentException or IndexOutOfRangeException or InvalidCastException or InvalidOperationException)
        {
            throw parts.Wrong($"{name} {error.Message}");
        }
    }

    private static JsonObject Metadata(string place)
    {
        var path = Path.Combine(place, MinariFolder.MetadataFile);
        return File.Exists(path)
            ? MinariFolder.ReadObject(path)
            : throw new InvalidDataException($"{path} does not exist; Minari writes one for each episode.");
    }

    private static ulong? SeedOf(JsonObject stated) =>
        stated["seed"] is JsonValue value && value.TryGetValue<ulong>(out var seed) ? seed : null;
}
