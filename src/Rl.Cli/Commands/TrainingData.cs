using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Cli.Data;
using Rl.Cli.Runs;
using Rl.Data;

namespace Rl.Cli.Commands;

/// <summary>The recorded data that a run learns from, counted as they are read.</summary>
internal sealed class TrainingData
{
    private readonly Dataset set;
    private long episodes;
    private long steps;
    private double returns;

    private TrainingData(DataRequest request, Dataset set)
    {
        Request = request;
        this.set = set;
        Episodes = new(set.ObservationSpace, set.ActionSpace, Counted(), set.Path);
    }

    /// <summary>What was asked for.</summary>
    public DataRequest Request { get; }

    /// <summary>The episodes, read at each enumeration.</summary>
    public RecordedData Episodes { get; }

    /// <summary>What a run in no environment is named after.</summary>
    public string Name
    {
        get
        {
            var id = set.Metadata.Id.Length > 0 ? set.Metadata.Id : Path.GetFileNameWithoutExtension(set.Path);
            return id[(id.LastIndexOf('/') + 1)..];
        }
    }

    /// <summary>The data of a new run; null for an algorithm that learns in an environment.</summary>
    /// <param name="asked">What was asked for: data, or an expert to record.</param>
    /// <param name="algorithm">What learns.</param>
    /// <param name="environment">The environment that was named; null for none.</param>
    /// <exception cref="ArgumentException">The algorithm does not go with data, or without; or the environment has
    /// other spaces.</exception>
    public static TrainingData? Open(TrainRequest asked, string algorithm, BuiltInEnvironment? environment)
    {
        var needed = Algorithms.Describe(algorithm).NeedsData;
        if (asked.Data is not { } request)
        {
            return needed && asked.Expert is null
                ? throw new ArgumentException(
                    $"{algorithm} learns from recorded data; name them, for example --data pendulum/medium-v0 "
                    + "(rl data collect makes some), or give --expert with an agent's file to be shown its episodes.")
                : null;
        }

        RequireOne(asked);

        if (!needed)
        {
            var others = Algorithms.All.Where(each => each.NeedsData).Select(each => each.Id);
            throw new ArgumentException(
                $"{algorithm} learns in an environment, not from --data; those that learn from data are "
                + $"{string.Join(", ", others)}.");
        }

        return Open(request, environment);
    }

    /// <summary>The data that a run goes on with: those that it began with, or the same at another place.</summary>
    /// <param name="asked">What was asked for: where the data are now, or an expert to record again.</param>
    /// <param name="agent">The agent of the run.</param>
    /// <param name="folder">The run's folder.</param>
    /// <exception cref="ArgumentException">The run learns from none; or nothing tells where they are.</exception>
    public static TrainingData? OfRun(TrainRequest asked, Agent agent, string folder)
    {
        var place = asked.Data;
        if (!Algorithms.Describe(agent.Options.Algorithm).NeedsData)
        {
            return Open(asked, agent.Options.Algorithm, null);
        }

        if (asked.Expert is not null)
        {
            RequireOne(asked);
            return null;
        }

        var noted = File.Exists(Path.Combine(folder, RunFiles.Configuration))
            ? RunConfiguration.Read(folder).Data
            : null;
        var request = place is null ? noted
            : noted is null || place != new DataRequest { Path = place.Path } ? place
            : noted with { Path = place.Path };
        return Open(
            request ?? throw new ArgumentException(
                $"The run {folder} does not say which data it learned from; name them with --data, or give the same "
                + "--expert again, and --expert-episodes if they were given."),
            agent.BuiltIn);
    }

    /// <summary>The environment that the data say they were recorded in, where the library has it with the same spaces;
    /// else null.</summary>
    public BuiltInEnvironment? FindEnvironment()
    {
        if (set.Metadata.EnvironmentId is not { } id || !Environments.Ids.Contains(id) || HasArguments())
        {
            return null;
        }

        var environment = Environments.Make(
            id, set.Metadata.EnvironmentOptions.Select(option => (option.Key, option.Value)));
        return environment.ObservationSpace.Equals(set.ObservationSpace)
            && environment.ActionSpace.Equals(set.ActionSpace)
                ? environment
                : null;
    }

    /// <summary>Refuses wrappers, which nobody wore when the data were recorded, and algorithms that act where there is
    /// no environment.</summary>
    /// <exception cref="ArgumentException">There are wrappers, or there is no environment that is needed.</exception>
    public static void RequireAlone(
        AlgorithmDescription algorithm, BuiltInEnvironment? environment, IReadOnlyList<string> wrappers)
    {
        if (wrappers.Count > 0)
        {
            throw new ArgumentException(
                $"The data were recorded without {wrappers[0]}, and an agent learns and acts in the same numbers; "
                + "leave wrappers out, or record data within them.");
        }

        if (environment is null && algorithm.NeedsEnvironment)
        {
            throw new ArgumentException(
                $"{algorithm.Id} learns in an environment too; name one with the data's spaces behind the algorithm.");
        }
    }

    /// <summary>How much was read.</summary>
    public string Size => string.Create(
        CultureInfo.InvariantCulture,
        $"{episodes:N0} episodes, {steps:N0} steps, mean return {returns / episodes:0.0##}");

    /// <summary>The episodes in memory, for several agents that learn from them at once.</summary>
    public RecordedData InMemory() => new(set.ObservationSpace, set.ActionSpace, [.. Counted()], set.Path);

    /// <summary>Where it is, and how much was read.</summary>
    public override string ToString() => $"{set.Path}: {Size}";

    private static void RequireOne(TrainRequest asked)
    {
        if (asked.Data is not null && asked.Expert is not null)
        {
            throw new ArgumentException(
                "--data and --expert are both what to learn from; give one. rl data collect records an expert.");
        }
    }

    private static TrainingData Open(DataRequest request, BuiltInEnvironment? environment)
    {
        var set = request.Open(environment);
        return environment is null
            || (environment.ObservationSpace.Equals(set.ObservationSpace)
                && environment.ActionSpace.Equals(set.ActionSpace))
            ? new(request, set)
            : throw new ArgumentException(
                $"{set.Path} has observations {set.ObservationSpace} and actions {set.ActionSpace}; {environment.Id} "
                + $"has {environment.ObservationSpace} and {environment.ActionSpace}. Name an environment with the "
                + "data's spaces, or none.");
    }

    /// <summary>Whether the environment was made with arguments, which another one of its name does not have.</summary>
    private bool HasArguments()
    {
        try
        {
            return set.Metadata.EnvironmentSpecification is { } text
                && JsonNode.Parse(text)?["kwargs"] is JsonObject { Count: > 0 };
        }
        catch (System.Text.Json.JsonException)
        {
            return true;
        }
    }

    private IEnumerable<RecordedEpisode> Counted()
    {
        (episodes, steps, returns) = (0, 0, 0);
        foreach (var episode in set.ToRecordedData().Episodes)
        {
            episodes++;
            steps += episode.Steps;
            returns += episode.Return;
            yield return episode;
        }
    }
}
