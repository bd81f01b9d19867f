using System;
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
        EnvironmentId = EnvironmentId(Text(path, json, "env_spec")),
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

    private static string[] Texts(string path, JsonObject json, string name) => json[name] switch
    {
        null => [],
        JsonArray items => [.. items.Select(item => item is JsonValue value && value.TryGetValue<string>(out var text)
            ? text
            : throw new InvalidDataException($"{path}: {name} must be a list of strings."))],
        _ => [Text(path, json, name)!],
    };

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
