using System;
using System.Collections.Generic;
using System.Globalization;
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

    /// <summary>Whether a run that has ended is refused; else it is evaluated again.</summary>
    public bool RequiresUnfinished { get; init; }

    /// <summary>A file with options of the algorithm.</summary>
    public string? OptionsFile { get; init; }

    /// <summary>The agent's file of an expert, who is imitated.</summary>
    public string? Expert { get; init; }

    /// <summary>The episodes of the expert that are recorded.</summary>
    public int ExpertEpisodes { get; init; } = 20;

    /// <summary>The recorded data to learn from; null for none, or where a run that is resumed has them.</summary>
    public DataRequest? Data { get; init; }

    /// <summary>1 if not given.</summary>
    public ulong? Seed { get; init; }

    public long? Steps { get; init; }

    public int? Threads { get; init; }

    public string? Run { get; init; }

    public bool Overwrite { get; init; }

    public bool Json { get; init; }

    /// <summary>Episodes of the final evaluation; null for as many as is usual.</summary>
    public int? Episodes { get; init; }

    /// <summary>When the agent is saved while it trains.</summary>
    public CheckpointWords Checkpoints { get; init; } = CheckpointWords.Default;

    /// <summary>How many checkpoints are kept.</summary>
    public int KeepLast { get; init; } = 1;

    /// <summary>Whether what is saved lacks the steps that the algorithm remembers.</summary>
    public bool WithoutReplay { get; init; }

    /// <summary>The steps between two evaluations, of which the best agent is kept; null for none.</summary>
    public long? EvaluateEvery { get; init; }

    /// <summary>The episodes of each of them.</summary>
    public int EvaluateEpisodes { get; init; } = 20;

    /// <summary>What is written for other programs.</summary>
    public LogRequest Logs { get; init; } = new();

    /// <summary>The algorithm's defaults even where better options are known.</summary>
    public bool Defaults { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    /// <summary>Wrappers around the environment, the one next to it first.</summary>
    public IReadOnlyList<string> Wrappers { get; init; } = [];

    /// <summary>Has the agent's copies act elsewhere while it trains, until the result is disposed of; is given whom to
    /// tell what happens. Null for this process.</summary>
    public Func<Agent, Action<string>, CancellationToken, IDisposable>? Place { get; init; }

    /// <summary>Keeps the files of the run's folder elsewhere too, with each checkpoint
    /// (<see cref="ClusterCommand.Save"/>), until the result is disposed of; null for nowhere.</summary>
    public Func<string, IDisposable>? Keep { get; init; }
}

/// <summary><c>rl train</c>: trains, saves, evaluates, draws.</summary>
internal static class TrainCommand
{
    public static int Run(TrainRequest request, Terminal terminal, CancellationToken interruption)
    {
        AtLeastOne("--episodes", request.Episodes);
        AtLeastOne("--keep-last", request.KeepLast);
        AtLeastOne("--evaluate-every", request.EvaluateEvery);
        AtLeastOne("--evaluate-episodes", request.EvaluateEpisodes);
        return request.Resume is { } run
            ? Resume(run, request, terminal, interruption)
            : Begin(request, terminal, interruption);
    }

    private static void AtLeastOne(string option, long? value)
    {
        if (value < 1)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"{option} is {value}; it must be at least 1."));
        }
    }

    private static int Begin(TrainRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (request.Algorithm is not { } algorithm || (request.Environment is null && request.Data is null))
        {
            throw new ArgumentException(
                "train needs an algorithm and an environment or --data, or --resume with a run. Try rl train --help.");
        }

        if (request.Environment is null && request.EnvironmentSettings.Count > 0)
        {
            throw new ArgumentException("--environment-set belongs to an environment; name it behind the algorithm.");
        }

        var named = request.Environment is { } id
            ? EnvironmentArgument.Make(id, request.EnvironmentSettings, terminal)
            : null;
        var data = TrainingData.Open(request, algorithm, named);
        var environment = named ?? data?.FindEnvironment();
        var place = new RunPlace(environment?.Id ?? data!.Name, environment, data?.Request);
        var tuned = request.Defaults ? null : TunedOptions.Find(algorithm, place.Name);
        var file = request.OptionsFile is { } path ? OptionsFile.Read(path, algorithm) : null;
        IReadOnlyList<KeyValuePair<string, string>> asked = [.. file?.Settings ?? [], .. request.Settings];
        var options = Algorithms.Options(algorithm, [.. tuned?.Settings ?? [], .. asked]);
        var planned = asked.Any(
            setting => setting.Key.Equals(nameof(options.TotalSteps), StringComparison.OrdinalIgnoreCase))
            ? null
            : file?.Steps ?? tuned?.Steps;
        options = options with
        {
            TotalSteps = request.Steps ?? planned ?? options.TotalSteps,
            Threads = request.Threads ?? options.Threads,
        };
        options.Validate();
        var seed = request.Seed ?? 1;
        IReadOnlyList<string> wrappers = [.. file?.Wrappers ?? [], .. request.Wrappers];
        RequireWithout(Algorithms.Describe(algorithm), data, environment, wrappers, request);

        // The folder last: what cannot be trained leaves no trace, and an earlier run as it is.
        using var agent = Interruptible.Run(
            () => data is null ? Lessons.Create(options, WrapperText.Apply(environment!, wrappers), seed, request)
                : environment is null ? Agent.Create(options, data.Episodes, seed)
                : Agent.Create(options, data.Episodes, environment, seed),
            TimeSpan.Zero,
            interruption);
        using var folder = RunFolder.Create(request.Run, request.Overwrite, options.Algorithm, place.Name, seed);
        var outline = new TrainingOutline(
            options.Algorithm, place.Name, seed, options.TotalSteps, folder.Path,
            tuned?.Source)
        { ReplayBytes = agent.ReplayBytes, Data = data?.ToString() };
        var view = View(request, terminal);
        using var logs = RunLogs.Open(request.Logs, agent, folder.Path, view.Notice);
        view.Start(outline);
        Tell(request, agent, view);
        folder.WriteConfiguration(agent, place);
        return new TrainSession(agent, place, folder, outline, view, request, logs).Run(interruption);
    }

    /// <summary>Refuses what recorded data cannot have: wrappers that nobody wore when they were recorded, evaluations
    /// without an environment.</summary>
    private static void RequireWithout(
        AlgorithmDescription algorithm, TrainingData? data, BuiltInEnvironment? environment,
        IReadOnlyList<string> wrappers, TrainRequest request)
    {
        if (data is not null)
        {
            TrainingData.RequireAlone(algorithm, environment, wrappers);
        }

        if (environment is null && request.EvaluateEvery is not null)
        {
            throw new ArgumentException(
                "--evaluate-every needs an environment; name one with the data's spaces behind the algorithm.");
        }
    }

    /// <summary>Goes on from the run's agent file with its own options and plan, or a longer plan.</summary>
    private static int Resume(string run, TrainRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (request.Algorithm is not null || request.Run is not null || request.Overwrite || request.Defaults
            || request.Seed is not null || request.OptionsFile is not null
            || request.Settings.Count > 0 || request.EnvironmentSettings.Count > 0 || request.Wrappers.Count > 0)
        {
            throw new ArgumentException(
                "--resume goes on with the run's own algorithm, environment, wrappers, seed and options; only --steps, "
                    + "--threads, --episodes, --json, logs, and when and how to save and evaluate can be given with "
                    + "it.");
        }

        var path = RunPlaces.FindRun(run);

        // Whoever has the folder may be saving there: first the lock, then the agent.
        using var folder = RunFolder.Resume(path);
        using var agent = Interruptible.Run(() => Agent.Load(path, request.Threads ?? 0), TimeSpan.Zero, interruption);
        var data = TrainingData.OfRun(request, agent, RunFolder.FolderOf(path));
        var environment = agent.BuiltIn;
        if (environment is null && !agent.IsOfData)
        {
            throw new InvalidOperationException(
                $"{path} was trained in {Shown.Text(agent.EnvironmentId)}, which rl does not have; resume it with "
                    + "Agent.Load and your environment.");
        }

        var total = request.Steps ?? agent.Options.TotalSteps;
        if (request.Steps is { } asked && asked <= agent.Steps)
        {
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture,
                $"--steps is {asked:N0}, but the run has taken {agent.Steps:N0} already; it is the number at which "
                    + $"training ends."));
        }

        if (request.RequiresUnfinished && agent.Steps >= total)
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"The run {folder.Path} has taken all of its {agent.Steps:N0} steps. To train it for more, give a "
                    + $"number above that, for example --steps {2 * agent.Steps}; rl evaluate "
                    + $"{Text.Run(folder.Path)} measures it."));
        }

        RequireWithout(Algorithms.Describe(agent.Options.Algorithm), data, environment, [], request);
        if (data is not null)
        {
            agent.UseData(data.Episodes);
        }
        else
        {
            Lessons.Give(agent, request);
        }

        folder.TakeUp(agent.Steps);
        var place = new RunPlace(environment?.Id ?? data!.Name, environment, data?.Request);
        var outline = new TrainingOutline(
            agent.Options.Algorithm, place.Name, agent.Seed, total, folder.Path, null,
            agent.Steps)
        { ReplayBytes = agent.ReplayBytes, Data = data?.Request.Path };
        var view = View(request, terminal);
        using var logs = RunLogs.Open(request.Logs, agent, folder.Path, view.Notice);
        view.Start(outline);
        Tell(request, agent, view);
        if (folder.Earlier.Damaged > 0)
        {
            view.Notice(string.Create(
                CultureInfo.InvariantCulture,
                $"{folder.Earlier.Damaged} damaged rows of metrics.csv are left out; the others are kept"));
        }

        var code = new TrainSession(agent, place, folder, outline, view, request, logs).Run(interruption);
        folder.WriteConfiguration(agent, place);
        return code;
    }

    /// <summary>What is lost without the steps that the algorithm remembers.</summary>
    private static void Tell(TrainRequest request, Agent agent, TrainingView view)
    {
        if (request.WithoutReplay)
        {
            view.Notice(agent.ReplayBytes == 0
                ? $"{agent.Options.Algorithm} remembers no steps; --without-replay leaves nothing out"
                : "the agent is saved without the steps that it remembers: if this run is resumed, it remembers anew, "
                    + "waits for LearningStarts steps before it learns again, and does not become what it would have "
                    + "become");
        }
    }

    private static TrainingView View(TrainRequest request, Terminal terminal) =>
        request.Json ? new JsonView(terminal.Output)
        : terminal.IsInteractive ? new LiveView(terminal)
        : new PlainView(terminal.Output);
}
