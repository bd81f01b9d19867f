using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl report</c>.</summary>
internal static class ReportCommandLine
{
    public static Command Report(Terminal terminal, CancellationToken interruption)
    {
        var runs = RunsCommandLine.Runs();
        var output = new Option<string?>("--output")
        {
            Description = "The page, whose name ends with .html; report.html in the run's folder, or here for several "
                + "runs, if not given. An earlier file is replaced.",
            HelpName = "file",
        };
        var smooth = RunsCommandLine.Smooth();
        var withoutAnimation = new Option<bool>("--without-animation")
        {
            Description = "Leave out the animation of the agent, which takes the longest and the most room.",
        };
        var json = Words.Json("one JSON object");
        const string Summary = "Write runs as one HTML page that any browser shows without a network: curves to hover "
            + "over and zoom into, final numbers, options, warnings, machine, and the agent at work. Runs that differ "
            + "in their seeds alone are one curve with a band. Examples: rl report ppo-CartPole-v1-seed1; "
            + "rl report runs/*CartPole* --output cartpole.html; rl report runs --without-animation.";
        var command = new Command("report", Summary) { runs, output, smooth, withoutAnimation, json };
        command.SetAction(parsed => Interruptible.Run(
            () => ReportCommand.Run(
                new ReportRequest
                {
                    Runs = parsed.GetRequiredValue(runs),
                    Output = parsed.GetValue(output),
                    Smooth = parsed.GetValue(smooth),
                    WithoutAnimation = parsed.GetValue(withoutAnimation),
                    Json = parsed.GetValue(json),
                },
                terminal,
                interruption),
            TimeSpan.Zero,
            interruption));
        return command;
    }
}
