using System;
using System.Collections.Generic;
using Rl.Cli.Runs;

namespace Rl.Cli.Commands;

/// <summary>Whose episodes <c>rl watch</c> and <c>rl record</c> were asked for.</summary>
internal sealed record PlayRequest
{
    /// <summary>The run whose agent plays; null for actions drawn at random.</summary>
    public string? Run { get; init; }

    /// <summary>The environment; null for the run's own.</summary>
    public string? Environment { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    public int Episodes { get; init; } = 1;

    public ulong? Seed { get; init; }

    public bool Stochastic { get; init; }

    /// <summary>Opens the episodes and gives them to a function, with the name of who plays.</summary>
    public int With(Terminal terminal, Func<Playback, string, int> use)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Episodes, 1, "--episodes");
        EnvironmentArgument.RequireNamed(Environment, EnvironmentSettings);
        var environment = Environment is null
            ? null
            : EnvironmentArgument.Make(Environment, EnvironmentSettings, terminal);
        if (Run is null)
        {
            return environment is null
                ? throw new ArgumentException("Name a run, or an environment with --environment to see random actions.")
                : use(environment.PlayAtRandom(Episodes, Seed ?? 1), "random actions");
        }

        var path = RunPlaces.FindAgent(Run);
        using var agent = environment is null ? Agent.Load(path) : Agent.Load(path, environment);
        return use(agent.Play(Episodes, Seed, !Stochastic), agent.Options.Algorithm);
    }
}
