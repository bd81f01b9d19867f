using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Rl.Cli.Runs;
using Rl.Data;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl data collect</c> was asked for.</summary>
internal sealed record DataCollectRequest
{
    public required string Environment { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    public string? Agent { get; init; }

    public bool Random { get; init; }

    public bool Replay { get; init; }

    public bool Deterministic { get; init; }

    public long Steps { get; init; }

    public ulong Seed { get; init; }

    public required string Output { get; init; }

    public string? Format { get; init; }

    public double? RandomReturn { get; init; }

    public double? ExpertReturn { get; init; }

    public IReadOnlyList<string> Authors { get; init; } = [];

    public bool Json { get; init; }
}

/// <summary><c>rl data collect</c>: records an agent, random actions, or what an agent remembers of its
/// training.</summary>
internal static class DataCollectCommand
{
    public static int Run(DataCollectRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (request.Random == request.Agent is not null)
        {
            throw new ArgumentException("Say what acts: either --random, or --agent with a run or an agent file.");
        }

        if (request.Replay && request.Agent is null)
        {
            throw new ArgumentException("--replay belongs to --agent: name whose memory is meant.");
        }

        if (request.RandomReturn is null != request.ExpertReturn is null)
        {
            throw new ArgumentException("--random-return and --expert-return belong together; give both or none.");
        }

        var environment = EnvironmentArgument.Make(request.Environment, request.EnvironmentSettings, terminal);
        var format = DataCommand.FormatOf(request.Format, request.Output);
        using var agent = request.Agent is { } run ? Agent.Load(RunPlaces.FindAgent(run)) : null;
        var remembered = request.Replay ? agent!.RememberedEpisodes() : null;
        using var writer = DatasetWriter.Create(
            request.Output,
            remembered?.ObservationSpace ?? environment.ObservationSpace,
            remembered?.ActionSpace ?? environment.ActionSpace,
            format,
            Metadata(request, environment, agent));
        var sum = 0.0;
        foreach (var episode in Episodes(request, environment, agent, remembered))
        {
            interruption.ThrowIfCancellationRequested();
            writer.Add(episode);
            sum += episode.Steps.Return;
        }

        writer.Complete();
        DataCommand.Written(request.Output, format, writer, sum / writer.Episodes, request.Json, terminal);
        return ExitCode.Success;
    }

    private static IEnumerable<DatasetEpisode> Episodes(
        DataCollectRequest request, BuiltInEnvironment environment, Agent? agent, RecordedData? remembered)
    {
        IEnvironment Copy() => Environments.Make(
            environment.Id, request.EnvironmentSettings.Select(setting => (setting.Key, setting.Value)));
        return remembered is not null
            ? remembered.Episodes.Select((steps, number) => new DatasetEpisode(number, steps))
            : agent is null
                ? Recording.AtRandom(Copy, request.Steps, request.Seed)
                : agent.ToPolicy().Record(Copy, request.Steps, request.Seed, request.Deterministic);
    }

    private static DatasetMetadata Metadata(DataCollectRequest request, BuiltInEnvironment environment, Agent? agent)
    {
        var what = agent is null
            ? "random"
            : $"{agent.Options.Algorithm}, {agent.Steps} steps{(request.Replay ? ", replay of the training" : "")}";
        return new()
        {
            EnvironmentId = environment.Id,
            AlgorithmName = what,
            Authors = request.Authors,
            Description = request.Replay
                ? $"What {what} remembers in {environment}."
                : $"{request.Steps} steps of {what} in {environment}, seed {request.Seed}.",
            References = request is { RandomReturn: { } random, ExpertReturn: { } expert } ? new(random, expert) : null,
        };
    }
}
