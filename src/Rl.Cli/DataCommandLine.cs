using System;
using System.CommandLine;
using System.Linq;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Cli.Data;

namespace Rl.Cli;

/// <summary>The words of <c>rl data</c>.</summary>
internal static class DataCommandLine
{
    public static Command Data(Terminal terminal, CancellationToken interruption)
    {
        const string Summary = "Recorded data: describe, check, convert and collect them; docs/data.md. "
            + "Examples: rl data info cartpole/tiny-v0; rl data check walker.hdf5 --environment BipedalWalker-v3; "
            + "rl data convert log.csv --output log-v0; rl data collect Pendulum-v1 --random --steps 10000 --output "
            + "pendulum/random-v0.";
        return new Command("data", Summary)
        {
            Info(terminal, interruption),
            Check(terminal, interruption),
            Convert(terminal, interruption),
            Collect(terminal, interruption),
        };
    }

    private static Command Info(Terminal terminal, CancellationToken interruption)
    {
        var (path, given) = (PathArgument(), new DataWords());
        var like = Like();
        var json = Words.Json("one JSON object");
        var command = new Command(
            "info",
            "Show what a data set is: spaces, episodes, returns, how fast it is read. "
            + "Examples: rl data info pendulum/random-v0; "
            + "rl data info halfcheetah.hdf5 --max-episode-steps 1000 --json.")
        {
            path, json,
        };
        command.Add(like);
        given.AddTo(command);
        command.SetAction(parsed => Interruptible.Run(
            () => DataCommand.Info(
                Request(parsed, path, given, like), parsed.GetValue(json), terminal, interruption),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    private static Command Check(Terminal terminal, CancellationToken interruption)
    {
        var (path, given) = (PathArgument(), new DataWords());
        var like = Like();
        var environment = new Option<string?>("--environment")
        {
            Description = "An environment whose spaces the data must have.",
        };
        Completions.Offer(environment, Completions.Environments);
        var json = Words.Json("one JSON object");
        var command = new Command(
            "check",
            "Look at every number of a data set: NaN, other spaces, missing last observations, open ends, damage. "
            + "Examples: rl data check pendulum/random-v0; rl data check log.csv --mapping columns.json.")
        {
            path, environment, json,
        };
        command.Add(like);
        given.AddTo(command);
        command.SetAction(parsed => Interruptible.Run(
            () => DataCommand.Check(
                Request(parsed, path, given, like),
                parsed.GetValue(environment),
                parsed.GetValue(json),
                terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    private static Command Convert(Terminal terminal, CancellationToken interruption)
    {
        var paths = new Argument<string[]>("paths")
        {
            Description = $"{DataWords.Places}; several are joined, one after the other.",
            Arity = ArgumentArity.OneOrMore,
            HelpName = "path",
        };
        var given = new DataWords();
        var like = Like();
        var output = Output();
        var format = Format();
        var json = Words.Json("one JSON object");
        var command = new Command(
            "convert",
            "Write data sets in another format, or several as one. What is there already is never replaced. "
            + "Examples: rl data convert log.csv --output log-v0; "
            + "rl data convert pendulum/medium-v0 pendulum/expert-v0 --output pendulum/medium-expert-v0; "
            + "rl data convert hopper.hdf5 --next-observations --output hopper.npz.")
        {
            paths, output, format, json,
        };
        command.Add(like);
        given.AddTo(command);
        command.SetAction(parsed => Interruptible.Run(
            () => DataCommand.Convert(
                [
                    .. parsed.GetRequiredValue(paths)
                        .Select(path => given.Read(parsed, path, parsed.GetValue(like))),
                ],
                parsed.GetRequiredValue(output),
                parsed.GetValue(format),
                parsed.GetValue(json),
                terminal,
                interruption),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    private static Command Collect(Terminal terminal, CancellationToken interruption)
    {
        var environment = Words.Optional(
            "environment", "The environment's id; rl environments lists them. By default the agent's own.");
        Completions.Offer(environment, Completions.Environments);
        var agent = new Option<string?>("--agent")
        {
            Description = "A run's name under runs/, its folder, or an agent file: what acts.",
            HelpName = "run",
        };
        var random = new Option<bool>("--random") { Description = "Act by uniform random actions." };
        var replay = new Option<bool>("--replay")
        {
            Description = "Take the steps that the agent remembers of its training, instead of letting it act.",
        };
        var deterministic = new Option<bool>("--deterministic")
        {
            Description = "Take the most probable actions, as an expert would, instead of drawing them.",
        };
        var steps = NumberOption.Whole("--steps", "How many steps in all; 10,000 if not given.", least: 1L);
        var seed = NumberOption.Whole("--seed", "Where all randomness comes from.", least: 0UL, otherwise: 1UL);
        var output = Output();
        var format = Format();
        var expert = NumberOption.Real(
            "--expert-return", "The mean return that counts as 100; with --random-return it is noted for scores.");
        var least = NumberOption.Real("--random-return", "The mean return that counts as 0.");
        var author = new Option<string[]>("--author") { Description = "Who made the data.", HelpName = "name" };
        var environmentSet = Words.EnvironmentSet("of the environment");
        var json = Words.Json("one JSON object");
        var command = new Command(
            "collect",
            "Record an agent, random actions or the steps of a training; the same for the same seed. "
            + "Examples: rl data collect Pendulum-v1 --random --steps 10000 --output pendulum/random-v0; "
            + "rl data collect --agent sac-Pendulum-v1-seed1 --steps 1M --output pendulum/expert-v0; "
            + "rl data collect --agent sac-Pendulum-v1-seed1 --replay --output pendulum/replay-v0.")
        {
            environment, agent, random, replay, deterministic, steps, seed, output, format, least, expert, author,
            environmentSet, json,
        };
        command.SetAction(parsed => Interruptible.Run(
            () => DataCollectCommand.Run(
                new DataCollectRequest
                {
                    Environment = parsed.GetValue(environment),
                    EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
                    Agent = parsed.GetValue(agent),
                    Random = parsed.GetValue(random),
                    Replay = parsed.GetValue(replay),
                    Deterministic = parsed.GetValue(deterministic),
                    Steps = parsed.GetValue(steps),
                    Seed = parsed.GetValue(seed),
                    Output = parsed.GetRequiredValue(output),
                    Format = parsed.GetValue(format),
                    RandomReturn = parsed.GetValue(least),
                    ExpertReturn = parsed.GetValue(expert),
                    Authors = parsed.GetValue(author) ?? [],
                    Json = parsed.GetValue(json),
                },
                terminal,
                interruption),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    private static Argument<string> PathArgument() => new("path")
    {
        Description = $"{DataWords.Places}.",
    };

    private static DataRequest Request(
        ParseResult parsed, Argument<string> path, DataWords given, Option<string?> like) =>
        given.Read(parsed, parsed.GetRequiredValue(path), parsed.GetValue(like));

    private static Option<string?> Like()
    {
        var like = new Option<string?>("--like")
        {
            Description = "An environment whose spaces the data have, for files without spaces.",
        };
        Completions.Offer(like, Completions.Environments);
        return like;
    }

    private static Option<string> Output() => new("--output", "-o")
    {
        Description = "The folder or file that comes into being.",
        HelpName = "path",
        Required = true,
    };

    private static Option<string?> Format() => new("--format")
    {
        Description = "minari, arrow (Minari's other form), d4rl, npz or csv; by default what the ending of --output "
            + "says, else minari.",
        HelpName = "format",
    };
}
