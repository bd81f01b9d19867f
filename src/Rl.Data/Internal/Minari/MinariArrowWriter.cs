using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Rl.Data.Internal.Arrow;

namespace Rl.Data.Internal.Minari;

/// <summary>Writes Minari's folder with an Arrow file for each episode, as its own storage does
/// (minari/dataset/_storages/arrow_storage.py of version 0.5.3): T + 1 rows, those of steps with zeros behind the
/// last.</summary>
internal sealed class MinariArrowWriter : IEpisodeSink
{
    private readonly string path;
    private readonly PartialFolder folder;
    private readonly GymSpace observations;
    private readonly GymSpace actions;
    private readonly DatasetMetadata metadata;
    private readonly string data;
    private long episodes;
    private long steps;
    private long bytes;

    public MinariArrowWriter(string path, GymSpace observations, GymSpace actions, DatasetMetadata metadata)
    {
        this.path = path;
        this.observations = observations;
        this.actions = actions;
        this.metadata = metadata;
        folder = new PartialFolder(path);
        data = Directory.CreateDirectory(Path.Combine(folder.Path, MinariFolder.DataFolder)).FullName;
    }

    /// <inheritdoc/>
    public void Add(DatasetEpisode episode)
    {
        var rows = episode.Steps;
        var count = rows.Steps + 1;
        List<(Field Field, IArrowArray Array)> columns =
        [
            Part(observations, "observations", rows.Observations.Span, observations.Space.Size, 0, count, episode),
            Part(actions, "actions", rows.Actions.Span, actions.Space.Size, 0, count, episode),
            Column("rewards", new(rows.Rewards.ToArray(), rows.Steps), count),
            Column("terminations", End(rows.Steps, rows.Terminated), count),
            Column("truncations", End(rows.Steps, rows.Truncated), count),
        ];
        if (episode.Infos.Count > 0)
        {
            (string[] Path, DataArray Array)[] infos =
                [.. episode.Infos.Select(info => (info.Key.Split('/'), info.Value))];
            columns.Add(Infos("infos", infos, 0, count, episode));
        }

        var place = Directory.CreateDirectory(
            Path.Combine(data, episode.Number.ToString(CultureInfo.InvariantCulture))).FullName;
        var schema = new Schema(columns.Select(column => column.Field), null);
        using (var batch = new RecordBatch(schema, columns.Select(column => column.Array), count))
        using (var stream = new FileStream(Path.Combine(place, "part-0.arrow"), FileMode.CreateNew, FileAccess.Write))
        {
            using var writer = new ArrowFileWriter(stream, schema);
            writer.WriteRecordBatch(batch);
            writer.WriteEnd();
            bytes += stream.Length;
        }

        var stated = new JsonObject { ["id"] = episode.Number, ["total_steps"] = rows.Steps };
        if (episode.Seed is { } seed)
        {
            stated["seed"] = seed;
        }

        if (episode.Options is { } options)
        {
            stated["options"] = options.DeepClone();
        }

        var text = PythonJson.Text(stated);
        File.WriteAllText(Path.Combine(place, MinariFolder.MetadataFile), text);
        bytes += text.Length;
        episodes++;
        steps += rows.Steps;
    }

    /// <inheritdoc/>
    public void Complete()
    {
        File.WriteAllText(
            Path.Combine(data, MinariFolder.MetadataFile),
            PythonJson.Text(MinariFolder.Metadata(
                path, metadata, "arrow", observations, actions, episodes, steps, bytes)));
        folder.Complete();
    }

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    private static DataArray End(int steps, bool isLast)
    {
        var flags = new bool[steps];
        flags[^1] = isLast;
        return new(flags, steps);
    }

    private static (Field Field, IArrowArray Array) Column(string name, DataArray array, int count)
    {
        var column = ArrowColumns.Column(array, count);
        return (ArrowColumns.Named(name, column), column);
    }

    private static (Field Field, IArrowArray Array) Part(
        GymSpace space,
        string name,
        ReadOnlySpan<float> rows,
        int stride,
        int offset,
        int count,
        DatasetEpisode episode)
    {
        if (!space.IsComposite)
        {
            var array = EpisodeArrays.Part(episode, name, space, rows, stride, offset);
            // An integer is a number; a box is a list even where it has one element or no axis.
            return space.Space is DiscreteSpace
                ? Column(name, array, count)
                : Column(name, new DataArray(array.Values, array.Rows, space.Space.Size), count);
        }

        var parts = new List<(Field Field, IArrowArray Array)>();
        var at = offset;
        foreach (var (below, part) in space.Parts)
        {
            parts.Add(Part(part, below, rows, stride, at, count, episode));
            at += part.Space.Size;
        }

        var whole = ArrowColumns.Struct(parts, count);
        return (ArrowColumns.Named(name, whole), whole);
    }

    private static (Field Field, IArrowArray Array) Infos(
        string name,
        IReadOnlyList<(string[] Path, DataArray Array)> infos,
        int depth,
        int count,
        DatasetEpisode episode)
    {
        var parts = new List<(Field Field, IArrowArray Array)>();
        foreach (var below in infos.GroupBy(info => info.Path[depth]))
        {
            if (below.All(info => info.Path.Length > depth + 1))
            {
                parts.Add(Infos(below.Key, [.. below], depth + 1, count, episode));
                continue;
            }

            var (path, array) = below.Single();
            if (array.Shape.Count == 0 || array.Rows != count)
            {
                throw new InvalidDataException(
                    $"Episode {episode.Number}: the info {string.Join('/', path)} has {array.Rows} rows, and Arrow's "
                    + $"columns all have {count}, one for each observation; write the data as HDF5, or leave it out.");
            }

            var column = ArrowColumns.Column(array, count);
            int[]? axes = array.Shape.Count > 1 ? [.. array.Shape.Skip(1)] : null;
            parts.Add((ArrowColumns.Named(below.Key, column, axes), column));
        }

        var whole = ArrowColumns.Struct(parts, count);
        return (ArrowColumns.Named(name, whole), whole);
    }
}
