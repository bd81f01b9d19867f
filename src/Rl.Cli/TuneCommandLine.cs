using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Linq;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Cli.Data;
using Rl.Cli.Tuning;

namespace Rl.Cli;

/// <summary>The words of <c>rl tune</c>.</summary>
internal static class TuneCommandLine
{
    public static Command Tune(Terminal terminal, CancellationToken interruption)
    {
        const string Summary = "Seek options of an algorithm for a task: trials are chosen by a model of which options "
            + "are good, and the worse of them dropped early. Reports what the best reach with fresh seeds, beside the "
            + "options without a search. The same command goes on with a study that was interrupted. "
            + "Examples: rl tune ppo CartPole-v1; rl tune a2c CartPole-v1 --trials 27 --steps 50k; "
            + "rl tune dqn Acrobot-v1 --space mine.json --time 1h; "
            + "rl tune ppo CartPole-v1 --method pbt --population 10; "
            + "rl tune iql Pendulum-v1 --data pendulum/medium-v0; "
            + "rl train dqn Acrobot-v1 --options runs/tune-dqn-Acrobot-v1/best.json.";
        var workers = NumberOption.Whole(
            "--workers",
            "Trainings at once, each on one thread; 0 for one a core. What is found does not depend on it.",
            least: 0,
            otherwise: 0);
        var (command, read) = Build(Summary, TuningMethod.Tpe, workers);
        command.SetAction(parsed => TuneCommand.Run(
            read(parsed) with { Workers = parsed.GetValue(workers) }, terminal, interruption));
        return command;
    }

    /// <summary>The command with all words but what <c>--workers</c> means, and what reads them.</summary>
    public static (Command Command, Func<ParseResult, TuneRequest> Read) Build(
        string summary, TuningMethod usual, Option<int> workers)
    {
        var algorithm =
            new Argument<string>("algorithm") { Description = "The algorithm's id; rl algorithms lists them." };
        Completions.Offer(algorithm, Completions.Algorithms);
        var environment = Words.Optional("environment", "The environment's id; rl environments lists them.");
        Completions.Offer(environment, Completions.Environments);
        var data = new Option<string?>("--data")
        {
            Description = $"Recorded data that trials learn from: {DataWords.Places}. They are evaluated in the "
                + "environment, which may be left out where the data name it.",
            HelpName = "place",
        };
        var ofData = new DataWords();
        var without = new Option<bool>("--without-environment")
        {
            Description = "Judge trials by the data: the score is the discounted return by fitted Q evaluation.",
        };
        var fitted = NumberOption.Whole<int>(
            "--fitted-steps",
            $"Gradient steps of each fitted Q evaluation; {new OfflineEvaluationOptions().Steps} if not given.",
            least: 1);
        var space = new Option<string?>("--space")
        {
            Description = "A JSON file with what is sought, such as {\"LearningRate\": {\"type\": \"logFloat\", "
                + "\"low\": 1e-5, \"high\": 1e-2}, \"Hidden\": [\"32\", \"64x64\"]}: docs/command-line.md. The "
                + "options that matter most, if not given.",
            HelpName = "file",
        };
        var output = new Option<string?>("--output")
        {
            Description = "The folder of the study; runs/tune-ALGORITHM-ENVIRONMENT if not given. A study that is "
                + "there goes on.",
            HelpName = "folder",
        };
        var overwrite = new Option<bool>("--overwrite") { Description = "Begin the study in that folder anew." };
        var method = Method(usual);
        var trials = NumberOption.Whole("--trials", "How many combinations are tried.", least: 1, otherwise: 45);
        var time = new Option<string?>("--time")
        {
            Description = "The time after which no further rung of trainings begins (90s, 20m, 2h); the best are "
                + "confirmed after it. What is found then depends on how fast the machine is.",
            HelpName = "time",
        };
        var steps = NumberOption.Whole<long>(
            "--steps",
            "Environment steps of a whole training, from --data gradient steps; those of rl train if not given.",
            least: 1);
        var seeds = NumberOption.Whole(
            "--seeds", "Trainings of each trial; its score is their mean.", least: 1, otherwise: 2);
        var seed = NumberOption.Whole("--seed", "Where all randomness comes from.", least: 0UL, otherwise: 1UL);
        var rungs = NumberOption.Whole(
            "--rungs", "How often trials are compared and the worse dropped; 1 trains all to the end.", least: 1,
            otherwise: 3);
        var reduction = NumberOption.Whole(
            "--reduction", "Of so many trials one goes on to so many times the steps.", least: 2, otherwise: 3);
        var episodes =
            NumberOption.Whole("--episodes", "Episodes of each evaluation in the search.", least: 1, otherwise: 20);
        var finalists = NumberOption.Whole(
            "--finalists", "The best trials among which fresh seeds choose.", least: 1, otherwise: 3);
        var confirm = NumberOption.Whole(
            "--confirm-seeds", "Further fresh seeds for the score that is reported.", least: 2, otherwise: 10);
        var population = new PopulationWords();
        var defaults = new Option<bool>("--defaults")
        {
            Description = "Let the options that are not sought be the algorithm's defaults, even where better are "
                + "known.",
        };
        var options = Words.OptionsFile();
        var set = Words.Settings(
            "--set", "An option of all trials, for example EnvironmentCopies=8; it is not sought.");
        Completions.Offer(set, Completions.Options);
        var environmentSet = Words.EnvironmentSet("of the environment");
        var wrap = Words.Wrappers();
        var json = Words.Json("one JSON object a line");
        var command = new Command("tune", summary)
        {
            algorithm, environment, space, output, overwrite, method, trials, time, steps, seeds, seed, rungs,
            reduction, episodes, finalists, confirm, workers, defaults, options, set, environmentSet,
            wrap, json, data, without, fitted,
        };
        ofData.AddTo(command);
        population.AddTo(command);
        command.Validators.Add(result => population.Require(
            result,
            IsPopulation(result.GetValue(method) ?? usual.ToString()),
            [trials, seeds, rungs, reduction, confirm]));
        return (command, parsed => new TuneRequest
        {
            Algorithm = parsed.GetRequiredValue(algorithm),
            Environment = parsed.GetValue(environment),
            Data = ofData.ReadBeside(parsed, data),
            WithoutEnvironment = parsed.GetValue(without),
            FittedSteps = parsed.GetValue(fitted),
            Space = parsed.GetValue(space),
            Output = parsed.GetValue(output),
            Overwrite = parsed.GetValue(overwrite),
            Method = Enum.Parse<TuningMethod>(parsed.GetRequiredValue(method), ignoreCase: true),
            Population = IsPopulation(parsed.GetValue(method)) ? population.Read(parsed) : null,
            Trials = parsed.GetValue(trials),
            Time = Time(parsed.GetValue(time)),
            Steps = parsed.GetValue(steps),
            Seeds = parsed.GetValue(seeds),
            Seed = parsed.GetValue(seed),
            Rungs = parsed.GetValue(rungs),
            Reduction = parsed.GetValue(reduction),
            Episodes = parsed.GetValue(episodes),
            Finalists = parsed.GetValue(finalists),
            ConfirmationSeeds = parsed.GetValue(confirm),
            Defaults = parsed.GetValue(defaults),
            OptionsFile = parsed.GetValue(options),
            Settings = Words.Pairs("--set", parsed.GetValue(set)),
            EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
            Wrappers = parsed.GetValue(wrap) ?? [],
            Json = parsed.GetValue(json),
        });
    }

    /// <summary>The option of how points are chosen, in the words that are written.</summary>
    private static Option<string> Method(TuningMethod usual)
    {
        string[] names = [.. Enum.GetNames<TuningMethod>().Select(name => name.ToLowerInvariant())];
        var method = new Option<string>("--method")
        {
            Description = "How options are chosen: tpe (tree-structured Parzen estimator), cma (CMA-ES, for spaces of "
                + "numbers that depend on each other), random, or pbt (population-based training: agents train side by "
                + "side, the worst copy the best and change their options while they train).",
            HelpName = string.Join('|', names),
            DefaultValueFactory = _ => usual.ToString().ToLowerInvariant(),
        };
        method.CompletionSources.Add(names);
        method.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && !names.Contains(text, StringComparer.OrdinalIgnoreCase))
            {
                result.AddError($"--method is \"{text}\"; it must be {string.Join(", ", names[..^1])} or {names[^1]}.");
            }
        });
        return method;
    }

    private static bool IsPopulation(string? method) =>
        nameof(TuningMethod.Pbt).Equals(method, StringComparison.OrdinalIgnoreCase);

    private static TimeSpan? Time(string? text) =>
        text is null ? null
        : CheckpointWords.Read("--time", [text]).Interval
            ?? throw new ArgumentException($"--time is \"{text}\"; it must be a time such as 90s, 20m or 2h.");

    /// <summary>The words of populations.</summary>
    private sealed class PopulationWords
    {
        private readonly Option<int> members = NumberOption.Whole(
            "--population", "Of pbt: the agents that train side by side.", least: 2, otherwise: 10);

        private readonly Option<long?> ready = NumberOption.Whole<long>(
            "--ready",
            "Of pbt: steps after which agents are compared; a 25th of the training if not given.",
            least: 1);

        private readonly Option<double?> fraction = NumberOption.Real(
            "--fraction",
            "Of pbt: the share of agents that copy, and of those that are copied; 0.2 if not given.",
            least: 0.001,
            most: 0.5);

        private readonly Option<double?> resampling = NumberOption.Real(
            "--resample",
            "Of pbt: how often an option of an agent that copies is drawn anew, in the place of being multiplied by "
                + "0.8 or 1.2; 0.25 if not given.",
            least: 0,
            most: 1);

        private Option[] All => [members, ready, fraction, resampling];

        public void AddTo(Command command)
        {
            foreach (var option in All)
            {
                command.Add(option);
            }
        }

        /// <summary>Refuses words that have no say with the method.</summary>
        public void Require(CommandResult result, bool isPopulation, IReadOnlyList<Option> ofTrials)
        {
            foreach (var option in isPopulation ? ofTrials : All)
            {
                if (result.GetResult(option) is { Implicit: false })
                {
                    result.AddError(
                        isPopulation
                            ? $"{option.Name} belongs to trials, which --method pbt has none of; leave it out "
                                + "(--population is the number of agents)."
                            : $"{option.Name} belongs to --method pbt; give that too, or leave it out.");
                }
            }
        }

        public PopulationRequest Read(ParseResult parsed)
        {
            var usual = new PopulationRequest();
            return usual with
            {
                Members = parsed.GetValue(members),
                Ready = parsed.GetValue(ready),
                Fraction = parsed.GetValue(fraction) ?? usual.Fraction,
                Resampling = parsed.GetValue(resampling) ?? usual.Resampling,
            };
        }
    }
}
