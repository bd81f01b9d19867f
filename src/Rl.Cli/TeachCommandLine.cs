using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl teach</c>.</summary>
internal static class TeachCommandLine
{
    /// <summary>To save what was learned.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static Command Teach(Terminal terminal, CancellationToken interruption)
    {
        var environment = Words.Optional("environment", "The environment's id; rl environments lists them.");
        Completions.Offer(environment, Completions.Environments);
        var resume = new Option<string?>("--resume") { Description = "Go on with a run.", HelpName = "run" };
        Completions.Offer(resume, Completions.Runs);
        var steps = NumberOption.Whole<long>(
            "--steps", "Answers at which it ends; 1,000, or the run's own plan, if not given.", least: 1);
        var seed = NumberOption.Whole("--seed", "Where all randomness comes from.", least: 0UL, otherwise: 1UL);
        var run = new Option<string?>("--run") { Description = "The run's folder: a name under runs/, or a path." };
        var overwrite =
            new Option<bool>("--overwrite") { Description = "Replace the files of an earlier run in that folder." };
        var set = Words.Settings(
            "--set", "An option of dagger, for example RoundSteps=20; rl algorithms dagger lists them.");
        var environmentSet = Words.EnvironmentSet("of the environment");
        const string Summary = "Teach an agent at the keyboard: it acts, you say in each state what you would do, it "
            + "learns from all answers so far (DAgger). Esc ends; what was learned is saved after each round. "
            + "Examples: rl teach CartPole-v1; rl teach MountainCar-v0 --steps 500 --set RoundSteps=100; "
            + "rl teach --resume dagger-CartPole-v1-seed1.";
        var command = new Command("teach", Summary)
        {
            environment, resume, steps, seed, run, overwrite, set, environmentSet,
        };
        command.SetAction(parsed => Interruptible.Run(
            () => TeachCommand.Run(
                new TeachRequest
                {
                    Environment = parsed.GetValue(environment),
                    Resume = parsed.GetValue(resume),
                    Steps = parsed.GetValue(steps),
                    Seed = parsed.GetValue(seed),
                    Run = parsed.GetValue(run),
                    Overwrite = parsed.GetValue(overwrite),
                    Settings = Words.Pairs("--set", parsed.GetValue(set)),
                    EnvironmentSettings = Words.Pairs("--environment-set", parsed.GetValue(environmentSet)),
                },
                terminal,
                interruption),
            Patience,
            interruption));
        return command;
    }
}
