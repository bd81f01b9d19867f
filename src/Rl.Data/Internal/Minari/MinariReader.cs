using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data.Internal.Hdf5;

namespace Rl.Data.Internal.Minari;

/// <summary>Reads data sets of Minari (Younis et al. 2024), an episode at a time.</summary>
internal static class MinariReader
{
    /// <summary>Opens the folder that holds the metadata.</summary>
    public static Dataset Open(string folder, DatasetOptions options)
    {
        var path = Path.Combine(folder, MinariFolder.MetadataFile);
        var json = MinariFolder.ReadMetadata(folder);
        var metadata = MinariFolder.Describe(path, json);
        var observations = SpaceOf(path, json, "observation_space", options.ObservationSpace, metadata);
        var actions = SpaceOf(path, json, "action_space", options.ActionSpace, metadata);
        var count = MinariFolder.Whole(path, json, "total_episodes")
            ?? throw new InvalidDataException($"{path} has no total_episodes.");
        var format = MinariFolder.Text(path, json, "data_format") ?? "hdf5";
        var reading = new MinariReading(observations, actions, options);
        return format switch
        {
            "hdf5" => new(folder, DatasetFormat.Minari, observations, actions, metadata, Hdf5)
            {
                EpisodeCount = count,
                StepCount = MinariFolder.Whole(path, json, "total_steps"),
            },
            "arrow" => new(folder, DatasetFormat.MinariArrow, observations, actions, metadata, Arrow)
            {
                EpisodeCount = count,
                StepCount = MinariFolder.Whole(path, json, "total_steps"),
            },
            _ => throw new NotSupportedException(
                $"{path} says that its data_format is {format}; hdf5 and arrow are read. Convert it with Minari."),
        };

        IEnumerable<Func<DatasetEpisode>> Hdf5(bool withInfos)
        {
            using var file = Hdf5File.Open(Path.Combine(folder, MinariFolder.DataFile));
            for (var number = 0L; number < count; number++)
            {
                var which = (int)number;
                yield return () => ReadEpisode(file, which, reading, withInfos);
            }
        }

        IEnumerable<Func<DatasetEpisode>> Arrow(bool withInfos)
        {
            for (var number = 0L; number < count; number++)
            {
                var which = (int)number;
                yield return () => MinariArrowReader.Read(folder, which, reading, withInfos);
            }
        }
    }

    /// <summary>A space of the metadata, else the one that is given, else that of the environment where we have
    /// it.</summary>
    private static GymSpace SpaceOf(
        string path, JsonObject json, string name, Space? given, DatasetMetadata metadata)
    {
        if (MinariFolder.Text(path, json, name) is { } text)
        {
            GymSpace space;
            try
            {
                space = GymSpace.Parse(text);
            }
            catch (InvalidDataException error)
            {
                throw new InvalidDataException($"{path}: {name} cannot be read: {error.Message}.", error);
            }

            return given is null || given.Equals(space.Space)
                ? space
                : throw new InvalidDataException(
                    $"{path}: {name} is {space.Space}, not {given}; use an environment with the data's spaces.");
        }

        if (given is not null)
        {
            return GymSpace.Of(given);
        }

        if (metadata.EnvironmentId is { } id && Environments.Ids.Contains(id))
        {
            var environment = Environments.Make(id, metadata.EnvironmentOptions.Select(each => (each.Key, each.Value)));
            return GymSpace.Of(name == "action_space" ? environment.ActionSpace : environment.ObservationSpace);
        }

        throw new InvalidDataException(
            $"{path} has no {name}, and its environment ({metadata.EnvironmentId ?? "none"}) is none of the library's; "
            + "give the space in the options.");
    }

    private static DatasetEpisode ReadEpisode(Hdf5File file, int number, MinariReading reading, bool withInfos)
    {
        var parts = new EpisodeParts(file.Path, number);
        var name = $"episode_{number.ToString(CultureInfo.InvariantCulture)}";
        if (!file.Root.Has(name))
        {
            throw parts.Wrong($"there is no {name} in the file");
        }

        var group = file.Root.Group(name);
        var attributes = group.Attributes();
        var rewards = group.Array("rewards");
        var steps = MinariReading.Steps(parts, rewards.Shape, StepsOf(parts, attributes));
        var observations = parts.Rows(
            "observations", reading.Observations, steps + 1, (path, part) =>
                ReadPart(Find(group, "observations", path, reading.Observations), part, reading, parts, steps + 1));
        var actions = parts.Rows(
            "actions", reading.Actions, steps, (path, part) =>
                ReadPart(Find(group, "actions", path, reading.Actions), part, reading, parts, steps));
        var truncations = group.Array("truncations").Read();
        var episode = reading.Episode(
            parts, observations, actions, rewards.Read(), group.Array("terminations").Read(), truncations);
        var ends = truncations.ToDoubles()[^1] == 1;
        var infos = new SortedDictionary<string, DataArray>(StringComparer.Ordinal);
        if (withInfos && group.Has("infos"))
        {
            ReadInfos(group.Group("infos"), string.Empty, infos);
        }

        return new(number, episode)
        {
            Seed = SeedOf(attributes),
            Options = OptionsOf(attributes),
            Infos = infos,
            HasEnd = episode.Terminated || ends,
        };
    }

    /// <summary>The array of a part: entries of dictionaries are groups by their names, those of tuples by
    /// <c>_index_0</c> and so on.</summary>
    private static Hdf5Array Find(Hdf5Group episode, string name, IReadOnlyList<string> path, GymSpace space)
    {
        var group = episode;
        foreach (var inner in path)
        {
            group = group.Group(name);
            name = space.Space is TupleSpace ? $"_index_{inner}" : inner;
            space = space.Parts.Single(part => part.Name == inner).Space;
        }

        return group.Array(name);
    }

    private static DataArray ReadPart(
        Hdf5Array array, GymSpace part, MinariReading reading, EpisodeParts parts, int rows)
    {
        // Before memory is asked for.
        if (array.Rows != rows)
        {
            throw parts.WrongRows(array.Name[(array.Name.IndexOf('/') + 1)..], array.Rows, rows);
        }

        if (array.IsJagged && part.IsImage)
        {
            return reading.Decode(parts, array.Name, part, array.ReadSequences());
        }

        var read = array.Read();
        if (part.IsImage && read.ElementType == ElementType.UInt8 && read.Shape.Count == 2
            && part.Shape.Count + 1 != 2)
        {
            var bytes = (byte[])read.Values;
            var length = read.RowSize;
            return reading.Decode(
                parts,
                array.Name,
                part,
                [.. Enumerable.Range(0, rows).Select(row => bytes[(row * length)..((row + 1) * length)])]);
        }

        return read;
    }

    private static void ReadInfos(Hdf5Group group, string path, SortedDictionary<string, DataArray> infos)
    {
        foreach (var name in group.Names)
        {
            var inner = path.Length == 0 ? name : $"{path}/{name}";
            if (group.IsGroup(name))
            {
                ReadInfos(group.Group(name), inner, infos);
            }
            else
            {
                infos[inner] = group.Array(name).Read();
            }
        }
    }

    private static long? StepsOf(EpisodeParts parts, IReadOnlyDictionary<string, DataArray> attributes)
    {
        if (!attributes.TryGetValue("total_steps", out var stated))
        {
            return null;
        }

        return stated.Values.Length == 1 && ElementTypes.IsWhole(stated.ElementType)
            ? (long)stated.ToDoubles()[0]
            : throw parts.Wrong("the attribute total_steps is no integer");
    }

    private static ulong? SeedOf(IReadOnlyDictionary<string, DataArray> attributes) =>
        attributes.TryGetValue("seed", out var seed) && seed.Values.Length == 1
            ? seed.Values.GetValue(0) switch
            {
                ulong large => large,
                long and >= 0 or int and >= 0 or uint =>
                    System.Convert.ToUInt64(seed.Values.GetValue(0), CultureInfo.InvariantCulture),
                _ => null,
            }
            : null;

    /// <summary>Attributes of the name <c>options/a/b</c> as nested objects.</summary>
    private static JsonObject? OptionsOf(IReadOnlyDictionary<string, DataArray> attributes)
    {
        const string Prefix = "options/";
        JsonObject? options = null;
        foreach (var (name, value) in attributes.Where(each => each.Key.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            options ??= [];
            var words = name[Prefix.Length..].Split('/');
            var at = options;
            foreach (var word in words[..^1])
            {
                at[word] ??= new JsonObject();
                at = at[word] as JsonObject ?? [];
            }

            at[words[^1]] = OptionOf(value);
        }

        return options;
    }

    private static JsonNode? OptionOf(DataArray value)
    {
        if (value.Shape.Count > 0)
        {
            return new JsonArray([.. Enumerable.Range(0, value.Values.Length).Select(index => One(value, index))]);
        }

        return One(value, 0);
    }

    private static JsonValue? One(DataArray value, int index) => value.Values.GetValue(index) switch
    {
        bool truth => JsonValue.Create(truth),
        string text => JsonValue.Create(text),
        float or double => PythonJson.Value(
            System.Convert.ToDouble(value.Values.GetValue(index), CultureInfo.InvariantCulture)),
        ulong large => JsonValue.Create(large),
        var whole => JsonValue.Create(System.Convert.ToInt64(whole, CultureInfo.InvariantCulture)),
    };
}
