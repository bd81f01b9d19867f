using System.Globalization;
using System.Linq;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary><c>rl environments</c> and <c>rl algorithms</c>: what there is.</summary>
internal static class ListCommands
{
    public static int Environments(bool json, Terminal terminal)
    {
        var all = Rl.Environments.Ids.Select(Rl.Environments.Describe).ToList();
        if (json)
        {
            foreach (var environment in all)
            {
                JsonLine.Write(terminal.Output, "environment", writer =>
                {
                    writer.WriteString("id", environment.Id);
                    writer.WriteString("summary", environment.Summary);
                    writer.WriteString("observationSpace", environment.ObservationSpace.ToString());
                    writer.WriteString("actionSpace", environment.ActionSpace.ToString());
                    writer.WriteNumber("maxEpisodeSteps", environment.MaxEpisodeSteps);
                    writer.Number("rewardThreshold", environment.RewardThreshold);
                    writer.WriteStartObject("options");
                    foreach (var option in environment.Options)
                    {
                        writer.WriteString(option.Name, option.Default);
                    }

                    writer.WriteEndObject();
                });
            }
        }
        else
        {
            TextTable.Write(
                terminal,
                ["id", "observations", "actions", "steps", "solved at", "summary"],
                [
                    .. all.Select(environment => new[]
                    {
                        environment.Id,
                        $"{Kind(environment.ObservationSpace)}",
                        $"{Kind(environment.ActionSpace)}",
                        environment.MaxEpisodeSteps == 0 ? "no limit" : environment.MaxEpisodeSteps.ToString(CultureInfo.InvariantCulture),
                        double.IsNaN(environment.RewardThreshold) ? "-" : environment.RewardThreshold.ToString("G4", CultureInfo.InvariantCulture),
                        environment.Summary,
                    }),
                ]);
            terminal.Output.WriteLine();
            TextTable.Write(
                terminal,
                ["environment", "--environment-set", "default", "meaning"],
                [.. all.SelectMany(environment => environment.Options.Select(option => new[] { environment.Id, option.Name, option.Default, option.Summary }))]);
        }

        return ExitCode.Success;
    }

    public static int Algorithms(bool json, Terminal terminal)
    {
        foreach (var algorithm in Rl.Algorithms.All)
        {
            if (json)
            {
                JsonLine.Write(terminal.Output, "algorithm", writer =>
                {
                    writer.WriteString("id", algorithm.Id);
                    writer.WriteString("name", algorithm.Name);
                    writer.WriteString("summary", algorithm.Summary);
                    writer.WriteStartObject("options");
                    foreach (var (name, value) in algorithm.Defaults.ToSettings())
                    {
                        writer.WriteString(name, value);
                    }

                    writer.WriteEndObject();
                });
            }
            else
            {
                terminal.Output.WriteLine($"{algorithm.Id}: {algorithm.Name}. {algorithm.Summary}");
                TextTable.Write(
                    terminal,
                    ["--set", "default"],
                    [.. algorithm.Defaults.ToSettings().Select(setting => new[] { setting.Key, setting.Value })]);
                terminal.Output.WriteLine();
            }
        }

        return ExitCode.Success;
    }

    private static string Kind(Space space) => space switch
    {
        DiscreteSpace discrete => $"{discrete.Count} choices",
        MultiDiscreteSpace discrete => $"{string.Join(" × ", discrete.Counts)} choices",
        MultiBinarySpace => $"{space.Size} {(space.Size == 1 ? "bit" : "bits")}",
        BoxSpace { Shape: [var channels, var height, var width] } => $"{channels} × {height} × {width} image",
        TupleSpace or DictSpace => string.Join(", ", space.Layout.Select(part => Kind(part.Space))),
        _ => $"{space.Size} {(space.Size == 1 ? "number" : "numbers")}",
    };
}
