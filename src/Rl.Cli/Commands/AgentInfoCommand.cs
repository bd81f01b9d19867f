using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Runs;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary><c>rl info</c> of a run or an agent file: what it is, how far it is, and what it is made of.</summary>
internal static class AgentInfoCommand
{
    public static int Run(string run, bool json, Terminal terminal)
    {
        var info = AgentInfo.Read(RunPlaces.FindAgent(run));
        using var agent = info.Agent;
        if (json)
        {
            JsonLine.Write(terminal.Output, "agent", writer => Write(writer, info));
        }
        else
        {
            Show(info, terminal);
        }

        return ExitCode.Success;
    }

    private static void Show(AgentInfo info, Terminal terminal)
    {
        var agent = info.Agent;
        void Line(string name, string text) => terminal.Output.WriteLine(Shown.Text($"{name,-14}{text}"));
        Line("agent", info.Path);
        var algorithm = Algorithms.Describe(agent.Options.Algorithm);
        Line("algorithm", $"{algorithm.Id}: {algorithm.Name}");
        Line("environment", agent.EnvironmentId);
        Line("observations", $"{agent.ObservationSpace}");
        Line("actions", $"{agent.ActionSpace}{(agent.HasActionMasks ? ", not each always possible" : "")}");
        if (agent.Wrappers.Count > 0)
        {
            Line("wrappers", string.Join(", ", agent.Wrappers));
        }

        Line("seed", Number(agent.Seed));
        Line(
            "progress",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{agent.Steps:N0} of {agent.Options.TotalSteps:N0} steps, {agent.Updates:N0} updates"));
        if (info.History is { } history)
        {
            ShowRun(info, history, Line);
        }

        terminal.Output.WriteLine();
        terminal.Output.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{agent.Parameters.Length:N0} parameters"));
        TextTable.Write(
            terminal,
            ["block", "count", "shape"],
            [.. info.Blocks.Select(block => new[] { block.Name, Number(block.Values.Length), Shape(block) })]);
        terminal.Output.WriteLine();
        var changed = info.Options.Count(option => option.Differs);
        terminal.Output.WriteLine($"{info.Options.Count} options, {changed} of them not the default (*)");
        TextTable.Write(
            terminal,
            ["option", "value", "default"],
            [.. info.Options.Select(option => new[]
            {
                $"{option.Name}{(option.Differs ? " *" : "")}", option.Value, option.Differs ? option.Default : "",
            })]);
        terminal.Output.WriteLine();
        terminal.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"file format {info.Parts.Version}, {info.Parts.Bytes:N0} bytes, CRC-32 {info.Parts.Checksum:x8}"));
        TextTable.Write(
            terminal,
            ["part", "bytes", "holds"],
            [.. info.Parts.Sections.Select(part =>
                new[] { part.Item1, part.Item2.ToString("N0", CultureInfo.InvariantCulture), Meaning(part.Item1) })]);
    }

    private static void ShowRun(AgentInfo info, MetricsHistory history, Action<string, string> line)
    {
        var mean = history.Episodes > 0 ? $", the last 100 with a mean return of {Text.Return(info.Return)}" : "";
        line("episodes", string.Create(CultureInfo.InvariantCulture, $"{history.Episodes:N0}{mean}"));
        line("trained for", Text.Duration(TimeSpan.FromSeconds(history.Seconds)));
        if (info.Best is { } best)
        {
            line(
                "best",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Text.Measured(best.Mean, best.StandardError, Text.Return)} ({best.Episodes} "
                        + $"{(best.Episodes == 1 ? "episode" : "episodes")}) after {best.Steps:N0} steps"));
        }

        var folder = RunFolder.FolderOf(info.Path);
        var state = info.IsInTraining ? "in training now"
            : RunEvents.Read(Path.Combine(folder, RunFiles.Journal)).Last?.Type == RunEvents.Failed
                ? $"failed: a number was not finite; rl replay-failure {folder} shows it again"
            : info.Agent.Steps >= info.Agent.Options.TotalSteps ? "ended"
            : $"interrupted; {Text.Resume(folder)} goes on";
        line("state", info.Library is { } library ? $"{state}; begun with version {library}" : state);
    }

    private static void Write(Utf8JsonWriter writer, AgentInfo info)
    {
        var agent = info.Agent;
        writer.WriteString("agent", info.Path);
        writer.WriteString("algorithm", agent.Options.Algorithm);
        writer.WriteString("environment", agent.EnvironmentId);
        writer.WriteString("observationSpace", $"{agent.ObservationSpace}");
        writer.WriteString("actionSpace", $"{agent.ActionSpace}");
        writer.WriteBoolean("actionMasks", agent.HasActionMasks);
        writer.WriteStartArray("wrappers");
        foreach (var wrapper in agent.Wrappers)
        {
            writer.WriteStringValue(wrapper);
        }

        writer.WriteEndArray();
        writer.WriteNumber("seed", agent.Seed);
        writer.WriteNumber("steps", agent.Steps);
        writer.WriteNumber("totalSteps", agent.Options.TotalSteps);
        writer.WriteNumber("updates", agent.Updates);
        if (info.History is { } history)
        {
            WriteRun(writer, info, history);
        }

        writer.WriteNumber("parameters", agent.Parameters.Length);
        writer.WriteStartArray("blocks");
        foreach (var block in info.Blocks)
        {
            writer.WriteStartObject();
            writer.WriteString("name", block.Name);
            writer.WriteNumber("count", block.Values.Length);
            writer.WriteStartArray("shape");
            foreach (var length in block.Shape)
            {
                writer.WriteNumberValue(length);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("options");
        foreach (var option in info.Options)
        {
            writer.WriteStartObject();
            writer.WriteString("name", option.Name);
            writer.WriteString("value", option.Value);
            writer.WriteString("default", option.Default);
            writer.WriteBoolean("differs", option.Differs);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        WriteFile(writer, info);
    }

    private static void WriteRun(Utf8JsonWriter writer, AgentInfo info, MetricsHistory history)
    {
        writer.WriteStartObject("run");
        writer.WriteString("folder", RunFolder.FolderOf(info.Path));
        writer.WriteString("library", info.Library);
        writer.WriteBoolean("inTraining", info.IsInTraining);
        writer.Number("episodes", history.Episodes);
        writer.Number("meanReturn", info.Return);
        writer.Number("seconds", history.Seconds);
        if (info.Best is { } best)
        {
            writer.WriteStartObject("best");
            writer.WriteNumber("steps", best.Steps);
            writer.Number("mean", best.Mean);
            writer.Number("standardError", best.StandardError);
            writer.WriteNumber("episodes", best.Episodes);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static void WriteFile(Utf8JsonWriter writer, AgentInfo info)
    {
        writer.WriteStartObject("file");
        writer.WriteNumber("formatVersion", info.Parts.Version);
        writer.WriteNumber("bytes", info.Parts.Bytes);
        writer.WriteString("crc32", info.Parts.Checksum.ToString("x8", CultureInfo.InvariantCulture));
        writer.WriteStartArray("parts");
        foreach (var (tag, bytes) in info.Parts.Sections)
        {
            writer.WriteStartObject();
            writer.WriteString("tag", tag);
            writer.WriteNumber("bytes", bytes);
            writer.WriteString("holds", Meaning(tag));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static string Number(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);

    private static string Shape(ParameterBlock block) => $"[{string.Join(", ", block.Shape)}]";

    private static string Meaning(string tag) => tag switch
    {
        "META" => "algorithm, environment, seed and notes",
        "CONF" => "options",
        "SPAC" => "spaces of observations and actions",
        "NETW" => "the network that acts",
        "PARM" => "parameters",
        "ARRS" => "optimisers and other arrays that learn",
        "OPTI" => "the optimiser",
        "STAT" => "statistics that normalise",
        "PROG" => "steps, updates and random streams",
        "REPL" => "remembered steps",
        "ENVS" => "episodes that go on",
        "WRAP" => "wrappers",
        "FROZ" => "frozen blocks",
        _ => "",
    };
}
