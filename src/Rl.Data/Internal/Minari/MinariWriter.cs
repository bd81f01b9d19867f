using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rl.Data.Internal.Hdf5;

namespace Rl.Data.Internal.Minari;

/// <summary>Writes Minari's folder with one HDF5 file, as its own storage does
/// (minari/dataset/_storages/hdf5_storage.py of version 0.5.3).</summary>
internal sealed class MinariWriter : IEpisodeSink
{
    private readonly string path;
    private readonly PartialFolder folder;
    private readonly GymSpace observations;
    private readonly GymSpace actions;
    private readonly DatasetMetadata metadata;
    private readonly Hdf5Writer writer;
    private long episodes;
    private long steps;

    public MinariWriter(string path, GymSpace observations, GymSpace actions, DatasetMetadata metadata)
    {
        this.path = path;
        this.observations = observations;
        this.actions = actions;
        this.metadata = metadata;
        folder = new PartialFolder(path);
        var data = Directory.CreateDirectory(Path.Combine(folder.Path, MinariFolder.DataFolder)).FullName;
        writer = new(new FileStream(
            Path.Combine(data, MinariFolder.DataFile), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20));
    }

    /// <inheritdoc/>
    public void Add(DatasetEpisode episode)
    {
        var rows = episode.Steps;
        writer.Root.Group($"episode_{episode.Number}", group =>
        {
            group.Attribute("id", One((long)episode.Number));
            foreach (var (name, value) in Attributes(episode))
            {
                group.Attribute(name, value);
            }

            group.Attribute("total_steps", One((long)rows.Steps));
            Parts(group, "observations", observations, rows.Observations.Span, observations.Space.Size, 0, episode);
            Parts(group, "actions", actions, rows.Actions.Span, actions.Space.Size, 0, episode);
            group.Array("rewards", new(rows.Rewards.ToArray(), rows.Steps));
            group.Array("terminations", End(rows.Steps, rows.Terminated));
            group.Array("truncations", End(rows.Steps, rows.Truncated));
            if (episode.Infos.Count > 0)
            {
                Infos(group, "infos", [.. episode.Infos.Select(info => (info.Key.Split('/'), info.Value))], 0);
            }
        });
        episodes++;
        steps += rows.Steps;
    }

    /// <inheritdoc/>
    public void Complete()
    {
        writer.Finish();
        writer.Dispose();
        var data = Path.Combine(folder.Path, MinariFolder.DataFolder);
        var size = new FileInfo(Path.Combine(data, MinariFolder.DataFile)).Length;
        File.WriteAllText(
            Path.Combine(data, MinariFolder.MetadataFile),
            PythonJson.Text(MinariFolder.Metadata(
                path, metadata, "hdf5", observations, actions, episodes, steps, size)));
        folder.Complete();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        writer.Dispose();
        folder.Dispose();
    }

    /// <summary>The seed and the options, whose nested names are joined by slashes.</summary>
    public static IEnumerable<(string Name, DataArray Value)> Attributes(DatasetEpisode episode)
    {
        if (episode.Seed is { } seed)
        {
            yield return ("seed", seed <= long.MaxValue ? One((long)seed) : One(seed));
        }

        foreach (var option in Flat("options", episode.Options))
        {
            yield return option;
        }
    }

    private static IEnumerable<(string Name, DataArray Value)> Flat(string path, JsonNode? node) => node switch
    {
        null => [],
        JsonObject entries => entries.SelectMany(entry => Flat($"{path}/{entry.Key}", entry.Value)),
        JsonArray items => [(path, List(items))],
        JsonValue value => [(path, Scalar(value))],
        _ => throw new NotSupportedException($"{path} is no JSON."),
    };

    private static DataArray Scalar(JsonValue value)
    {
        switch (value.GetValueKind())
        {
            case JsonValueKind.True or JsonValueKind.False:
                return One(value.GetValue<bool>());
            case JsonValueKind.Number:
                return IsWhole(value) ? One((long)PythonJson.Number(value)) : One(PythonJson.Number(value));
            default:
                var text = value.GetValue<string>();
                return PythonJson.IsNumber(text) ? One(PythonJson.Number(value)) : One(text);
        }
    }

    private static DataArray List(JsonArray items)
    {
        if (items.All(item => item is JsonValue value && value.GetValueKind() == JsonValueKind.String))
        {
            return new(items.Select(item => item!.GetValue<string>()).ToArray(), items.Count);
        }

        var numbers = items.Select(PythonJson.Number).ToArray();
        return items.All(item => item is JsonValue value && IsWhole(value))
            ? new(numbers.Select(number => (long)number).ToArray(), items.Count)
            : new(numbers, items.Count);
    }

    /// <summary>Whether a number is an integer: by its spelling where it was read, else by its .NET type.</summary>
    private static bool IsWhole(JsonValue value) =>
        value.GetValueKind() == JsonValueKind.Number
        && (value.TryGetValue<JsonElement>(out var element)
            ? !element.GetRawText().AsSpan().ContainsAny(".eE")
            : !value.TryGetValue<double>(out _) && !value.TryGetValue<float>(out _));

    private static DataArray One<T>(T value) => new(new[] { value });

    private static DataArray End(int steps, bool isLast)
    {
        var flags = new bool[steps];
        flags[^1] = isLast;
        return new(flags, steps);
    }

    private static void Infos(
        Hdf5GroupWriter group, string name, IReadOnlyList<(string[] Path, DataArray Array)> infos, int depth) =>
        group.Group(name, inner =>
        {
            foreach (var below in infos.GroupBy(info => info.Path[depth]))
            {
                if (below.Any(info => info.Path.Length == depth + 1))
                {
                    inner.Array(below.Key, below.Single().Array);
                }
                else
                {
                    Infos(inner, below.Key, [.. below], depth + 1);
                }
            }
        });

    private static void Parts(
        Hdf5GroupWriter group,
        string name,
        GymSpace space,
        ReadOnlySpan<float> rows,
        int stride,
        int offset,
        DatasetEpisode episode)
    {
        if (!space.IsComposite)
        {
            group.Array(name, EpisodeArrays.Part(episode, name, space, rows, stride, offset));
            return;
        }

        var copy = rows.ToArray();
        group.Group(name, inner =>
        {
            var at = offset;
            foreach (var (below, part) in space.Parts)
            {
                var called = space.Space is TupleSpace ? $"_index_{below}" : below;
                Parts(inner, called, part, copy, stride, at, episode);
                at += part.Space.Size;
            }
        });
    }
}
