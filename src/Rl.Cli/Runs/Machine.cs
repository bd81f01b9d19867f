using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Rl.Cli.Runs;

/// <summary>The machine that a run is trained on, as far as it matters for its speed and its bits.</summary>
internal static class Machine
{
    /// <summary>What it is, by names that a report shows.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Describe()
    {
        yield return new("rl", typeof(Agent).Assembly.GetName().Version?.ToString(3) ?? "-");
        yield return new("runtime", RuntimeInformation.FrameworkDescription);
        yield return new("system", RuntimeInformation.OSDescription);
        yield return new(
            "processor",
            FormattableString.Invariant(
                $"{Processor()} ({RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} threads)"));
    }

    /// <summary>The processor's name where the system tells it in a file or a variable.</summary>
    private static string Processor()
    {
        const string Unknown = "unknown";
        try
        {
            return OperatingSystem.IsWindows()
                ? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? Unknown
                : File.Exists("/proc/cpuinfo")
                ? File.ReadLines("/proc/cpuinfo")
                    .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
                    ?.Split(':', 2)[^1].Trim() ?? Unknown
                : Unknown;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Unknown;
        }
    }
}
