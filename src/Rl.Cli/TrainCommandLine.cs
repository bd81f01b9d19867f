using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Cli.Data;

namespace Rl.Cli;

/// <summary>The words of <c>rl train</c> and <c>rl resume</c>, which share how a run goes and what is kept of
/// it.</summary>
internal static class TrainCommandLine
{
    public static Command Train(Terminal terminal, CancellationToken interruption)
    {
        const string Summary = "Train an agent and keep it in a run folder. Examples: rl train ppo CartPole-v1; "
            + "rl train dqn CartPole-v1 --seed 2 --tensorboard; rl train a2c CartPole-v1 --options tuned.json "
            + "--set Discount=0.98; rl train iql Pendulum-v1 --data pendulum/medium-v0.";
        var words = new RunWords();
        var command = new Command("train", Summary);
        words.AddTo(command);
        command.SetAction(parsed => TrainCommand.Run(words.Read(parsed), terminal, interruption));
        return command;
    }

    public static Command Resume(Terminal terminal, CancellationToken interruption)
    {
        var words = new SessionWords(
            "The number of steps at which training ends, more than the run has taken; its own plan if not given.",
            "Where the recorded data are that the run learns from, if they were moved.");
        var run = new Argument<string>("run") { Description = "The run's name under runs/, or its folder." };
        Completions.Offer(run, Completions.Runs);
        const string Summary = "Go on with an interrupted run, with its own options and plan, or for more steps. The "
            + "agent becomes the same bit for bit as if it had never stopped; the mean return starts with new "
            + "episodes. Examples: rl resume dqn-CartPole-v1-seed2; rl resume runs/long --steps 2M.";
        var command = new Command("resume", Summary) { run };
        words.AddTo(command);
        command.SetAction(parsed => TrainCommand.Run(
            words.Read(parsed) with { Resume = parsed.GetRequiredValue(run), RequiresUnfinished = true },
            terminal,
            interruption));
        return command;
    }

    /// <summary>All that a new run, or one that goes on, is asked for.</summary>
    internal sealed class RunWords
    {
        private readonly SessionWords session = new(
            "Environment steps, from --data gradient steps; those that are known to be good for the task, or the "
                + "algorithm's default, if not given. The update that reaches them is taken whole.",
            $"Recorded data to learn from: {DataWords.Places}. The environment, which evaluates, may then be left "
                + "out.");

        private readonly Argument<string?> algorithm =
            Words.Optional("algorithm", "The algorithm's id; rl algorithms lists them.");

        private readonly Argument<string?> environment =
            Words.Optional("environment", "The environment's id; rl environments lists them.");

        private readonly Option<string?> resume = new("--resume")
        {
            Description = "Go on with a run, as rl resume does; one that has ended is evaluated again.",
            HelpName = "run",
        };

        private readonly Option<ulong?> seed =
            NumberOption.Whole<ulong>("--seed", "Where all randomness comes from; 1 if not given.", least: 0);

        private readonly Option<string?> run =
            new("--run") { Description = "The run's folder: a name under runs/, or a path." };

        private readonly Option<bool> overwrite =
            new("--overwrite") { Description = "Replace the files of an earlier run in that folder." };

        private readonly Option<bool> defaults = new("--defaults")
        {
            Description = "Train with the algorithm's defaults, even where better options for the task are known.",
        };

        private readonly Option<string?> options = Words.OptionsFile();

        private readonly Option<string[]> set = Words.Settings(
            "--set", "An option of the algorithm, for example LearningRate=3e-4; rl algorithms ALGORITHM lists them. "
                + "It goes before that of a file.");

        private readonly Option<string[]> environmentSet = Words.EnvironmentSet("of the environment");

        private readonly Option<string[]> wrap = Words.Wrappers();

        public void AddTo(Command command)
        {
            Completions.Offer(algorithm, Completions.Algorithms);
            Completions.Offer(environment, Completions.Environments);
            Completions.Offer(resume, Completions.Runs);
            Completions.Offer(set, Completions.Options);
            command.Add(algorithm);
            command.Add(environment);
            Option[] all = [resume, seed, run, overwrite, defaults, options, set, environmentSet, wrap];
            foreach (var option in all)
            {
                command.Add(option);
            }

            session.AddTo(command);
        }

        public TrainRequest Read(ParseResult parsed) => session.Read(parsed) with
        {
            Algorithm = parsed.GetValue(algorithm),
            Environment = parsed.GetValue(environment),
            Resume = parsed.GetValue(resume),
            Seed = parsed.GetValue(seed),
            Run = parsed.GetValue(run),
            Overwrite = parsed.GetValue(overwrite),
            Defaults = parsed.GetValue(defaults),
            OptionsFile = parsed.GetValue(options),
            Settings = Words.Pairs("--set", parsed.GetValue(set)),
            EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
            Wrappers = parsed.GetValue(wrap) ?? [],
        };
    }

    /// <summary>How long a run goes on, and what is kept and told of it.</summary>
    private sealed class SessionWords(string steps, string data)
    {
        private readonly Option<string?> data = new("--data") { Description = data, HelpName = "place" };

        private readonly DataWords ofData = new();

        private readonly Option<long?> steps = NumberOption.Whole<long>("--steps", steps, least: 1);

        private readonly Option<int?> threads =
            NumberOption.Whole<int>("--threads", "Threads; 0 for one a core. Results do not depend on it.", least: 0);

        private readonly Option<bool> json = Words.Json("one JSON object a line");

        private readonly Option<int?> episodes = NumberOption.Whole<int>(
            "--episodes",
            $"Episodes of the final evaluation; {FiniteEvaluation.Episodes} if not given, "
                + $"{FiniteEvaluation.PlannedEpisodes} of agents that plan.",
            least: 1);

        private readonly Option<string[]> checkpointEvery = new("--checkpoint-every")
        {
            Description = "How often the agent is saved while it trains: steps (100000), a time (30s, 5m, 1h), or "
                + "both; every 30s if not given, and after 1, 2, 4, … s. It is also saved before the first update and "
                + "at the end.",
            HelpName = "steps|time",
            AllowMultipleArgumentsPerToken = true,
        };

        private readonly Option<int> keepLast = NumberOption.Whole(
            "--keep-last", "How many of these checkpoints are kept; above 1 also as agent-<steps>.rl.", least: 1,
            otherwise: 1);

        private readonly Option<bool> withoutReplay = new("--without-replay")
        {
            Description = "Save without the steps that an off-policy algorithm remembers, which may be most of a file. "
                + "A run that is resumed then remembers anew, waits for LearningStarts steps before it learns again, "
                + "and does not become what it would have become.",
        };

        private readonly Option<long?> evaluateEvery = Named(
            NumberOption.Whole(
                "--evaluate-every",
                "Evaluate the agent every so many steps, and keep the best as best.rl, with its evaluation in "
                    + "best.json.",
                least: 1L),
            "steps");

        private readonly Option<int> evaluateEpisodes = NumberOption.Whole(
            "--evaluate-episodes", "Episodes of each of these evaluations.", least: 1, otherwise: 20);

        private readonly Option<string?> tensorBoard = new("--tensorboard")
        {
            Description = "Log for TensorBoard: in the run's folder, so that tensorboard --logdir runs shows all runs, "
                + "or in a folder of the run's name below the one that is given.",
            HelpName = "folder",
            Arity = ArgumentArity.ZeroOrOne,
        };

        private readonly Option<bool> monitor = new("--monitor")
        {
            Description = "Write the episodes as Stable-Baselines3's Monitor does: monitor.csv in the run's folder.",
        };

        private readonly Option<bool> jsonLines = new("--jsonl")
        {
            Description = "Write an object a line as it trains: progress.jsonl in the run's folder.",
        };

        private readonly Option<string?> expert = new("--expert")
        {
            Description = "An expert's run or agent file, for algorithms that imitate: dagger asks it while it trains, "
                + "for others its episodes are recorded first.",
            HelpName = "run",
        };

        private readonly Option<int> expertEpisodes = NumberOption.Whole(
            "--expert-episodes", "Episodes of the expert that are recorded.", least: 1, otherwise: 20);

        public void AddTo(Command command)
        {
            Option[] all =
            [
                expert, expertEpisodes,
                steps, threads, json, episodes, checkpointEvery, keepLast, withoutReplay, evaluateEvery,
                evaluateEpisodes, tensorBoard, monitor, jsonLines,
            ];
            foreach (var option in all)
            {
                command.Add(option);
            }

            command.Add(data);
            ofData.AddTo(command);
        }

        public TrainRequest Read(ParseResult parsed) => new()
        {
            Expert = parsed.GetValue(expert),
            ExpertEpisodes = parsed.GetValue(expertEpisodes),
            Data = ofData.ReadBeside(parsed, data),
            Steps = parsed.GetValue(steps),
            Threads = parsed.GetValue(threads),
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
        };

        private static Option<T> Named<T>(Option<T> option, string helpName)
        {
            option.HelpName = helpName;
            return option;
        }
    }
}
