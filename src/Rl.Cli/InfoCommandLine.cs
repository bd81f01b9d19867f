using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl info</c> and <c>rl completion</c>, which tell of what is there.</summary>
internal static class InfoCommandLine
{
    public static Command Info(Terminal terminal, CancellationToken interruption)
    {
        var run = Words.Optional("run", "A run's name under runs/, its folder, or an agent file.");
        Completions.Offer(run, Completions.Runs);
        var json = Words.Json("one JSON object");
        const string Summary = "Show what a run or an agent file is: environment, options, parameters, progress and "
            + "the parts of the file; alone, what a report of a fault needs to say of this machine. "
            + "Examples: rl info; rl info ppo-CartPole-v1-seed1; rl info runs/best.rl --json.";
        var command = new Command("info", Summary) { run, json };
        command.SetAction(parsed => Interruptible.Run(
            () => parsed.GetValue(run) is { } named
                ? AgentInfoCommand.Run(named, parsed.GetValue(json), terminal)
                : SystemInfoCommand.Run(parsed.GetValue(json), terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    public static Command Completion(Terminal terminal)
    {
        var shell = new Argument<string>("shell") { Description = $"One of {CompletionScripts.Listed}." };
        Completions.Offer(shell, Completions.Shells);
        const string Summary = "Write a script with which a shell completes commands, options, ids and runs. "
            + "Examples: source <(rl completion bash); rl completion zsh > ~/.zfunc/_rl; "
            + "rl completion fish > ~/.config/fish/completions/rl.fish; "
            + "rl completion pwsh | Out-String | Invoke-Expression.";
        var command = new Command("completion", Summary) { shell };
        command.SetAction(parsed =>
        {
            terminal.Output.Write(CompletionScripts.Of(parsed.GetRequiredValue(shell)));
            return ExitCode.Success;
        });
        return command;
    }
}
