using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary><c>rl environments</c> and <c>rl algorithms</c>: what there is, or one of it with its options.</summary>
internal static class ListCommands
{
    public static int Environments(string? id, bool json, Terminal terminal)
    {
        List<EnvironmentDescription> all =
            id is null ? [.. Rl.Environments.Ids.Select(Rl.Environments.Describe)] : [Rl.Environments.Describe(id)];
        if (json)
        {
            all.ForEach(environment => WriteJson(environment, terminal));
        }
        else if (id is not null)
        {
            Show(all[0], terminal);
        }
        else
        {
            TextTable.WriteLines(
                terminal,
                ["id", "observations", "actions", "steps", "solved at", "summary"],
                [
                    .. all.Select(environment => new[]
                    {
                        environment.Id,
                        Kind(environment.ObservationSpace),
                        Kind(environment.ActionSpace),
                        Steps(environment),
                        Threshold(environment),
                        environment.Summary,
                    }),
                ],
                "observations",
                "actions",
                "steps",
                "solved at");
            terminal.Output.WriteLine();
            terminal.Output.WriteLine("rl environments ENVIRONMENT shows one with its spaces and options.");
        }

        return ExitCode.Success;
    }

    public static int Algorithms(string? id, bool json, Terminal terminal)
    {
        IReadOnlyList<AlgorithmDescription> all = id is null ? Rl.Algorithms.All : [Rl.Algorithms.Describe(id)];
        if (json)
        {
            foreach (var algorithm in all)
            {
                WriteJson(algorithm, terminal);
            }
        }
        else if (id is not null)
        {
            Show(all[0], terminal);
        }
        else
        {
            TextTable.Write(
                terminal,
                ["id", "summary"],
                [.. all.Select(algorithm => new[] { algorithm.Id, $"{algorithm.Name}. {algorithm.Summary}" })]);
            terminal.Output.WriteLine();
            terminal.Output.WriteLine("rl algorithms ALGORITHM shows one with its options.");
        }

        return ExitCode.Success;
    }

    private static void Show(EnvironmentDescription environment, Terminal terminal)
    {
        terminal.Output.WriteLine($"{environment.Id}: {environment.Summary}");
        terminal.Output.WriteLine($"observations  {environment.ObservationSpace}");
        terminal.Output.WriteLine($"actions       {environment.ActionSpace}");
        if (environment.HasActionMasks)
        {
            terminal.Output.WriteLine("masks         not every action is always possible");
        }

        terminal.Output.WriteLine($"steps         {Steps(environment)}");
        terminal.Output.WriteLine($"solved at     {Threshold(environment)}");
        if (environment.Options.Count > 0)
        {
            terminal.Output.WriteLine();
            TextTable.Write(
                terminal,
                ["--environment-set", "default", "meaning"],
                [.. environment.Options.Select(option => new[] { option.Name, option.Default, Meaning(option) })]);
        }
    }

    private static string Meaning(EnvironmentOption option) =>
        option.Choices.Count == 0 ? option.Summary : $"{option.Summary} ({string.Join(", ", option.Choices)})";

    private static void Show(AlgorithmDescription algorithm, Terminal terminal)
    {
        terminal.Output.WriteLine($"{algorithm.Id}: {algorithm.Name}. {algorithm.Summary}");
        terminal.Output.WriteLine();
        TextTable.Write(
            terminal,
            ["--set", "default", "meaning"],
            [.. algorithm.Options.Select(option => new[] { option.Name, option.Default, Meaning(option) })]);
    }

    /// <summary>What an option means, and what it must be where its name does not say it.</summary>
    private static string Meaning(AlgorithmOption option) => $"{option.Meaning} ({option.Range})";

    private static void WriteJson(EnvironmentDescription environment, Terminal terminal) =>
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

    private static void WriteJson(AlgorithmDescription algorithm, Terminal terminal) =>
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

    private static string Steps(EnvironmentDescription environment) =>
        environment.MaxEpisodeSteps == 0
            ? "no limit"
            : environment.MaxEpisodeSteps.ToString(CultureInfo.InvariantCulture);

    private static string Threshold(EnvironmentDescription environment) =>
        double.IsNaN(environment.RewardThreshold)
            ? "-"
            : environment.RewardThreshold.ToString("G4", CultureInfo.InvariantCulture);

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
