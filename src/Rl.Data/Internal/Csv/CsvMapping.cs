using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data.Internal.Minari;

namespace Rl.Data.Internal.Csv;

/// <summary>What the columns of a table are: a small JSON file, described in docs/data.md.</summary>
internal sealed record CsvMapping
{
    private static readonly string[] Known =
    [
        "observations", "actions", "reward", "episode", "terminated", "truncated", "separator", "observationSpace",
        "actionSpace",
    ];

    public required IReadOnlyList<CsvColumn> Observations { get; init; }

    public required IReadOnlyList<CsvColumn> Actions { get; init; }

    public required string Reward { get; init; }

    /// <summary>The column whose change begins an episode; null where ends alone cut.</summary>
    public string? Episode { get; init; }

    public string? Terminated { get; init; }

    public string? Truncated { get; init; }

    public char Separator { get; init; } = ',';

    public required GymSpace ObservationSpace { get; init; }

    public required GymSpace ActionSpace { get; init; }

    /// <summary>Reads a mapping.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Spaces that go before those of the mapping's bounds and choices.</param>
    /// <exception cref="InvalidDataException">Something is missing or unknown; the message names file and
    /// field.</exception>
    public static CsvMapping Read(string path, DatasetOptions options)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException(
                $"{path} does not exist: a table wants a mapping that says what its columns are, for example "
                + "{\"observations\": [\"temperature\"], \"actions\": [{\"column\": \"heating\", \"choices\": "
                + "[\"off\", \"on\"]}], \"reward\": \"comfort\", \"episode\": \"day\"}.",
                path);
        }

        var json = MinariFolder.ReadObject(path);
        if (json.Select(entry => entry.Key).FirstOrDefault(name => !Known.Contains(name)) is { } unknown)
        {
            throw new InvalidDataException($"{path}: {unknown} is unknown; there are {string.Join(", ", Known)}.");
        }

        var observations = Columns(path, json, "observations");
        var actions = Columns(path, json, "actions");
        var separator = MinariFolder.Text(path, json, "separator") ?? ",";
        return new()
        {
            Observations = observations,
            Actions = actions,
            Reward = MinariFolder.Text(path, json, "reward")
                ?? throw new InvalidDataException($"{path} has no reward: name the column of the rewards."),
            Episode = MinariFolder.Text(path, json, "episode"),
            Terminated = MinariFolder.Text(path, json, "terminated"),
            Truncated = MinariFolder.Text(path, json, "truncated"),
            Separator = separator.Length == 1
                ? separator[0]
                : throw new InvalidDataException($"{path}: separator is \"{separator}\"; it must be one letter."),
            ObservationSpace = Given(path, json, "observationSpace", observations)
                ?? Like(path, "observations", options.ObservationSpace, observations)
                ?? OfObservations(observations),
            ActionSpace = Given(path, json, "actionSpace", actions)
                ?? Like(path, "actions", options.ActionSpace, actions)
                ?? OfActions(path, actions),
        };
    }

    private static CsvColumn[] Columns(string path, JsonObject json, string name)
    {
        if (json[name] is not JsonArray { Count: > 0 } items)
        {
            throw new InvalidDataException($"{path}: {name} must be a list of at least one column.");
        }

        return [.. items.Select((item, index) => CsvColumn.Of($"{path}: {name}[{index}]", item))];
    }

    private static GymSpace? Given(string path, JsonObject json, string name, CsvColumn[] columns)
    {
        if (json[name] is not { } node)
        {
            return null;
        }

        GymSpace space;
        try
        {
            space = GymSpace.Parse(PythonJson.Text(node));
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{path}: {name} cannot be read: {error.Message}.", error);
        }

        return space.Space.Size == columns.Length
            ? space
            : throw new InvalidDataException(
                $"{path}: {name} is {space.Space} of {space.Space.Size} numbers, but {columns.Length} columns are "
                + "named.");
    }

    /// <summary>A space from outside, for example an environment's.</summary>
    private static GymSpace? Like(string path, string name, Space? space, CsvColumn[] columns) =>
        space is null ? null
        : space.Size == columns.Length ? GymSpace.Of(space)
        : throw new InvalidDataException(
            $"{path}: {name} are {columns.Length} columns, but {space} has {space.Size} numbers.");

    /// <summary>A box of numbers; with choices among them a dictionary of the columns.</summary>
    private static GymSpace OfObservations(CsvColumn[] columns) => GymSpace.Of(
        columns.All(column => column.Choices is null)
            ? Box(columns)
            : Space.Dict([.. columns.Select(column => (
                column.Name.Replace('.', '_'),
                column.Choices is { } choices ? (Space)Space.Discrete(choices.Count) : Box([column])))]));

    private static GymSpace OfActions(string path, CsvColumn[] columns)
    {
        if (columns.All(column => column.Choices is not null))
        {
            return GymSpace.Of(columns.Length == 1
                ? Space.Discrete(columns[0].Choices!.Count)
                : Space.MultiDiscrete([.. columns.Select(column => column.Choices!.Count)]));
        }

        return columns.FirstOrDefault(column =>
            column.Choices is not null || !float.IsFinite(column.Low) || !float.IsFinite(column.High)) is { } wrong
            ? throw new InvalidDataException(
                $"{path}: the action {wrong.Name} needs low and high, or all actions need choices; without bounds "
                + "nothing says what could have been done.")
            : GymSpace.Of(Box(columns));
    }

    private static BoxSpace Box(CsvColumn[] columns) =>
        Space.Box([.. columns.Select(column => column.Low)], [.. columns.Select(column => column.High)]);
}

/// <summary>A column of a table that is part of an observation or action.</summary>
/// <param name="Name">The name in the table's first line.</param>
/// <param name="Low">The lower bound.</param>
/// <param name="High">The upper bound.</param>
/// <param name="Choices">The words that stand there, each for an integer from 0; null for numbers.</param>
internal sealed record CsvColumn(string Name, float Low, float High, IReadOnlyList<string>? Choices)
{
    public static CsvColumn Of(string where, JsonNode? node)
    {
        if (node is JsonValue value && value.TryGetValue<string>(out var name))
        {
            return new(name, float.NegativeInfinity, float.PositiveInfinity, null);
        }

        if (node is not JsonObject json || json["column"] is not JsonValue called
            || !called.TryGetValue<string>(out var column))
        {
            throw new InvalidDataException(
                $"{where} must be a column's name, or an object with column, and low and high or choices.");
        }

        if (json.Select(entry => entry.Key)
            .FirstOrDefault(key => key is not ("column" or "low" or "high" or "choices")) is { } unknown)
        {
            throw new InvalidDataException($"{where}: {unknown} is unknown; there are column, low, high and choices.");
        }

        var (low, high) = (
            Bound(where, json, "low", float.NegativeInfinity), Bound(where, json, "high", float.PositiveInfinity));
        if (!(low <= high))
        {
            throw new InvalidDataException($"{where}: low is {low} and high is {high}; low must not be above high.");
        }

        return new(column, low, high, json["choices"] switch
        {
            null => null,
            JsonArray { Count: > 0 } words => [.. words.Select(word => Word(where, word))],
            _ => throw new InvalidDataException($"{where}: choices must be a list of at least one string."),
        });
    }

    private static string Word(string where, JsonNode? node) =>
        node is JsonValue text && text.TryGetValue<string>(out var read)
            ? read
            : throw new InvalidDataException($"{where}: choices must be strings, as they stand in the table.");

    private static float Bound(string where, JsonObject json, string name, float otherwise)
    {
        try
        {
            return json[name] is { } node ? (float)PythonJson.Number(node) : otherwise;
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{where}: {name}: {error.Message}.", error);
        }
    }
}
