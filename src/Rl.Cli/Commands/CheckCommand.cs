using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl check</c> was asked for.</summary>
internal sealed record CheckRequest
{
    public required string Environment { get; init; }

    public ulong Seed { get; init; }

    public int Steps { get; init; } = 500;

    public IReadOnlyList<KeyValuePair<string, string>> EnvironmentSettings { get; init; } = [];

    public bool Json { get; init; }
}

/// <summary><c>rl check</c>: whether an environment keeps its contract; fails if it does not.</summary>
internal static class CheckCommand
{
    public static int Run(CheckRequest request, Terminal terminal)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Steps, 1, "--steps");
        var environment = EnvironmentArgument.Make(request.Environment, request.EnvironmentSettings, terminal);
        var findings = Environments.Check(environment, request.Seed, request.Steps);
        var violations = findings.Count(finding => !finding.IsAdvice);
        if (request.Json)
        {
            WriteJson(environment, request, findings, violations, terminal);
        }
        else
        {
            WriteText(environment, findings, violations, terminal);
        }

        return violations == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private static void WriteJson(
        BuiltInEnvironment environment, CheckRequest request, IReadOnlyList<ContractFinding> findings, int violations,
        Terminal terminal) =>
        JsonLine.Write(terminal.Output, "check", writer =>
        {
            writer.WriteString("environment", environment.Id);
            writer.WriteNumber("seed", request.Seed);
            writer.WriteNumber("steps", request.Steps);
            writer.WriteNumber("violations", violations);
            writer.WriteStartArray("findings");
            foreach (var finding in findings)
            {
                writer.WriteStartObject();
                writer.WriteString("rule", finding.Rule.ToString());
                writer.WriteBoolean("isAdvice", finding.IsAdvice);
                writer.WriteString("place", finding.Place);
                writer.WriteString("problem", finding.Problem);
                writer.WriteString("remedy", finding.Remedy);
                writer.WriteNumber("occurrences", finding.Occurrences);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        });

    private static void WriteText(
        BuiltInEnvironment environment, IReadOnlyList<ContractFinding> findings, int violations, Terminal terminal)
    {
        if (findings.Count == 0)
        {
            terminal.Output.WriteLine($"{environment} keeps the contract.");
            return;
        }

        TextTable.Write(
            terminal,
            ["kind", "rule", "place", "seen", "problem", "remedy"],
            [
                .. findings.Select(finding => new[]
                {
                    finding.IsAdvice ? "advice" : "violation",
                    finding.Rule.ToString(),
                    finding.Place,
                    finding.Occurrences.ToString(CultureInfo.InvariantCulture),
                    finding.Problem,
                    finding.Remedy,
                }),
            ]);
        terminal.Output.WriteLine(
            $"{environment}: {violations} violations, {findings.Count - violations} pieces of advice.");
    }
}
