using System.Text.Json;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary><c>rl replay-failure</c>: the update that a run failed in, done again.</summary>
internal static class ReplayFailureCommand
{
    public static int Run(string run, int threads, bool json, Terminal terminal)
    {
        var (path, batch) = RunPlaces.FindFailure(run);
        var recorded = TrainingFailureDetails.Load(batch);
        using var agent = Agent.Load(path, threads);
        TrainingFailureDetails? again = null;
        try
        {
            agent.TrainFor(1);
        }
        catch (TrainingFailureException failure)
        {
            again = failure.Details;
        }

        var isSame = again?.IsSameAs(recorded) == true;
        if (json)
        {
            JsonLine.Write(terminal.Output, "replay", writer => Write(writer, agent, recorded, isSame));
        }
        else
        {
            terminal.Output.WriteLine(
                $"{agent.Options.Algorithm} on {Shown.Text(agent.EnvironmentId)}, "
                    + $"update {recorded.Update}, from {Shown.Text(path)}");
            terminal.Output.WriteLine($"recorded   {Shown.Text(recorded.ToString())}");
            terminal.Output.WriteLine($"replayed   {again?.ToString() ?? "no failure"}");
            terminal.Output.WriteLine(
                isSame
                    ? "the same failure, bit for bit"
                    : "not the same: another version of the library, or another machine?");
        }

        return isSame ? ExitCode.Success : ExitCode.Failure;
    }

    private static void Write(Utf8JsonWriter writer, Agent agent, TrainingFailureDetails recorded, bool isSame)
    {
        writer.WriteString("algorithm", agent.Options.Algorithm);
        writer.WriteString("environment", agent.EnvironmentId);
        writer.WriteBoolean("same", isSame);
        writer.Failure(recorded);
    }
}
