using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;
using Rl.Rendering;

namespace Rl.Cli;

/// <summary>The words of <c>rl watch</c> and <c>rl record</c>, which share most of them.</summary>
internal static class WatchCommandLine
{
    public static Command Watch(Terminal terminal, CancellationToken interruption)
    {
        var words = new PlayWords(episodes: 3);
        var speed = NumberOption.Positive("--speed", "How fast; 1 is the environment's own time.", otherwise: 1);
        const string Summary = "See an agent, or random actions, at work in the terminal; Ctrl-C ends it. "
            + "Examples: rl watch ppo-CartPole-v1-seed1; rl watch --environment Acrobot-v1 --speed 2.";
        var command = new Command("watch", Summary) { speed };
        words.AddTo(command);
        command.SetAction(parsed => WatchCommand.Run(
            new WatchRequest { Play = words.Read(parsed), Speed = parsed.GetValue(speed) },
            terminal,
            interruption));
        return command;
    }

    public static Command Record(Terminal terminal, CancellationToken interruption)
    {
        var words = new PlayWords(episodes: 1);
        var output = new Option<string?>("--output")
        {
            Description = "The animated GIF file; episode.gif beside the agent, or "
                + "<environment>.gif, if not given. An earlier file is replaced.",
        };
        var scale = NumberOption.Positive(
            "--scale", "Pixels a unit of the picture; 1, or more for small pictures, if not given.");
        var maxSteps = NumberOption.Whole(
            "--max-steps", "The recording ends after so many steps.", least: 1, otherwise: Recording.DefaultMaxSteps);
        var json = Words.Json("one JSON object");
        const string Summary =
            "Write episodes of an agent, or of random actions, to an animation that any browser shows. "
            + "Examples: rl record ppo-CartPole-v1-seed1 --output cartpole.gif; rl record --environment Taxi-v3.";
        var command = new Command("record", Summary) { output, scale, maxSteps, json };
        words.AddTo(command);
        command.SetAction(parsed => RecordCommand.Run(
            new RecordRequest
            {
                Play = words.Read(parsed),
                Output = parsed.GetValue(output),
                Scale = parsed.GetValue(scale),
                MaxSteps = parsed.GetValue(maxSteps),
                Json = parsed.GetValue(json),
            },
            terminal,
            interruption));
        return command;
    }

    /// <summary>Who plays where, and how often.</summary>
    private sealed class PlayWords(int episodes)
    {
        private readonly Argument<string?> run = Words.Optional(
            "run", "A run's name under runs/, its folder, or an agent file; none for random actions in --environment.");

        private readonly Option<string?> environment = new("--environment")
        {
            Description = "The environment's id; the run's own if not given.",
        };

        private readonly Option<string[]> environmentSet = Words.EnvironmentSet("of that environment");

        private readonly Option<int> episodes =
            NumberOption.Whole("--episodes", "How many episodes.", least: 1, otherwise: episodes);

        private readonly Option<ulong?> seed = Words.EpisodeSeed();
        private readonly Option<bool> stochastic = Words.Stochastic();

        public void AddTo(Command command)
        {
            Completions.Offer(run, Completions.Runs);
            Completions.Offer(environment, Completions.Environments);
            command.Add(run);
            command.Add(environment);
            command.Add(environmentSet);
            command.Add(episodes);
            command.Add(seed);
            command.Add(stochastic);
        }

        public PlayRequest Read(ParseResult parsed) => new()
        {
            Run = parsed.GetValue(run),
            Environment = parsed.GetValue(environment),
            EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
            Episodes = parsed.GetValue(episodes),
            Seed = parsed.GetValue(seed),
            Stochastic = parsed.GetValue(stochastic),
        };
    }
}
