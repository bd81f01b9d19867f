using System;
using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rl.Data.Internal.Minari;

/// <summary>The folder of a Minari data set: where its files stand, and its metadata as text.</summary>
internal static class MinariFolder
{
    public const string MetadataFile = "metadata.json";

    public const string DataFile = "main_data.hdf5";

    public const string DataFolder = "data";

    /// <summary>The version whose layout is written.</summary>
    public const string Version = "0.5.3";

    /// <summary>The folder with the metadata: a path itself, or its folder <c>data</c>; null for neither.</summary>
    public static string? Find(string path) =>
        new[] { path, Path.Combine(path, DataFolder) }
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, MetadataFile)));

    /// <summary>The metadata.</summary>
    /// <exception cref="InvalidDataException">They are no JSON object; the message names the file.</exception>
    public static JsonObject ReadMetadata(string folder) => ReadObject(Path.Combine(folder, MetadataFile));

    /// <summary>A JSON file as Python writes them.</summary>
    public static JsonObject ReadObject(string path)
    {
        try
        {
            return PythonJson.Parse(File.ReadAllText(path)) as JsonObject
                ?? throw new InvalidDataException($"{path} is no JSON object.");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is no JSON: {error.Message}", error);
        }
    }

    /// <summary>What the metadata say of the data.</summary>
    public static DatasetMetadata Describe(string path, JsonObject json) => new()
    {
        Id = Text(path, json, "dataset_id") ?? string.Empty,
        EnvironmentSpecification = Text(path, json, "env_spec"),
        EnvironmentId = Text(path, json, "environment_id") ?? EnvironmentId(Text(path, json, "env_spec")),
        EnvironmentOptions = Options(path, json),
        Authors = Texts(path, json, "author"),
        AuthorEmails = Texts(path, json, "author_email"),
        AlgorithmName = Text(path, json, "algorithm_name"),
        Description = Text(path, json, "description"),
        CodePermalink = Text(path, json, "code_permalink"),
        MinariVersion = Text(path, json, "minari_version"),
        References = References(path, json),
    };

    /// <summary>A whole number of the metadata; null where there is none.</summary>
    public static long? Whole(string path, JsonObject json, string name)
    {
        if (json[name] is not { } node)
        {
            return null;
        }

        var number = Number(path, name, node);
        return number >= 0 && number <= 1L << 53 && number == Math.Floor(number)
            ? (long)number
            : throw new InvalidDataException($"{path}: {name} is {number}; it must be a whole number.");
    }

    /// <summary>A text of the metadata; null where there is none.</summary>
    public static string? Text(string path, JsonObject json, string name) => json[name] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        var other => throw new InvalidDataException($"{path}: {name} is {other.ToJsonString()}; it must be a string."),
    };

    /// <summary>The metadata that Minari writes, in its order.</summary>
    public static JsonObject Metadata(
        string path,
        DatasetMetadata metadata,
        string format,
        GymSpace observations,
        GymSpace actions,
        long episodes,
        long steps,
        long bytes)
    {
        // Images are kept as they are: JPEG would change them.
        var json = new JsonObject
        {
            ["total_episodes"] = episodes,
            ["total_steps"] = steps,
            ["data_format"] = format,
            ["jpeg_encoding"] = !observations.HasImages && !actions.HasImages,
            ["observation_space"] = observations.Text,
            ["action_space"] = actions.Text,
        };
        Add("env_spec", metadata.EnvironmentSpecification);
        json["dataset_id"] = IdOf(path, metadata.Id, Root);
        Add("code_permalink", metadata.CodePermalink);
        AddList("author", metadata.Authors);
        AddList("author_email", metadata.AuthorEmails);
        Add("algorithm_name", metadata.AlgorithmName);
        Add("description", metadata.Description);
        json["minari_version"] = Version;
        if (metadata.References is { } references)
        {
            json["ref_max_score"] = PythonJson.Value(references.Expert);
            json["ref_min_score"] = PythonJson.Value(references.Random);
        }

        // Of our own; Minari keeps what it does not know.
        Add("environment_id", metadata.EnvironmentId);
        if (metadata.EnvironmentOptions.Count > 0)
        {
            json["environment_options"] = new JsonObject(metadata.EnvironmentOptions.Select(
                option => KeyValuePair.Create(option.Key, (JsonNode?)JsonValue.Create(option.Value))));
        }

        json["dataset_size"] = PythonJson.Value(Math.Round(bytes / 1e6, 1));
        return json;

        void Add(string name, string? text)
        {
            if (text is not null)
            {
                json[name] = text;
            }
        }

        void AddList(string name, IReadOnlyList<string> texts)
        {
            if (texts.Count > 0)
            {
                json[name] = new JsonArray([.. texts.Select(text => JsonValue.Create(text))]);
            }
        }
    }

    /// <summary>The stated id where the folder is called so, as Minari's loader wants it; else one of the folder's
    /// name.</summary>
    /// <summary>The id of a data set: its own where it lies there; else where it lies below a root, which is how
    /// Minari's loader lists it; else the name of its folder.</summary>
    internal static string IdOf(string path, string id, string root)
    {
        var full = Whole(path);
        if (id.Length > 0 && full.EndsWith("/" + id, StringComparison.Ordinal))
        {
            return id;
        }

        var above = Whole(root) + "/";
        var name = full.StartsWith(above, StringComparison.Ordinal)
            ? full[above.Length..]
            : full[(full.LastIndexOf('/') + 1)..];
        var dash = name.LastIndexOf("-v", StringComparison.Ordinal);
        return dash > 0 && int.TryParse(name.AsSpan(dash + 2), out _) ? name : $"{name}-v0";

        static string Whole(string place) => Path.GetFullPath(place).Replace('\\', '/').TrimEnd('/');
    }

    /// <summary>Where Minari looks for data sets.</summary>
    private static string Root =>
        System.Environment.GetEnvironmentVariable("MINARI_DATASETS_PATH") is { Length: > 0 } given
            ? given
            : Path.Combine(
                System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), ".minari", "datasets");

    private static string[] Texts(string path, JsonObject json, string name) => json[name] switch
    {
        null => [],
        JsonArray items => [.. items.Select(item => item is JsonValue value && value.TryGetValue<string>(out var text)
            ? text
            : throw new InvalidDataException($"{path}: {name} must be a list of strings."))],
        _ => [Text(path, json, name)!],
    };

    private static IReadOnlyDictionary<string, string> Options(string path, JsonObject json) =>
        json["environment_options"] is not { } node ? ReadOnlyDictionary<string, string>.Empty
        : node is JsonObject options ? options.ToDictionary(
            option => option.Key,
            option => Text(path, options, option.Key)
                ?? throw new InvalidDataException($"{path}: environment_options has null for {option.Key}."))
        : throw new InvalidDataException($"{path}: environment_options must be an object of texts.");

    private static ReferenceReturns? References(string path, JsonObject json)
    {
        if (json["ref_min_score"] is not { } least || json["ref_max_score"] is not { } most)
        {
            return null;
        }

        var (random, expert) = (Number(path, "ref_min_score", least), Number(path, "ref_max_score", most));
        return double.IsFinite(random) && double.IsFinite(expert) && random != expert ? new(random, expert) : null;
    }

    private static double Number(string path, string name, JsonNode node)
    {
        try
        {
            return PythonJson.Number(node);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{path}: {name}: {error.Message}.", error);
        }
    }

    /// <summary>The id within Gymnasium's text of an environment.</summary>
    private static string? EnvironmentId(string? specification)
    {
        try
        {
            return specification is null ? null : PythonJson.Parse(specification)?["id"]?.GetValue<string>();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // What the data are does not depend on it.
            return null;
        }
    }
}
