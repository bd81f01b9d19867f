using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Runs;
using Rl.Core.Training;

namespace Rl.Cli.Commands;

/// <summary>An option of an agent.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value.</param>
/// <param name="Default">The algorithm's default.</param>
internal sealed record OptionInfo(string Name, string Value, string Default)
{
    public bool Differs => Value != Default;
}

/// <summary>The best evaluation of a run.</summary>
internal sealed record BestInfo(long Steps, double Mean, double StandardError, int Episodes);

/// <summary>What an agent file and the folder around it tell.</summary>
/// <param name="Path">The file.</param>
/// <param name="Agent">What it holds.</param>
/// <param name="Parts">What it is made of.</param>
/// <param name="Blocks">Its parameters.</param>
/// <param name="Options">Its options, with the copies of its environment.</param>
internal sealed record AgentInfo(
    string Path,
    Agent Agent,
    CheckpointParts Parts,
    IReadOnlyList<ParameterBlock> Blocks,
    IReadOnlyList<OptionInfo> Options)
{
    /// <summary>Whether the file is that of a run, beside its updates.</summary>
    public bool IsOfRun => History is not null;

    /// <summary>The updates of the run; null where the file is no run's.</summary>
    public MetricsHistory? History { get; private init; }

    /// <summary>The last returns of its episodes.</summary>
    public double Return { get; private init; } = double.NaN;

    /// <summary>The best evaluation; null without one.</summary>
    public BestInfo? Best { get; private init; }

    /// <summary>Whether a process trains it now.</summary>
    public bool IsInTraining { get; private init; }

    /// <summary>The version of the library that began the run; null if nothing tells it.</summary>
    public string? Library { get; private init; }

    /// <summary>Reads all; the agent is the caller's to dispose.</summary>
    public static AgentInfo Read(string path)
    {
        var parts = CheckpointPartsModule.read(path);
        var agent = Agent.Load(path, threads: 1);
        try
        {
            var info = new AgentInfo(path, agent, parts, agent.ParameterBlocks, OptionsOf(agent.Options));
            var folder = RunFolder.FolderOf(path);
            return System.IO.Path.GetFileName(path) == RunFiles.Agent && RunPlaces.IsRun(folder)
                ? info.WithRun(folder)
                : info;
        }
        catch
        {
            agent.Dispose();
            throw;
        }
    }

    private AgentInfo WithRun(string folder)
    {
        var history = MetricsHistory.Read(System.IO.Path.Combine(folder, RunFiles.Metrics));
        return this with
        {
            History = history,
            Return = RunRecord.LastReturn(history),
            Best = BestOf(folder),
            IsInTraining = RunLock.IsTaken(folder),
            Library = LibraryOf(folder),
        };
    }

    private static OptionInfo[] OptionsOf(AgentOptions options)
    {
        var defaults = Algorithms.Describe(options.Algorithm).Defaults;
        var texts = defaults.ToSettings().ToDictionary();
        return
        [
            .. options.ToSettings().Select(option =>
                new OptionInfo(option.Key, option.Value, texts.GetValueOrDefault(option.Key, option.Value))),
            new(
                nameof(options.EnvironmentCopies), $"{options.EnvironmentCopies}", $"{defaults.EnvironmentCopies}"),
        ];
    }

    private static BestInfo? BestOf(string folder) => Of(folder, RunFiles.BestEvaluation, root => new BestInfo(
        root.GetProperty("steps").GetInt64(),
        root.GetProperty("mean").GetDouble(),
        root.GetProperty("standardError") is { ValueKind: JsonValueKind.Number } error ? error.GetDouble() : double.NaN,
        root.GetProperty("episodes").GetInt32()));

    private static string? LibraryOf(string folder) =>
        Of(folder, RunFiles.Configuration, root => root.GetProperty("library").GetString());

    /// <summary>What a JSON file tells; nothing if it is not there or damaged, for the agent is what matters.</summary>
    private static T? Of<T>(string folder, string file, Func<JsonElement, T?> read)
        where T : class
    {
        var path = System.IO.Path.Combine(folder, file);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return read(document.RootElement);
        }
        catch (Exception error) when (
            error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
