using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl dashboard</c>.</summary>
internal static class DashboardCommandLine
{
    public static Command Dashboard(Terminal terminal, CancellationToken interruption)
    {
        var places = new Argument<string[]>("folder")
        {
            Description = "Folders of runs, or of single runs; runs/ if none is given. They may be made later.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var port = NumberOption.Whole<ushort>("--port", "The port; 0 for one that is free.", least: 0, otherwise: 0);
        var smooth = RunsCommandLine.Smooth();
        var json = Words.Json("one JSON object with the address");
        const string Summary = "Follow runs on a page of this machine while they are trained: their states, curves, "
            + "warnings and options, and the agent of the last checkpoint at work. It listens on 127.0.0.1 only, shows "
            + "and changes nothing, and ends with Ctrl-C. Examples: rl dashboard; rl dashboard --port 6007; "
            + "rl dashboard runs /data/runs.";
        var command = new Command("dashboard", Summary) { places, port, smooth, json };
        command.SetAction(parsed => DashboardCommand.Run(
            new DashboardRequest
            {
                Places = parsed.GetValue(places) is { Length: > 0 } given ? given : ["runs"],
                Port = parsed.GetValue(port),
                Smooth = parsed.GetValue(smooth),
                Json = parsed.GetValue(json),
            },
            terminal,
            interruption));
        return command;
    }
}
