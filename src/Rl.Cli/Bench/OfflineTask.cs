using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Data;

namespace Rl.Cli.Bench;

/// <summary>An environment whose recorded data is learned from, and how it is collected.</summary>
/// <param name="Environment">The environment's id.</param>
/// <param name="Seed">Where all randomness of its collection comes from.</param>
/// <param name="ExpertSteps">Steps of SAC's training, after which its policy is the expert.</param>
/// <param name="CheckEvery">Steps between its evaluations.</param>
/// <param name="MediumScore">The score that the first medium policy reaches: 0 of the random one, 100 of the
/// expert.</param>
/// <param name="Steps">Steps that policies record.</param>
/// <param name="Updates">Gradient steps of those who learn from them.</param>
/// <param name="Settings">Options of all who have them, SAC included.</param>
internal sealed record OfflinePlace(
    string Environment,
    ulong Seed,
    long ExpertSteps,
    long CheckEvery,
    double MediumScore,
    int Steps,
    long Updates,
    IReadOnlyList<KeyValuePair<string, string>> Settings)
{
    /// <summary>The names of its sets.</summary>
    public static IReadOnlyList<string> Sets { get; } = ["medium", "medium-replay", "medium-expert"];

    /// <summary>All that its data follows from, as one text.</summary>
    public string Recipe => string.Create(
        CultureInfo.InvariantCulture,
        $"{Environment};seed={Seed};expert={ExpertSteps};every={CheckEvery};medium={MediumScore};steps={Steps};")
        + string.Join(';', For("sac").Select(setting => $"{setting.Key}={setting.Value}"));

    /// <summary>Those of its settings that an algorithm has.</summary>
    public IEnumerable<KeyValuePair<string, string>> For(string algorithm)
    {
        var known = Algorithms.Describe(algorithm).Options.Select(option => option.Name).ToHashSet();
        return Settings.Where(setting => known.Contains(setting.Key));
    }
}

/// <summary>An algorithm that learns from a set of data.</summary>
/// <param name="Place">Where the data is from.</param>
/// <param name="Set">One of <see cref="OfflinePlace.Sets"/>.</param>
/// <param name="Label">What the table calls the algorithm.</param>
/// <param name="Algorithm">Its id.</param>
/// <param name="Settings">Its own options.</param>
internal sealed record OfflineTask(
    OfflinePlace Place,
    string Set,
    string Label,
    string Algorithm,
    IReadOnlyList<KeyValuePair<string, string>> Settings)
{
    /// <summary>A name for files.</summary>
    public string Name => $"{Place.Environment}-{Set}-{Label.Replace(" ", "").Replace("%", "")}";

    /// <summary>Whether it is the measure that others must reach.</summary>
    public bool IsCloning => Label == "BC";

    /// <summary>Whether it is one of those that must reach it.</summary>
    public bool IsJudged => Algorithm != "filtered-bc";

    /// <summary>The options of a run.</summary>
    public AgentOptions Options()
    {
        var shared = Place.For(Algorithm).Where(setting => Settings.All(own => own.Key != setting.Key));
        return Algorithms.Options(Algorithm, [.. shared, .. Settings]) with
        {
            TotalSteps = Place.Updates,
            Threads = 1,
        };
    }

    /// <summary>Every task of the suite, by place, then by set.</summary>
    public static IReadOnlyList<OfflineTask> All()
    {
        using var document = DataFile.Open("offline.json");
        var root = document.RootElement;
        var algorithms = root.GetProperty("algorithms").EnumerateArray().Select(entry => (
            Name: entry.GetProperty("name").GetString()!,
            Id: entry.GetProperty("algorithm").GetString()!,
            Settings: Pairs(entry.GetProperty("settings")))).ToArray();
        return
        [
            .. from entry in root.GetProperty("places").EnumerateArray()
               let place = ReadPlace(entry)
               from set in OfflinePlace.Sets
               from algorithm in algorithms
               select new OfflineTask(place, set, algorithm.Name, algorithm.Id, algorithm.Settings),
        ];
    }

    private static OfflinePlace ReadPlace(JsonElement entry) => new(
        entry.GetProperty("environment").GetString()!,
        entry.GetProperty("seed").GetUInt64(),
        entry.GetProperty("expertSteps").GetInt64(),
        entry.GetProperty("checkEvery").GetInt64(),
        entry.GetProperty("mediumScore").GetDouble(),
        entry.GetProperty("steps").GetInt32(),
        entry.GetProperty("updates").GetInt64(),
        Pairs(entry.GetProperty("settings")));

    private static KeyValuePair<string, string>[] Pairs(JsonElement settings) =>
    [
        .. settings.EnumerateObject()
            .Select(setting => KeyValuePair.Create(setting.Name, setting.Value.GetString()!)),
    ];
}
