using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading;
using Rl.Cli.Views;
using Rl.Rendering;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl plan</c> was asked for.</summary>
internal sealed record PlanRequest
{
    /// <summary>The planner; null to list them.</summary>
    public string? Planner { get; init; }

    /// <summary>The environment; null to show the planner's options.</summary>
    public string? Environment { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    public int Episodes { get; init; } = 20;

    public ulong Seed { get; init; } = 1;

    public int Threads { get; init; }

    /// <summary>The animation to write of the first episode; null for none.</summary>
    public string? Record { get; init; }

    public bool Json { get; init; }
}

/// <summary><c>rl plan</c>: an environment played by thinking ahead in copies of it.</summary>
internal static class PlanCommand
{
    public static int Run(PlanRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (request.Planner is null)
        {
            return List(request.Json, terminal);
        }

        if (request.Environment is null)
        {
            return Show(request.Planner, request.Json, terminal);
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(request.Episodes, 1, "--episodes");
        var planner = Planner.Of(request.Planner, request.Settings.Select(setting => (setting.Key, setting.Value)));
        var environment = EnvironmentArgument.Make(request.Environment, request.EnvironmentSettings, terminal);
        int? cutAt = environment.MaxEpisodeSteps == 0 ? FiniteEvaluation.Steps : null;
        environment = cutAt is { } steps ? environment.WithMaxEpisodeSteps(steps) : environment;
        var watch = Stopwatch.StartNew();
        var evaluation =
            planner.Evaluate(environment, request.Episodes, request.Seed, request.Threads, interruption);
        var rate = evaluation.Lengths.Sum() / watch.Elapsed.TotalSeconds;
        if (request.Json)
        {
            JsonLine.Write(terminal.Output, "plan", writer =>
            {
                writer.WriteString("planner", planner.Id);
                writer.WriteString("environment", environment.Id);
                writer.WriteNumber("seed", request.Seed);
                writer.WriteStartObject("options");
                foreach (var (name, value) in planner.Settings)
                {
                    writer.WriteString(name, value);
                }

                writer.WriteEndObject();
                writer.Evaluation(evaluation, cutAt);
                writer.Number("decisionsPerSecond", rate);
            });
        }
        else
        {
            terminal.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{planner.Id} on {Shown.Text(environment.Id)}: {evaluation}{Text.Cut(cutAt)}, {rate:0} decisions a "
                    + $"second"));
        }

        if (request.Record is { } path)
        {
            var recording = planner.Play(environment, 1, request.Seed).Record(path, cancellationToken: interruption);
            if (!request.Json)
            {
                terminal.Output.WriteLine(
                    $"{recording.Path}: 1 episode, return {Text.Return(recording.Return)}");
            }
        }

        return ExitCode.Success;
    }

    private static int List(bool json, Terminal terminal)
    {
        if (json)
        {
            foreach (var planner in Planner.All)
            {
                WriteJson(planner, terminal);
            }
        }
        else
        {
            TextTable.Write(
                terminal,
                ["id", "summary"],
                [.. Planner.All.Select(planner => new[] { planner.Id, $"{planner.Name}. {planner.Summary}" })]);
            terminal.Output.WriteLine();
            terminal.Output.WriteLine("rl plan PLANNER shows one with its options; rl plan PLANNER ENVIRONMENT plans.");
        }

        return ExitCode.Success;
    }

    private static int Show(string id, bool json, Terminal terminal)
    {
        var known = Planner.Of(id).Id;
        var planner = Planner.All.Single(one => one.Id == known);
        if (json)
        {
            WriteJson(planner, terminal);
            return ExitCode.Success;
        }

        terminal.Output.WriteLine($"{planner.Id}: {planner.Name}. {planner.Summary} {planner.Source}.");
        terminal.Output.WriteLine();
        TextTable.Write(
            terminal,
            ["option", "default", "values"],
            [.. planner.Options.Select(option => new[] { option.Name, option.Default, option.Range })]);
        return ExitCode.Success;
    }

    private static void WriteJson(PlannerDescription planner, Terminal terminal) =>
        JsonLine.Write(terminal.Output, "planner", writer =>
        {
            writer.WriteString("id", planner.Id);
            writer.WriteString("name", planner.Name);
            writer.WriteString("summary", planner.Summary);
            writer.WriteString("source", planner.Source);
            writer.WriteStartObject("options");
            foreach (var option in planner.Options)
            {
                writer.WriteStartObject(option.Name);
                writer.WriteString("default", option.Default);
                writer.WriteString("values", option.Range);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        });
}
