using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Data;
using Rl.Cli.Runs;
using Rl.Cli.Tuning;

namespace Rl.Cli.Commands;

/// <summary><c>rl tune</c>: seeks good options of an algorithm for a task, and reports what they reach with seeds that
/// had no say in the search. The same command goes on with a study that was interrupted.</summary>
internal static class TuneCommand
{
    public const string Log = "study.jsonl";
    public const string Best = "best.json";
    public const string Figure = "study.png";
    public const string Agents = "trials";

    public static int Run(TuneRequest request, Terminal terminal, CancellationToken interruption)
    {
        request.Validate();
        var algorithm = Algorithms.Describe(request.Algorithm);
        var named = request.Environment is { } id
            ? EnvironmentArgument.Make(id, request.EnvironmentSettings, terminal)
            : null;
        var data = TrainingData.Open(new TrainRequest { Data = request.Data }, algorithm.Id, named);
        var environment = named ?? data?.FindEnvironment();
        var place = new RunPlace(
            environment?.Id ?? data!.Name, request.WithoutEnvironment ? null : environment, data?.Request);
        var tuned = request.Defaults ? null : TunedOptions.Find(algorithm.Id, place.Name);
        var file = request.OptionsFile is { } path ? OptionsFile.Read(path, algorithm.Id) : null;
        IReadOnlyList<KeyValuePair<string, string>> own = [.. file?.Settings ?? [], .. request.Settings];
        IReadOnlyList<string> wrappers = [.. file?.Wrappers ?? [], .. request.Wrappers];
        RequireJudge(algorithm, place, data, wrappers, request.WithoutEnvironment);
        var space = Space(
            request, algorithm, own, data is null ? WrapperText.Apply(environment!, request.Wrappers) : null);
        var steps = request.Steps ?? file?.Steps ?? tuned?.Steps ?? algorithm.Defaults.TotalSteps;
        var folder = request.Output
            ?? RunPlaces.NamedAfter(
                $"{(request.Population is null ? "tune" : "population")}-{algorithm.Id}-"
                    + place.Name.Replace('/', '-'));
        IReadOnlyList<KeyValuePair<string, string>> common = [.. tuned?.Settings ?? [], .. own];
        var trialData = data is null ? null : Judged(request, data, Algorithms.Options(algorithm.Id, common));
        var training = new TrialTraining(
            algorithm.Id, place.Environment, trialData, common, wrappers, steps, Path.Combine(folder, Agents));
        var plan = new StudyPlan
        {
            Space = space,
            Known = KnownPoint.Of(space, TunedFile.Settings(training.Options([]))),
            Method = request.Method,
            Seed = request.Seed,
            Steps = steps,
            Seeds = request.Seeds,
            Halving = new(request.Rungs, request.Reduction),
        };
        if (request.Population is null)
        {
            RequireRungs(plan);
        }

        // What cannot be trained at all leaves no trace.
        Interruptible.Run(
            () =>
            {
                using var agent = training.New([], request.Seed);
                return agent.Steps;
            },
            TimeSpan.Zero,
            interruption);
        var population = request.Population is { } asked
            ? Interruptible.Run(
                () => asked.Plan(plan, training, request.Space is not null), TimeSpan.Zero, interruption)
            : null;
        Directory.CreateDirectory(folder);
        using var held = RunLock.TryTake(folder)
            ?? throw new RunFolderException(
                $"The study in {folder} is being made by another process; wait until it ends, or choose another folder "
                    + "with --output.");
        if (request.Overwrite)
        {
            Clear(folder);
        }

        Directory.CreateDirectory(Path.Combine(folder, Agents));
        using var log = StudyLog.Open(
            Path.Combine(folder, Log),
            [
                .. Facts(plan, training, algorithm.Id, place, environment, request),
                .. population is null ? Facts(plan) : Facts(population),
                .. data is null ? [] : Facts(data, trialData!, place),
            ],
            population?.Space ?? plan.Space);
        try
        {
            if (population is null)
            {
                new TuneSession(request, plan, training, log, place, folder, terminal, interruption).Run();
            }
            else
            {
                new PopulationSession(
                    request, population, training, log, place, folder, terminal, interruption).Run();
            }
        }
        catch (OperationCanceledException)
        {
            terminal.Error.WriteLine($"rl: interrupted; the same command goes on with the study in {folder}.");
            return ExitCode.Interrupted;
        }

        Directory.Delete(Path.Combine(folder, Agents), recursive: true);
        return ExitCode.Success;
    }

    /// <summary>The trainings at once.</summary>
    public static int AtOnce(TuneRequest request) =>
        request.Workers > 0 ? request.Workers : System.Environment.ProcessorCount;

    /// <summary>Refuses what recorded data cannot have, and data alone where nobody asked to judge by them.</summary>
    private static void RequireJudge(
        AlgorithmDescription algorithm, RunPlace place, TrainingData? data, IReadOnlyList<string> wrappers,
        bool isAsked)
    {
        if (data is null)
        {
            return;
        }

        TrainingData.RequireAlone(algorithm, place.Environment, wrappers);
        if (place.Environment is null && !isAsked)
        {
            throw new ArgumentException(
                $"{data.Request.Path} names no environment of rl with its spaces, so there is none to evaluate in; name"
                    + " one behind the algorithm, or give --without-environment to judge trials by the data.");
        }
    }

    /// <summary>The episodes, read once, and the critic that judges by them.</summary>
    private static TrialData Judged(TuneRequest request, TrainingData data, AgentOptions known)
    {
        var usual = new OfflineEvaluationOptions();
        return new(data.InMemory(), usual with
        {
            Discount = EvaluateFromData.DiscountOf(known),
            Steps = request.FittedSteps ?? usual.Steps,
            Resamples = 1,
            Threads = 1,
        });
    }

    /// <summary>The space of a file or the one of the program, without what the command line settles.</summary>
    private static SearchSpace Space(
        TuneRequest request, AlgorithmDescription algorithm, IReadOnlyList<KeyValuePair<string, string>> own,
        IEnvironment? environment)
    {
        var space = request.Space is { } path
            ? SearchSpaceFile.Read(path)
            : SearchSpaceFile.Default(algorithm.Id)
                ?? throw new ArgumentException(
                    $"No search space for {algorithm.Id} comes with rl, only for "
                        + $"{string.Join(", ", SearchSpaceFile.Algorithms())}; write one and give it with --space.");
        SpaceCheck.Against(space, algorithm, environment);
        return space.Without(own);
    }

    /// <summary>Requires that each rung trains for longer than the one before it.</summary>
    private static void RequireRungs(StudyPlan plan)
    {
        if (plan.Steps < plan.Halving.BracketSize)
        {
            throw new ArgumentException(
                $"--steps is {Text(plan.Steps)}, too few for {plan.Halving.Rungs} rungs that each train for "
                    + $"{plan.Halving.Reduction} times as long as the one before; give at least "
                    + $"{plan.Halving.BracketSize}, or fewer --rungs.");
        }
    }

    private static void Clear(string folder)
    {
        foreach (var file in new[]
        {
            Log, Best, Figure, PopulationSession.Agent, PopulationSession.Lineage, PopulationSession.Figure,
        })
        {
            File.Delete(Path.Combine(folder, file));
        }

        if (Directory.Exists(Path.Combine(folder, Agents)))
        {
            Directory.Delete(Path.Combine(folder, Agents), recursive: true);
        }
    }

    /// <summary>What makes trainings of an earlier call part of the same study.</summary>
    private static List<KeyValuePair<string, string>> Facts(
        StudyPlan plan, TrialTraining training, string algorithm, RunPlace place, BuiltInEnvironment? environment,
        TuneRequest request) =>
    [
        new("algorithm", algorithm),
        new("environment", place.Name),
        new("environment's options", environment is null ? "" : Joined(environment.Options)),
        new("other options", Joined(training.Options([]).ToSettings().Where(
            setting => setting.Key != nameof(AgentOptions.TotalSteps)))),
        new("wrappers", string.Join(", ", training.Wrappers([]))),
        new("first trial", "of the options without a search"),
        new("method", plan.Method.ToString().ToLowerInvariant()),
        new("seed", Text(plan.Seed)),
        new("steps", Text(plan.Steps)),
        new("number of episodes", Text(request.Episodes)),
    ];

    /// <summary>The same of a study with trials.</summary>
    private static List<KeyValuePair<string, string>> Facts(StudyPlan plan) =>
    [
        new("number of seeds", Text(plan.Seeds)),
        new("halving", $"{plan.Halving.Rungs} rungs of {plan.Halving.Reduction}"),
    ];

    /// <summary>The same of a population.</summary>
    private static List<KeyValuePair<string, string>> Facts(PopulationPlan plan) =>
    [
        new("number of members", Text(plan.Members)),
        new("steps between comparisons", Text(plan.Ready)),
        new("fraction", Text(plan.Fraction)),
        new("resampling", Text(plan.Resampling)),
    ];

    /// <summary>The same of a study of recorded data, which may have been moved but not changed.</summary>
    private static List<KeyValuePair<string, string>> Facts(TrainingData data, TrialData trialData, RunPlace place) =>
    [
        new("data", data.Size),
        new(
            "score",
            place.Environment is not null ? "evaluations in the environment"
            : $"fitted Q evaluation of {Text(trialData.Judging.Steps)} steps with the discount "
                + Text(trialData.Judging.Discount)),
    ];

    private static string Joined(IEnumerable<KeyValuePair<string, string>> pairs) =>
        string.Join(", ", pairs.Select(pair => $"{pair.Key}={pair.Value}"));

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
