using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Data;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl train</c> was asked for.</summary>
internal sealed record TrainRequest
{
    /// <summary>Null when a run is resumed.</summary>
    public string? Algorithm { get; init; }

    /// <summary>Null when a run is resumed.</summary>
    public string? Environment { get; init; }

    /// <summary>The run that is to go on.</summary>
    public string? Resume { get; init; }

    /// <summary>1 if not given.</summary>
    public ulong? Seed { get; init; }

    public long? Steps { get; init; }

    public int? Threads { get; init; }

    public string? Run { get; init; }

    public bool Overwrite { get; init; }

    public bool Json { get; init; }

    public int Episodes { get; init; } = 100;

    /// <summary>The algorithm's defaults even where better options are known.</summary>
    public bool Defaults { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];
}

/// <summary><c>rl train</c>: trains, saves, evaluates, draws.</summary>
internal static class TrainCommand
{
    /// <summary>While training goes on, the agent is saved this often, so that a crash costs little.</summary>
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(30);

    public static int Run(TrainRequest request, Terminal terminal, CancellationToken interruption)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Episodes, 1, "--episodes");
        return request.Resume is { } run
            ? Resume(run, request, terminal, interruption)
            : Begin(request, terminal, interruption);
    }

    private static int Begin(TrainRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (request.Algorithm is not { } algorithm || request.Environment is not { } id)
        {
            throw new ArgumentException("train needs an algorithm and an environment, or --resume with a run. Try rl --help.");
        }

        var environment = EnvironmentArgument.Make(id, request.EnvironmentSettings, terminal);
        var tuned = request.Defaults ? null : TunedOptions.Find(algorithm, environment.Id);
        var options = Algorithms.Options(algorithm, [.. tuned?.Settings ?? [], .. request.Settings]);
        var planned = request.Settings.Any(setting => setting.Key.Equals(nameof(options.TotalSteps), StringComparison.OrdinalIgnoreCase))
            ? null
            : tuned?.Steps;
        options = options with { TotalSteps = request.Steps ?? planned ?? options.TotalSteps, Threads = request.Threads ?? options.Threads };
        options.Validate();
        var seed = request.Seed ?? 1;

        // The folder last: what cannot be trained leaves no trace, and an earlier run as it is.
        using var agent = Agent.Create(options, environment, seed);
        using var folder = RunFolder.Create(request.Run, request.Overwrite, options.Algorithm, environment.Id, seed);
        var outline = new TrainingOutline(options.Algorithm, environment.Id, seed, options.TotalSteps, folder.Path, tuned?.Source);
        var view = View(request, terminal);
        view.Start(outline);
        folder.WriteConfiguration(agent, environment);
        return Carry(agent, environment.RewardThreshold, folder, outline, view, request, interruption);
    }

    /// <summary>Goes on from the run's agent file with its own options and plan, or a longer plan.</summary>
    private static int Resume(string run, TrainRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (request.Algorithm is not null || request.Run is not null || request.Overwrite || request.Defaults || request.Seed is not null
            || request.Settings.Count > 0 || request.EnvironmentSettings.Count > 0)
        {
            throw new ArgumentException("--resume goes on with the run's own algorithm, environment, seed and options; only --steps, --threads, --episodes and --json can be given with it.");
        }

        var path = RunFolder.FindRun(run);
        using var agent = Agent.Load(path, request.Threads ?? 0);
        if (agent.BuiltIn is not { } environment)
        {
            throw new InvalidOperationException($"{path} was trained in {agent.EnvironmentId}, which rl does not have; resume it with Agent.Load and your environment.");
        }

        var total = request.Steps ?? agent.Options.TotalSteps;
        if (request.Steps is { } asked && asked <= agent.Steps)
        {
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture, $"--steps is {asked:N0}, but the run has taken {agent.Steps:N0} already; it is the number at which training ends."));
        }

        using var folder = RunFolder.Resume(path, agent.Steps);
        var outline = new TrainingOutline(agent.Options.Algorithm, agent.EnvironmentId, agent.Seed, total, folder.Path, null, agent.Steps);
        var view = View(request, terminal);
        view.Start(outline);
        var code = Carry(agent, environment.RewardThreshold, folder, outline, view, request, interruption);
        folder.WriteConfiguration(agent, environment);
        return code;
    }

    /// <summary>Trains to the end of the plan, saves, evaluates, draws.</summary>
    private static int Carry(
        Agent agent,
        double rewardThreshold,
        RunFolder folder,
        TrainingOutline outline,
        TrainingView view,
        TrainRequest request,
        CancellationToken interruption)
    {
        var watch = Stopwatch.StartNew();
        var curve = new LearningCurve();
        curve.Record(folder.Earlier);
        int code;
        try
        {
            code = Attempt();
        }
        catch
        {
            try
            {
                Draw();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // What stopped the training is what must be told.
            }

            throw;
        }

        // Last, since plotting takes longer to load than all else; the result need not wait for it.
        Draw();
        return code;

        void Draw() => curve.Save(folder.CurvePath, $"{outline.Algorithm} on {outline.Environment}, seed {outline.Seed}", rewardThreshold);

        int Attempt()
        {
            try
            {
                var training = Train(agent, outline.TotalSteps, folder, curve, view, interruption);
                Keep(agent, folder);
                var (evaluation, cutAt) = FiniteEvaluation.Of(agent, request.Episodes, null, true, interruption);
                view.Result(new(outline, training, evaluation, rewardThreshold, watch.Elapsed, cutAt));
                return ExitCode.Success;
            }
            catch (OperationCanceledException)
            {
                Keep(agent, folder);
                view.Interrupted(outline, agent.Steps);
                return ExitCode.Interrupted;
            }
            catch (TrainingFailureException failure)
            {
                Keep(agent, folder);
                agent.Save(folder.BeforeFailurePath);
                failure.Details.Save(folder.FailurePath);
                view.Failed(outline, failure.Details, agent.Steps, $"rl replay-failure {folder.Path}");
                return ExitCode.Failure;
            }
        }
    }

    private static void Keep(Agent agent, RunFolder folder)
    {
        folder.Flush();
        agent.Save(folder.AgentPath);
    }

    private static TrainingResult Train(Agent agent, long totalSteps, RunFolder folder, LearningCurve curve, TrainingView view, CancellationToken interruption)
    {
        TrainingResult? result = null;
        view.During(show =>
        {
            var steps = agent.Steps;
            var saved = TimeSpan.Zero;
            var progress = new SynchronousProgress<TrainingProgress>(now =>
            {
                show(now);
                folder.Record(now);
                curve.Record(now, steps);
                steps = now.Steps;
                if (now.Elapsed - saved > SaveInterval)
                {
                    saved = now.Elapsed;
                    Keep(agent, folder);
                }
            });
            result = agent.Train(totalSteps, progress, interruption);
        });
        return result!;
    }

    private static TrainingView View(TrainRequest request, Terminal terminal) =>
        request.Json ? new JsonView(terminal.Output)
        : terminal.IsInteractive ? new LiveView(terminal)
        : new PlainView(terminal.Output);
}
