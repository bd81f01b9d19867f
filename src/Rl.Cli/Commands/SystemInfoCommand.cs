using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using Rl.Cli.Views;
using Rl.Core.Kernels;

namespace Rl.Cli.Commands;

/// <summary><c>rl info</c> without a run: version and machine, as a report of a fault needs them.</summary>
internal static class SystemInfoCommand
{
    private const string Processors = "/proc/cpuinfo";

    public static int Run(bool json, Terminal terminal)
    {
        var facts = Facts();
        if (json)
        {
            JsonLine.Write(terminal.Output, "system", writer =>
            {
                foreach (var (name, value) in facts)
                {
                    if (value is long number)
                    {
                        writer.WriteNumber(name, number);
                    }
                    else
                    {
                        writer.WriteString(name, (string)value);
                    }
                }
            });
            return ExitCode.Success;
        }

        foreach (var (name, value) in facts)
        {
            terminal.Output.WriteLine(Shown.Text(string.Create(CultureInfo.InvariantCulture, $"{name,-16}{value}")));
        }

        return ExitCode.Success;
    }

    private static List<(string Name, object Value)> Facts()
    {
        var facts = new List<(string, object)>
        {
            ("rl", Version(typeof(Agent).Assembly)),
            ("runtime", RuntimeInformation.FrameworkDescription),
            ("system", RuntimeInformation.OSDescription),
            ("platform", RuntimeInformation.RuntimeIdentifier),
            ("processor", Processor()),
            ("vectorBits", (long)Kernels.vectorBits),
            ("processorCores", (long)Environment.ProcessorCount),
            ("memoryMegabytes", GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1_000_000),
            ("culture", CultureInfo.CurrentCulture.Name is { Length: > 0 } culture ? culture : "invariant"),
        };
        var variables = Environment.GetEnvironmentVariables();
        foreach (var name in variables.Keys.Cast<string>().Where(IsOurs).Order(StringComparer.Ordinal))
        {
            facts.Add((name, (string?)variables[name] ?? ""));
        }

        return facts;
    }

    /// <summary>Variables that change what the library or its runtime does, and hold no secrets.</summary>
    private static bool IsOurs(string variable) =>
        variable is "RL_VECTOR_BITS" || variable.StartsWith("DOTNET_gc", StringComparison.OrdinalIgnoreCase)
            || variable.StartsWith("DOTNET_Tiered", StringComparison.OrdinalIgnoreCase)
            || variable.StartsWith("DOTNET_Enable", StringComparison.OrdinalIgnoreCase);

    private static string Version(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>The processor's name where the system tells it, else its architecture.</summary>
    private static string Processor()
    {
        var architecture = RuntimeInformation.ProcessArchitecture.ToString();
        try
        {
            var line = File.Exists(Processors)
                ? File.ReadLines(Processors)
                    .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
                : null;
            return line is null ? architecture : $"{line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()}";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return architecture;
        }
    }
}
