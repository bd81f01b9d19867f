using System;
using System.Collections.Generic;
using System.Threading;
using Rl.Cli.Data;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl evaluate</c> was asked for.</summary>
internal sealed record EvaluateRequest
{
    public required string Run { get; init; }

    /// <summary>How many; null for as many as is usual.</summary>
    public int? Episodes { get; init; }

    public ulong? Seed { get; init; }

    public bool Stochastic { get; init; }

    /// <summary>The environment; null for the run's own.</summary>
    public string? Environment { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    /// <summary>Recorded data to judge by, instead of an environment.</summary>
    public DataRequest? Data { get; init; }

    /// <summary>The agent whose policy is that of the data; null for none.</summary>
    public string? Behaviour { get; init; }

    /// <summary>The discount of the return that is estimated from data.</summary>
    public double? Discount { get; init; }

    public bool Json { get; init; }
}

/// <summary><c>rl evaluate</c>: how good a trained agent is.</summary>
internal static class EvaluateCommand
{
    public static int Run(EvaluateRequest request, Terminal terminal, CancellationToken interruption)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Episodes ?? 1, 1, "--episodes");
        if (request.Data is { } data)
        {
            return EvaluateFromData.Run(request, data, terminal);
        }

        if (request.Behaviour is not null || request.Discount is not null)
        {
            throw new ArgumentException(
                "--behaviour and --discount belong to --data, from which returns are estimated; name them too.");
        }

        EnvironmentArgument.RequireNamed(request.Environment, request.EnvironmentSettings);
        var path = RunPlaces.FindAgent(request.Run);
        using var agent = request.Environment is null
            ? Agent.Load(path)
            : Agent.Load(path, EnvironmentArgument.Make(request.Environment, request.EnvironmentSettings, terminal));
        if (agent.IsOfData)
        {
            throw new InvalidOperationException(
                $"{path} was trained from recorded data alone: name an environment with --environment, or estimate its "
                + "return from data with --data.");
        }

        var (evaluation, cutAt) =
            FiniteEvaluation.Of(agent, request.Episodes, request.Seed, !request.Stochastic, interruption);
        if (request.Json)
        {
            JsonLine.Write(terminal.Output, "evaluation", writer =>
            {
                writer.WriteString("algorithm", agent.Options.Algorithm);
                writer.WriteString("environment", agent.EnvironmentId);
                writer.WriteNumber("seed", agent.Seed);
                writer.WriteNumber("steps", agent.Steps);
                writer.WriteString("agent", path);
                writer.Evaluation(evaluation, cutAt);
            });
        }
        else
        {
            terminal.Output.WriteLine(
                $"{agent.Options.Algorithm} on {Shown.Text(agent.EnvironmentId)}: {evaluation}{Text.Cut(cutAt)}");
        }

        return ExitCode.Success;
    }
}
