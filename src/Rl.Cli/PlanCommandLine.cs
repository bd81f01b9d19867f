using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl plan</c>.</summary>
internal static class PlanCommandLine
{
    public static Command Plan(Terminal terminal, CancellationToken interruption)
    {
        var planner = Words.Optional("planner", "The planner's id, such as cem; none to list them.");
        Completions.Offer(planner, Completions.Planners);
        var environment = Words.Optional(
            "environment", "The environment's id; none to see the planner's options. rl environments lists them.");
        Completions.Offer(environment, Completions.Environments);
        var set = Words.Settings("--set", "An option of the planner, for example Horizon=40.");
        Completions.Offer(set, Completions.PlannerOptions);
        var environmentSet = Words.EnvironmentSet("of the environment");
        var episodes = NumberOption.Whole("--episodes", "How many episodes.", least: 1, otherwise: 20);
        var seed = NumberOption.Whole("--seed", "Where all randomness comes from.", least: 0UL, otherwise: 1UL);
        var threads = NumberOption.Whole(
            "--threads", "Threads; 0 for one a core. The result does not depend on it.", least: 0, otherwise: 0);
        var record = new Option<string?>("--record")
        {
            Description = "An animated GIF file of one episode. An earlier file is replaced.",
            HelpName = "file",
        };
        var json = Words.Json("one JSON object");
        const string Summary = "Play an environment by thinking ahead in copies of its state, without training: "
            + "measure that over whole episodes. "
            + "Examples: rl plan; rl plan cem Pendulum-v1; rl plan icem MountainCarContinuous-v0 --set Horizon=100 "
            + "--episodes 3; rl plan uct CartPole-v1 --record cartpole.gif.";
        var command = new Command("plan", Summary)
        {
            planner, environment, set, environmentSet, episodes, seed, threads, record, json,
        };
        command.SetAction(parsed => Interruptible.Run(
            () => PlanCommand.Run(
                new PlanRequest
                {
                    Planner = parsed.GetValue(planner),
                    Environment = parsed.GetValue(environment),
                    Settings = Words.Pairs("--set", parsed.GetValue(set)),
                    EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
                    Episodes = parsed.GetValue(episodes),
                    Seed = parsed.GetValue(seed),
                    Threads = parsed.GetValue(threads),
                    Record = parsed.GetValue(record),
                    Json = parsed.GetValue(json),
                },
                terminal,
                interruption),
            TimeSpan.Zero,
            interruption));
        return command;
    }
}
