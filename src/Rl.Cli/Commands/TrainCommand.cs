using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Rl.Cli.Data;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl train</c> was asked for.</summary>
internal sealed record TrainRequest
{
    public required string Algorithm { get; init; }

    public required string Environment { get; init; }

    public required ulong Seed { get; init; }

    public long? Steps { get; init; }

    public int Threads { get; init; }

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
        var watch = Stopwatch.StartNew();
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Episodes, 1, "--episodes");
        var environment = EnvironmentArgument.Make(request.Environment, request.EnvironmentSettings, terminal);
        var tuned = request.Defaults ? null : TunedOptions.Find(request.Algorithm, environment.Id);
        var options = Algorithms.Options(request.Algorithm, [.. tuned?.Settings ?? [], .. request.Settings]);
        options = options with { TotalSteps = request.Steps ?? tuned?.Steps ?? options.TotalSteps, Threads = request.Threads };
        options.Validate();
        using var folder = RunFolder.Create(request.Run, request.Overwrite, options.Algorithm, environment.Id, request.Seed);
        var outline = new TrainingOutline(options.Algorithm, environment.Id, request.Seed, options.TotalSteps, folder.Path, tuned?.Source);
        var view = View(request, terminal);
        view.Start(outline);

        using var agent = Agent.Create(options, environment, request.Seed);
        folder.WriteConfiguration(agent, environment);
        var curve = new LearningCurve();
        try
        {
            var training = Train(agent, folder, curve, view, interruption);
            folder.Flush();
            agent.Save(folder.AgentPath);
            var evaluation = agent.Evaluate(request.Episodes, cancellationToken: interruption);
            Draw(curve, folder, outline, environment);
            view.Result(new(outline, training, evaluation, environment.RewardThreshold, watch.Elapsed));
            return ExitCode.Success;
        }
        catch (OperationCanceledException)
        {
            folder.Flush();
            agent.Save(folder.AgentPath);
            Draw(curve, folder, outline, environment);
            view.Interrupted(outline, agent.Steps);
            return ExitCode.Interrupted;
        }
    }

    private static TrainingResult Train(Agent agent, RunFolder folder, LearningCurve curve, TrainingView view, CancellationToken interruption)
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
                    folder.Flush();
                    agent.Save(folder.AgentPath);
                }
            });
            result = agent.Train(progress, interruption);
        });
        return result!;
    }

    private static void Draw(LearningCurve curve, RunFolder folder, TrainingOutline outline, BuiltInEnvironment environment) =>
        curve.Save(folder.CurvePath, $"{outline.Algorithm} on {outline.Environment}, seed {outline.Seed}", environment.RewardThreshold);

    private static TrainingView View(TrainRequest request, Terminal terminal) =>
        request.Json ? new JsonView(terminal.Output)
        : terminal.IsInteractive ? new LiveView(terminal.Output)
        : new PlainView(terminal.Output);
}
