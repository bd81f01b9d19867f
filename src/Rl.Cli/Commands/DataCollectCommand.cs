using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Data;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl data collect</c> was asked for.</summary>
internal sealed record DataCollectRequest
{
    /// <summary>Null for the agent's own.</summary>
    public string? Environment { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    public string? Agent { get; init; }

    public bool Random { get; init; }

    public bool Replay { get; init; }

    public bool Deterministic { get; init; }

    /// <summary>Null where not given.</summary>
    public long? Steps { get; init; }

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
    private const long DefaultSteps = 10_000;

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

        if (request.Replay && request.Steps is not null)
        {
            throw new ArgumentException("--replay takes all steps that the agent remembers; leave --steps out.");
        }

        if (request.Environment is null && (request.Agent is null || request.EnvironmentSettings.Count > 0))
        {
            throw new ArgumentException(
                request.Agent is null
                    ? "Say where: --random needs an environment, for example rl data collect Pendulum-v1 --random."
                    : "--environment-set belongs to an environment; name it.");
        }

        if (request.RandomReturn is null != request.ExpertReturn is null)
        {
            throw new ArgumentException("--random-return and --expert-return belong together; give both or none.");
        }

        var format = DataCommand.FormatOf(request.Format, request.Output);
        using var agent = request.Agent is { } run ? Agent.Load(RunPlaces.FindAgent(run)) : null;
        var environment = request.Environment is { } id
            ? EnvironmentArgument.Make(id, request.EnvironmentSettings, terminal)
            : agent!.BuiltIn ?? throw new ArgumentException(
                $"{Shown.Text(agent.EnvironmentId)}, in which {request.Agent} was trained, is none that rl has; name "
                + "an environment with the same spaces.");
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
        var steps = request.Steps ?? DefaultSteps;
        IEnvironment Copy() => Recording.Copy(environment);
        return remembered is not null
            ? remembered.Episodes.Select((steps, number) => new DatasetEpisode(number, steps))
            : agent is null
                ? Recording.AtRandom(Copy, steps, request.Seed)
                : agent.ToPolicy().Record(Copy, steps, request.Seed, request.Deterministic);
    }

    private static DatasetMetadata Metadata(DataCollectRequest request, BuiltInEnvironment environment, Agent? agent)
    {
        var what = agent is null
            ? "random"
            : $"{agent.Options.Algorithm}, {agent.Steps} steps{(request.Replay ? ", replay of the training" : "")}";
        return new()
        {
            EnvironmentId = environment.Id,
            EnvironmentOptions = environment.Options,
            AlgorithmName = what,
            Authors = request.Authors,
            Description = request.Replay
                ? $"What {what} remembers in {environment}."
                : $"{request.Steps ?? DefaultSteps} steps of {what} in {environment}, seed {request.Seed}.",
            References = request is { RandomReturn: { } random, ExpertReturn: { } expert } ? new(random, expert) : null,
        };
    }
}
