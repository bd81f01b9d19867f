using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Data;

namespace Rl.Cli.Runs;

/// <summary>What the configuration.json of a run says: what is trained where and how.</summary>
/// <param name="Folder">The run's folder.</param>
/// <param name="Algorithm">The algorithm's id.</param>
/// <param name="Environment">The environment's id.</param>
/// <param name="Seed">Where all randomness came from.</param>
/// <param name="AlgorithmOptions">The algorithm's options.</param>
/// <param name="EnvironmentOptions">The environment's options.</param>
internal sealed record RunConfiguration(
    string Folder,
    string Algorithm,
    string Environment,
    ulong Seed,
    IReadOnlyDictionary<string, string> AlgorithmOptions,
    IReadOnlyDictionary<string, string> EnvironmentOptions)
{
    private const string CopiesName = "environmentCopies";

    /// <summary>The member of the recorded data.</summary>
    public const string DataName = "data";

    /// <summary>All options of algorithm and environment: what tells apart runs that do not differ in their seeds
    /// alone.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>The wrappers around the environment with their parameters, the one next to it first.</summary>
    public IReadOnlyList<string> Wrappers { get; init; } = [];

    /// <summary>The recorded data that it learns from; null for none.</summary>
    public DataRequest? Data { get; init; }

    /// <summary>What else the file says in a word, by its name there, such as the version of the library.</summary>
    public IReadOnlyDictionary<string, string> Facts { get; init; } = new Dictionary<string, string>();

    /// <summary>How many copies of the environment were stepped together.</summary>
    public string? Copies => Options.GetValueOrDefault(CopiesName);

    /// <summary>The folder's own name.</summary>
    public string Name => Path.GetFileName(Path.GetFullPath(Folder));

    /// <summary>The steps of the plan; null if the file does not tell.</summary>
    public long? TotalSteps =>
        AlgorithmOptions.TryGetValue(nameof(AgentOptions.TotalSteps), out var text)
        && long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var steps)
            ? steps
            : null;

    /// <summary>Reads that of a run's folder.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is damaged; the message says what to do.</exception>
    public static RunConfiguration Read(string folder)
    {
        var path = Path.Combine(folder, RunFiles.Configuration);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            var environment = root.GetProperty("environment");
            var own = Texts(root.GetProperty("options"));
            var around = Texts(environment.GetProperty("options"));

            // Runs of earlier versions have none.
            string[] wrappers = environment.TryGetProperty("wrappers", out var named)
                ? [.. named.EnumerateArray().Select(wrapper => wrapper.ToString())]
                : [];
            var data = root.TryGetProperty(DataName, out var recorded) ? DataRequest.Read(recorded) : null;
            return new(
                folder,
                root.GetProperty("algorithm").GetString()!,
                environment.GetProperty("id").GetString()!,
                root.GetProperty("seed").GetUInt64(),
                own,
                around)
            {
                Wrappers = wrappers,
                Data = data,
                Options = own.Concat(around)
                    .Append(new(CopiesName, root.GetProperty(CopiesName).ToString()))
                    .Concat(wrappers.Select(wrapper => KeyValuePair.Create(WrapperName(wrapper), wrapper)))
                    .Concat(data is null ? [] : [KeyValuePair.Create(DataName, data.Path)])
                    .DistinctBy(option => option.Key)
                    .ToDictionary(),
                Facts = Words(environment).Concat(Words(root)).DistinctBy(fact => fact.Key).ToDictionary(),
            };
        }
        catch (Exception error) when (
            error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
                or ArgumentException)
        {
            var where = error is JsonException { LineNumber: { } line }
                ? FormattableString.Invariant($"it is no JSON in line {line + 1}")
                : "a member that rl train writes is missing or of another kind";
            throw new InvalidDataException(
                $"{path} is damaged: {where}. Restore it from a copy of the run, or train the run anew.", error);
        }
    }

    /// <summary>The name of a wrapper, by which runs with and without it are told apart.</summary>
    private static string WrapperName(string wrapper) => wrapper.Split('(', 2)[0];

    private static Dictionary<string, string> Texts(JsonElement options) =>
        options.EnumerateObject().ToDictionary(option => option.Name, option => option.Value.ToString());

    private static IEnumerable<KeyValuePair<string, string>> Words(JsonElement element) =>
        element.EnumerateObject()
            .Where(member => member.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number)
            .Select(member => KeyValuePair.Create(member.Name, member.Value.ToString()));
}
