using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Cli.Data;
using Rl.Cli.Views;

namespace Rl.Cli;

/// <summary>The words that <c>rl</c> understands, and how failures end.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command; the result is the process's exit code.</summary>
    public static int Run(IReadOnlyList<string> arguments, Terminal terminal, CancellationToken interruption)
    {
        var root = new RootCommand(
            "Reinforcement learning: train agents, evaluate and watch them, see what there is. "
            + "Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted (what was learned is saved).")
        {
            Train(terminal, interruption),
            Evaluate(terminal, interruption),
            ReplayFailure(terminal, interruption),
            WatchCommandLine.Watch(terminal, interruption),
            WatchCommandLine.Record(terminal, interruption),
            ExportCommandLine.Export(terminal, interruption),
            RunsCommandLine.Plot(terminal, interruption),
            RunsCommandLine.Compare(terminal, interruption),
            ReportCommandLine.Report(terminal, interruption),
            DashboardCommandLine.Dashboard(terminal, interruption),
            Environments(terminal),
            Algorithms(terminal),
            Check(terminal, interruption),
            Bench(terminal, interruption),
        };
        var plugin = new Option<string[]>("--plugin")
        {
            Description = "An assembly of yours, such as bin/Release/net10.0/My.dll, whose algorithms and environments "
                + "are known by their ids. Its code runs with your rights.",
            HelpName = "assembly",
            Recursive = true,
        };
        root.Add(plugin);
        // Without a word there is nothing to do, and much to say.
        var parsed = root.Parse(arguments.Count == 0 ? ["--help"] : arguments);
        if (parsed.Errors.Count > 0)
        {
            terminal.Error.WriteLine(
                $"rl: {Shown.Text(string.Join(" ", parsed.Errors.Select(error => error.Message)))} Try rl --help.");
            return ExitCode.Usage;
        }

        return Guarded(terminal, () =>
        {
            foreach (var path in parsed.GetValue(plugin) ?? [])
            {
                Plugin.Load(path);
            }

            return parsed.Invoke(new InvocationConfiguration
            {
                Output = terminal.Output,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        });
    }

    private static Command Train(Terminal terminal, CancellationToken interruption)
    {
        var algorithm = Words.Optional("algorithm", "The algorithm's id; rl algorithms lists them.");
        var environment = Words.Optional("environment", "The environment's id; rl environments lists them.");
        var resume = new Option<string?>("--resume")
        {
            Description = "Go on with an interrupted run: its name under runs/, or its folder. The agent becomes the "
                + "same bit for bit as if it had never stopped; the mean return starts with new episodes.",
            HelpName = "run",
        };
        var seed = NumberOption.Whole<ulong>("--seed", "Where all randomness comes from; 1 if not given.", least: 0);
        var steps = NumberOption.Whole<long>(
            "--steps",
            "Environment steps; those that are known to be good for the task, or the "
                + "algorithm's default, if not given.",
            least: 1);
        var threads =
            NumberOption.Whole<int>("--threads", "Threads; 0 for one a core. Results do not depend on it.", least: 0);
        var run = new Option<string?>("--run") { Description = "The run's folder: a name under runs/, or a path." };
        var overwrite =
            new Option<bool>("--overwrite") { Description = "Replace the files of an earlier run in that folder." };
        var json = Words.Json("one JSON object a line");
        var episodes = NumberOption.Whole("--episodes", "Episodes of the final evaluation.", least: 1, otherwise: 100);
        var checkpointEvery = new Option<string[]>("--checkpoint-every")
        {
            Description = "How often the agent is saved while it trains: steps (100000), a time (30s, 5m, 1h), or "
                + "both; every 30s if not given, and after 1, 2, 4, … s. It is also saved "
                + "before the first update and at the end.",
            HelpName = "steps|time",
            AllowMultipleArgumentsPerToken = true,
        };
        var keepLast = NumberOption.Whole(
            "--keep-last", "How many of these checkpoints are kept; above 1 also as agent-<steps>.rl.", least: 1,
            otherwise: 1);
        var withoutReplay = new Option<bool>("--without-replay")
        {
            Description = "Save without the steps that an off-policy algorithm remembers, which may be most of a file. "
                + "A run that is resumed then remembers anew, waits for LearningStarts steps before it learns again, "
                + "and does not become what it would have become.",
        };
        var evaluateEvery = NumberOption.Whole(
            "--evaluate-every",
            "Evaluate the agent every so many steps, and keep the best as best.rl, with its evaluation in best.json.",
            least: 1L);
        evaluateEvery.HelpName = "steps";
        var evaluateEpisodes = NumberOption.Whole(
            "--evaluate-episodes", "Episodes of each of these evaluations.", least: 1, otherwise: 20);
        var defaults = new Option<bool>("--defaults")
        {
            Description = "Train with the algorithm's defaults, even where better options for the task are known.",
        };
        var tensorBoard = new Option<string?>("--tensorboard")
        {
            Description = "Log for TensorBoard: in the run's folder, so that tensorboard --logdir runs shows all runs, "
                + "or in a folder of the run's name below the one that is given.",
            HelpName = "folder",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var monitor = new Option<bool>("--monitor")
        {
            Description = "Write the episodes as Stable-Baselines3's Monitor does: monitor.csv in the run's folder.",
        };
        var jsonLines = new Option<bool>("--jsonl")
        {
            Description = "Write an object a line as it trains: progress.jsonl in the run's folder.",
        };
        var set = Words.Settings(
            "--set", "An option of the algorithm, for example LearningRate=3e-4; rl algorithms ALGORITHM lists them.");
        var environmentSet = Words.EnvironmentSet("of the environment");
        const string Summary = "Train an agent and keep it in a run folder. Examples: rl train ppo CartPole-v1; "
            + "rl train dqn CartPole-v1 --seed 2 --tensorboard; rl train --resume dqn-CartPole-v1-seed2.";
        var command = new Command("train", Summary)
        {
            algorithm, environment, resume, seed, steps, threads, run, overwrite, json, episodes, checkpointEvery,
            keepLast, withoutReplay, evaluateEvery, evaluateEpisodes, tensorBoard, monitor, jsonLines, defaults, set,
            environmentSet,
        };
        command.SetAction(parsed => TrainCommand.Run(
            new TrainRequest
            {
                Algorithm = parsed.GetValue(algorithm),
                Environment = parsed.GetValue(environment),
                Resume = parsed.GetValue(resume),
                Seed = parsed.GetValue(seed),
                Steps = parsed.GetValue(steps),
                Threads = parsed.GetValue(threads),
                Run = parsed.GetValue(run),
                Overwrite = parsed.GetValue(overwrite),
                Json = parsed.GetValue(json),
                Episodes = parsed.GetValue(episodes),
                Checkpoints = CheckpointWords.Read("--checkpoint-every", parsed.GetValue(checkpointEvery) ?? []),
                KeepLast = parsed.GetValue(keepLast),
                WithoutReplay = parsed.GetValue(withoutReplay),
                EvaluateEvery = parsed.GetValue(evaluateEvery),
                EvaluateEpisodes = parsed.GetValue(evaluateEpisodes),
                Logs = new()
                {
                    TensorBoard = parsed.GetResult(tensorBoard) is not null,
                    TensorBoardFolder = parsed.GetValue(tensorBoard),
                    Monitor = parsed.GetValue(monitor),
                    JsonLines = parsed.GetValue(jsonLines),
                },
                Defaults = parsed.GetValue(defaults),
                Settings = Words.Pairs("--set", parsed.GetValue(set)),
                EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
            },
            terminal,
            interruption));
        return command;
    }

    private static Command Evaluate(Terminal terminal, CancellationToken interruption)
    {
        var run =
            new Argument<string>("run") { Description = "A run's name under runs/, its folder, or an agent file." };
        var episodes = NumberOption.Whole("--episodes", "How many episodes.", least: 1, otherwise: 100);
        var seed = Words.EpisodeSeed();
        var stochastic = Words.Stochastic();
        var environment =
            new Option<string?>("--environment") { Description = "Another environment with the same spaces." };
        var environmentSet = Words.EnvironmentSet("of that environment");
        var json = Words.Json("one JSON object");
        var command = new Command("evaluate", "Measure a trained agent over whole episodes.")
        {
            run, episodes, seed, stochastic, environment, environmentSet, json,
        };
        command.SetAction(parsed => Interruptible.Run(
            () => EvaluateCommand.Run(
                new EvaluateRequest
                {
                    Run = parsed.GetRequiredValue(run),
                    Episodes = parsed.GetValue(episodes),
                    Seed = parsed.GetValue(seed),
                    Stochastic = parsed.GetValue(stochastic),
                    Environment = parsed.GetValue(environment),
                    EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
                    Json = parsed.GetValue(json),
                },
                terminal,
                interruption),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    private static Command ReplayFailure(Terminal terminal, CancellationToken interruption)
    {
        var run = new Argument<string>("run")
        {
            Description = "The name under runs/, or the folder, of a run that stopped at a number that is not finite.",
        };
        var threads = NumberOption.Whole(
            "--threads", "Threads; 0 for one a core. The failure does not depend on it.", least: 0, otherwise: 0);
        var json = Words.Json("one JSON object");
        const string Summary = "Do the update again that a run failed in, from the state before it.";
        var command = new Command("replay-failure", Summary) { run, threads, json };
        command.SetAction(parsed => Interruptible.Run(
            () => ReplayFailureCommand.Run(
                parsed.GetRequiredValue(run), parsed.GetValue(threads), parsed.GetValue(json), terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    private static Command Environments(Terminal terminal)
    {
        var id = Words.Optional("environment", "The id of one of them, to see its spaces and options.");
        var json = Words.Json("one JSON object a line");
        var command =
            new Command("environments", "List the environments, or show one with its spaces and options.") { id, json };
        command.SetAction(parsed => ListCommands.Environments(parsed.GetValue(id), parsed.GetValue(json), terminal));
        return command;
    }

    private static Command Algorithms(Terminal terminal)
    {
        var id = Words.Optional("algorithm", "The id of one of them, to see its options.");
        var json = Words.Json("one JSON object a line");
        const string Summary = "List the algorithms, or show one with its options and their defaults.";
        var command = new Command("algorithms", Summary) { id, json };
        command.SetAction(parsed => ListCommands.Algorithms(parsed.GetValue(id), parsed.GetValue(json), terminal));
        return command;
    }

    private static Command Check(Terminal terminal, CancellationToken interruption)
    {
        var environment =
            new Argument<string>("environment") { Description = "The environment's id; rl environments lists them." };
        var seed =
            NumberOption.Whole("--seed", "Where the randomness of the check comes from.", least: 0UL, otherwise: 0UL);
        var steps =
            NumberOption.Whole("--steps", "The steps of each walk; more find rarer faults.", least: 1, otherwise: 500);
        var environmentSet = Words.EnvironmentSet("of the environment");
        var json = Words.Json("one JSON object");
        var command = new Command("check", "Check that an environment keeps its contract.")
        {
            environment, seed, steps, environmentSet, json,
        };
        command.SetAction(parsed => Interruptible.Run(
            () => CheckCommand.Run(
                new CheckRequest
                {
                    Environment = parsed.GetRequiredValue(environment),
                    Seed = parsed.GetValue(seed),
                    Steps = parsed.GetValue(steps),
                    EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
                    Json = parsed.GetValue(json),
                },
                terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    private static Command Bench(Terminal terminal, CancellationToken interruption)
    {
        var suite = new Argument<string>("suite") { Description = "What to measure: on-policy or off-policy." };
        var output = new Option<string>("--output")
        {
            Description = "The folder of results; what is there already is not measured again.",
            DefaultValueFactory = _ => Path.Combine("runs", "bench"),
        };
        var page = new Option<string?>("--page")
        {
            Description = "A Markdown page that receives the table between its markers.",
        };
        var only = new Option<string?>("--only")
        {
            Description = "Only the tasks that have one of these, separated by commas, in their names.",
        };
        var seeds = NumberOption.Whole<int>("--seeds", "Seeds a task; each task's own number if not given.", least: 1);
        var parallel = NumberOption.Whole("--parallel", "Runs at once; 0 for one a core.", least: 0, otherwise: 0);
        const string Summary = "Train the tasks of a results table with several seeds, and make the table.";
        var command = new Command("bench", Summary) { suite, output, page, only, seeds, parallel };
        command.SetAction(parsed => BenchCommand.Run(
            new BenchRequest
            {
                Suite = parsed.GetRequiredValue(suite),
                Output = parsed.GetRequiredValue(output),
                Page = parsed.GetValue(page),
                Only = parsed.GetValue(only),
                Seeds = parsed.GetValue(seeds),
                Parallel = parsed.GetValue(parallel),
            },
            terminal,
            interruption));
        return command;
    }

    /// <summary>Failures that a user can mend become one line and an exit code; anything else is a defect and shows its
    /// trace.</summary>
    private static int Guarded(Terminal terminal, Func<int> action)
    {
        try
        {
            return action();
        }
        catch (OperationCanceledException)
        {
            terminal.Error.WriteLine("rl: interrupted.");
            return ExitCode.Interrupted;
        }
        catch (ArgumentException error)
        {
            terminal.Error.WriteLine($"rl: {Shown.Text(WithoutParameter(error.Message))}");
            return ExitCode.Usage;
        }
        catch (Exception error) when (error is OverflowException or OutOfMemoryException)
        {
            terminal.Error.WriteLine(
                $"rl: This is too large for the memory: {Shown.Text(error.Message)} Choose smaller options.");
            return ExitCode.Failure;
        }
        catch (Exception error) when (
            error is IOException or UnauthorizedAccessException or InvalidDataException or NotSupportedException
                or EnvironmentException or TrainingFailureException or InvalidOperationException)
        {
            terminal.Error.WriteLine($"rl: {Shown.Text(error.Message)}");
            return ExitCode.Failure;
        }
    }

    /// <summary>The message without the parameter's name and value that .NET appends.</summary>
    private static string WithoutParameter(string message)
    {
        var end = message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).ReplaceLineEndings(" ");
    }
}
