using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl teach</c> was asked for.</summary>
internal sealed record TeachRequest
{
    /// <summary>The environment; null to go on with a run.</summary>
    public string? Environment { get; init; }

    /// <summary>The run to go on with.</summary>
    public string? Resume { get; init; }

    /// <summary>The run's folder.</summary>
    public string? Run { get; init; }

    public bool Overwrite { get; init; }

    public ulong Seed { get; init; } = 1;

    /// <summary>Answers at which it ends; the run's plan, or a default, if not given.</summary>
    public long? Steps { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];
}

/// <summary><c>rl teach</c>: DAgger with a person at the keyboard as the expert.</summary>
internal static class TeachCommand
{
    private const string Algorithm = "dagger";
    private const int Episodes = 20;

    /// <summary>Short rounds, since the answers of one that is left are lost, and few answers: a quarter of an hour's
    /// for a person.</summary>
    private static readonly DaggerOptions Patient = new()
    {
        TotalSteps = 1_000,
        RoundSteps = 50,
        GradientSteps = 300,
        EnvironmentCopies = 1,
        Threads = 1,
    };

    public static int Run(TeachRequest request, Terminal terminal, CancellationToken interruption)
    {
        var keyboard = Keyboard.Of(terminal, "rl train dagger --expert asks an agent's file instead of a person");
        return request.Resume is { } run
            ? GoOn(run, request, keyboard, terminal, interruption)
            : Begin(request, keyboard, terminal, interruption);
    }

    private static int Begin(
        TeachRequest request, Keyboard keyboard, Terminal terminal, CancellationToken interruption)
    {
        if (request.Environment is not { } id)
        {
            throw new ArgumentException("teach needs an environment, or --resume with a run. Try rl teach --help.");
        }

        var environment = EnvironmentArgument.Make(id, request.EnvironmentSettings, terminal);
        var options = Algorithms.Options(Algorithm, [.. Patient.ToSettings(), .. request.Settings])
            with
        { EnvironmentCopies = 1, Threads = 1 };
        options = request.Steps is { } steps ? options with { TotalSteps = steps } : options;
        options.Validate();
        if (request.Settings.Any(
            setting => setting.Key.Equals(nameof(options.EnvironmentCopies), StringComparison.OrdinalIgnoreCase)))
        {
            throw new ArgumentException(
                "A person teaches in one copy of the environment: leave EnvironmentCopies out.");
        }

        // Before there is a folder: what cannot be taught leaves no trace.
        _ = KeyBindings.Of(environment.ActionSpace);
        using var agent = Agent.Create(options, environment, request.Seed);
        using var folder = RunFolder.Create(request.Run, request.Overwrite, Algorithm, environment.Id, request.Seed);
        folder.WriteConfiguration(agent, new RunPlace(environment.Id, environment, null));
        agent.Save(folder.AgentPath);
        return Teach(agent, environment, options.TotalSteps, folder, keyboard, terminal, interruption);
    }

    private static int GoOn(
        string run, TeachRequest request, Keyboard keyboard, Terminal terminal, CancellationToken interruption)
    {
        if (request.Environment is not null || request.Run is not null || request.Overwrite
            || request.Settings.Count > 0 || request.EnvironmentSettings.Count > 0)
        {
            throw new ArgumentException(
                "--resume goes on with the run's own environment and options; only --steps can be given with it.");
        }

        var path = RunPlaces.FindRun(run);
        using var folder = RunFolder.Resume(path);
        using var agent = Agent.Load(path);
        if (agent.BuiltIn is not { } environment || agent.Options is not DaggerOptions { EnvironmentCopies: 1 })
        {
            throw new InvalidOperationException(
                $"{Text.Run(folder.Path)} is no run that a person teaches: it is one of {agent.Options.Algorithm} in "
                    + $"{agent.Options.EnvironmentCopies} copies of {Shown.Text(agent.EnvironmentId)}. rl teach "
                    + "ENVIRONMENT begins one.");
        }

        var total = request.Steps ?? agent.Options.TotalSteps;
        if (agent.Steps >= total)
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"The run {folder.Path} has had all of its {agent.Steps:N0} answers; for more give a number above "
                    + $"that, for example --steps {2 * agent.Steps}."));
        }

        folder.TakeUp(agent.Steps);
        return Teach(agent, environment, total, folder, keyboard, terminal, interruption);
    }

    private static int Teach(
        Agent agent,
        BuiltInEnvironment environment,
        long total,
        RunFolder folder,
        Keyboard keyboard,
        Terminal terminal,
        CancellationToken interruption)
    {
        var lost = 0;
        using (var screen = new Screen(terminal))
        {
            var person = new Person(agent, environment, keyboard, screen, interruption);
            agent.Teach(person.Expert);
            var progress = new SynchronousProgress<TrainingProgress>(told =>
            {
                folder.Record(told);
                person.EndRound(told);
            });
            try
            {
                while (agent.Steps < total)
                {
                    agent.TrainFor(1, progress, interruption);
                    agent.Save(folder.AgentPath);
                }
            }
            catch (OperationCanceledException)
            {
                // The person has left, or an interruption came.
                lost = person.Answers;
            }
        }

        folder.Flush();
        Conclude(agent, folder, lost, terminal, interruption);
        return interruption.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Success;
    }

    private static void Conclude(
        Agent agent, RunFolder folder, int lost, Terminal terminal, CancellationToken interruption)
    {
        var unlearned = lost > 0 ? $"; the {lost} of the unfinished round are not among them" : "";
        terminal.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Algorithm} on {Shown.Text(agent.EnvironmentId)}: learned from {agent.Steps:N0} answers in "
                + $"{agent.Updates} rounds{unlearned}"));
        if (agent.Updates > 0 && !interruption.IsCancellationRequested)
        {
            var (evaluation, cutAt) = FiniteEvaluation.Of(agent, Episodes, null, true, interruption);
            terminal.Output.WriteLine($"mean return {evaluation}{Text.Cut(cutAt)}");
        }

        var run = Text.Run(folder.Path);
        terminal.Output.WriteLine(
            $"saved to {folder.AgentPath}; rl teach --resume {run} goes on, rl watch {run} shows it");
    }
}
