using System;
using System.Collections.Generic;
using System.Threading;
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

    public bool Json { get; init; }
}

/// <summary><c>rl evaluate</c>: how good a trained agent is.</summary>
internal static class EvaluateCommand
{
    public static int Run(EvaluateRequest request, Terminal terminal, CancellationToken interruption)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Episodes ?? 1, 1, "--episodes");
        EnvironmentArgument.RequireNamed(request.Environment, request.EnvironmentSettings);
        var path = RunPlaces.FindAgent(request.Run);
        using var agent = request.Environment is null
            ? Agent.Load(path)
            : Agent.Load(path, EnvironmentArgument.Make(request.Environment, request.EnvironmentSettings, terminal));
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
