using System;
using System.CommandLine;
using System.Threading;
using Rl.Cli.Commands;

namespace Rl.Cli;

/// <summary>The words of <c>rl plot</c> and <c>rl compare</c>, which read what runs have left.</summary>
internal static class RunsCommandLine
{
    /// <summary>The episodes that curves are smoothed over if one does not say.</summary>
    private const int DefaultSmooth = 100;

    public static Command Plot(Terminal terminal, CancellationToken interruption)
    {
        var runs = Runs();
        var output = new Option<string>("--output")
        {
            Description = "The picture, whose name ends with .png or .svg. An earlier file is replaced.",
            HelpName = "file",
            DefaultValueFactory = _ => PlotCommand.DefaultOutput,
        };
        var smooth = Smooth();
        var json = Words.Json("one JSON object");
        const string Summary = "Draw the learning curves of runs. Those that differ in their seeds alone are one "
            + "curve, their mean, with a band of its standard error. Examples: rl plot ppo-CartPole-v1-seed1; "
            + "rl plot runs/*CartPole* --output cartpole.svg --smooth 50; rl plot runs.";
        var command = new Command("plot", Summary) { runs, output, smooth, json };
        command.SetAction(parsed => Interruptible.Run(
            () => PlotCommand.Run(
                new PlotRequest
                {
                    Runs = parsed.GetRequiredValue(runs),
                    Output = parsed.GetRequiredValue(output),
                    Smooth = parsed.GetValue(smooth),
                    Json = parsed.GetValue(json),
                },
                terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    public static Command Compare(Terminal terminal, CancellationToken interruption)
    {
        var runs = Runs();
        var json = Words.Json("one JSON object a line");
        const string Summary = "Compare runs in a table. Those that differ in their seeds alone are one row: the mean "
            + "return of their last 100 episodes, its interval over seeds, and how probable it is that a run of the "
            + "first row is better than one of the second. Examples: rl compare runs/ppo-* runs/a2c-*; "
            + "rl compare runs.";
        var command = new Command("compare", Summary) { runs, json };
        command.SetAction(parsed => Interruptible.Run(
            () => CompareCommand.Run(parsed.GetRequiredValue(runs), parsed.GetValue(json), terminal),
            TimeSpan.Zero,
            interruption));
        return command;
    }

    /// <summary>The option of how smooth curves of returns are.</summary>
    public static Option<int> Smooth()
    {
        var smooth = NumberOption.Whole(
            "--smooth", "Each point is the mean of so many episodes, the last ones; 1 for the episodes themselves.",
            least: 1, otherwise: DefaultSmooth);
        smooth.HelpName = "episodes";
        return smooth;
    }

    /// <summary>The argument of which runs are meant.</summary>
    public static Argument<string[]> Runs()
    {
        var runs = new Argument<string[]>("run")
        {
            Description = "Names of runs under runs/, their folders, or folders of runs.",
            Arity = ArgumentArity.OneOrMore,
        };
        Completions.Offer(runs, Completions.Runs);
        return runs;
    }
}
