using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Completions;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Cli.Views;
using Rl.Gymnasium;

namespace Rl.Cli;

/// <summary>The words that <c>rl</c> understands, and how failures end.</summary>
internal static class CommandLine
{
    private const string PluginOption = "--plugin";

    /// <summary>Runs a command; the result is the process's exit code.</summary>
    public static int Run(IReadOnlyList<string> arguments, Terminal terminal, CancellationToken interruption)
    {
        var root = Root(terminal, interruption);
        var suggest = root.Directives.OfType<SuggestDirective>().Single();
        // Without a word there is nothing to do, and much to say.
        var parsed = root.Parse(arguments.Count == 0 ? ["--help"] : arguments);
        // A shell asks with a line that is not complete.
        if (parsed.Errors.Count > 0 && parsed.GetResult(suggest) is null)
        {
            terminal.Error.WriteLine(
                $"rl: {Shown.Text(UnknownWords.Complaint(parsed))} Try {Help(parsed)}.");
            return ExitCode.Usage;
        }

        return Guarded(terminal, () =>
        {
            GymnasiumEnvironment.Register();
            foreach (var path in parsed.GetValue<string[]>(PluginOption) ?? [])
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

    private static string Help(ParseResult parsed) =>
        $"{UnknownWords.Place(parsed.CommandResult)} --help";

    /// <summary>Every command.</summary>
    internal static RootCommand Root(Terminal terminal, CancellationToken interruption)
    {
        var root = new RootCommand(
            "Reinforcement learning: train agents, evaluate and watch them, see what there is. "
            + "Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted (what was learned is saved).")
        {
            TrainCommandLine.Train(terminal, interruption),
            TrainCommandLine.Resume(terminal, interruption),
            Evaluate(terminal, interruption),
            TeachCommandLine.Teach(terminal, interruption),
            PlanCommandLine.Plan(terminal, interruption),
            ReplayFailure(terminal, interruption),
            WatchCommandLine.Watch(terminal, interruption),
            WatchCommandLine.Record(terminal, interruption),
            ExportCommandLine.Export(terminal, interruption),
            ImportCommandLine.Import(terminal, interruption),
            RunsCommandLine.Plot(terminal, interruption),
            RunsCommandLine.Compare(terminal, interruption),
            ReportCommandLine.Report(terminal, interruption),
            DashboardCommandLine.Dashboard(terminal, interruption),
            TuneCommandLine.Tune(terminal, interruption),
            DataCommandLine.Data(terminal, interruption),
            InfoCommandLine.Info(terminal, interruption),
            Environments(terminal),
            Algorithms(terminal),
            Check(terminal, interruption),
            Bench(terminal, interruption),
            InfoCommandLine.Completion(terminal),
        };
        root.Add(new Option<string[]>(PluginOption)
        {
            Description = "An assembly of yours, such as bin/Release/net10.0/My.dll, whose algorithms and environments "
                + "are known by their ids. Its code runs with your rights.",
            HelpName = "assembly",
            Recursive = true,
        });
        return root;
    }

    private static Command Evaluate(Terminal terminal, CancellationToken interruption)
    {
        var run =
            new Argument<string>("run") { Description = "A run's name under runs/, its folder, or an agent file." };
        Cli.Completions.Offer(run, Cli.Completions.Runs);
        var episodes = NumberOption.Whole<int>(
            "--episodes",
            $"How many episodes; {FiniteEvaluation.Episodes} if not given, {FiniteEvaluation.PlannedEpisodes} of "
                + "agents that plan.",
            least: 1);
        var seed = Words.EpisodeSeed();
        var stochastic = Words.Stochastic();
        var environment =
            new Option<string?>("--environment") { Description = "Another environment with the same spaces." };
        var environmentSet = Words.EnvironmentSet("of that environment");
        var data = new Option<string?>("--data")
        {
            Description = $"Recorded data to estimate the return from, without an environment: {DataWords.Places}.",
            HelpName = "place",
        };
        var ofData = new DataWords();
        var behaviour = new Option<string?>("--behaviour")
        {
            Description = "With --data: the run or agent file whose policy is that of the data, such as one that "
                + "clones them (filtered-bc with BestShare=1), for estimates by importance sampling.",
            HelpName = "run",
        };
        Cli.Completions.Offer(behaviour, Cli.Completions.Runs);
        var discount = NumberOption.Real("--discount", "With --data: the discount of the return; the agent's own if "
            + "not given.", least: 0, most: 1);
        var json = Words.Json("one JSON object");
        const string Summary = "Measure a trained agent over whole episodes, or estimate from recorded data what it "
            + "would earn. Examples: rl evaluate ppo-CartPole-v1-seed1; rl evaluate runs/best.rl --episodes 500 "
            + "--json; rl evaluate iql-log-seed1 --data log.csv.";
        var command = new Command("evaluate", Summary)
        {
            run, episodes, seed, stochastic, environment, environmentSet, data, behaviour, discount, json,
        };
        ofData.AddTo(command);
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
                    Data = ofData.ReadBeside(parsed, data),
                    Behaviour = parsed.GetValue(behaviour),
                    Discount = parsed.GetValue(discount),
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
        Cli.Completions.Offer(run, Cli.Completions.Runs);
        var json = Words.Json("one JSON object");
        const string Summary = "Do the update again that a run failed in, from the state before it. "
            + "Example: rl replay-failure runs/broken.";
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
        Cli.Completions.Offer(id, Cli.Completions.Environments);
        var json = Words.Json("one JSON object a line");
        const string Summary = "List the environments, or show one with its spaces and options. "
            + "Examples: rl environments; rl environments FrozenLake-v1.";
        var command = new Command("environments", Summary) { id, json };
        command.SetAction(parsed => ListCommands.Environments(parsed.GetValue(id), parsed.GetValue(json), terminal));
        return command;
    }

    private static Command Algorithms(Terminal terminal)
    {
        var id = Words.Optional("algorithm", "The id of one of them, to see its options.");
        Cli.Completions.Offer(id, Cli.Completions.Algorithms);
        var json = Words.Json("one JSON object a line");
        const string Summary = "List the algorithms, or show one with its options and their defaults. "
            + "Examples: rl algorithms; rl algorithms dqn --json.";
        var command = new Command("algorithms", Summary) { id, json };
        command.SetAction(parsed => ListCommands.Algorithms(parsed.GetValue(id), parsed.GetValue(json), terminal));
        return command;
    }

    private static Command Check(Terminal terminal, CancellationToken interruption)
    {
        var environment =
            new Argument<string>("environment") { Description = "The environment's id; rl environments lists them." };
        Cli.Completions.Offer(environment, Cli.Completions.Environments);
        var seed =
            NumberOption.Whole("--seed", "Where the randomness of the check comes from.", least: 0UL, otherwise: 0UL);
        var steps =
            NumberOption.Whole("--steps", "The steps of each walk; more find rarer faults.", least: 1, otherwise: 500);
        var environmentSet = Words.EnvironmentSet("of the environment");
        var json = Words.Json("one JSON object");
        const string Summary = "Check that an environment keeps its contract. Examples: rl check CartPole-v1; "
            + "rl check Thermostat-v0 --plugin bin/Release/net10.0/My.dll.";
        var command = new Command("check", Summary)
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
        var suite = new Argument<string>("suite")
        {
            Description = "What to measure: on-policy, off-policy, models, offline or robots.",
        };
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
        var json = Words.Json("one JSON object a line");
        const string Summary = "Train the tasks of a results table with several seeds, and make the table. "
            + "Examples: rl bench on-policy; rl bench off-policy --only CartPole --seeds 3.";
        var command = new Command("bench", Summary) { suite, output, page, only, seeds, parallel, json };
        command.SetAction(parsed => BenchCommand.Run(
            new BenchRequest
            {
                Suite = parsed.GetRequiredValue(suite),
                Output = parsed.GetRequiredValue(output),
                Page = parsed.GetValue(page),
                Only = parsed.GetValue(only),
                Seeds = parsed.GetValue(seeds),
                Parallel = parsed.GetValue(parallel),
                Json = parsed.GetValue(json),
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
                or EnvironmentException or TrainingFailureException or ExpertException or GymnasiumException
                or InvalidOperationException)
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
