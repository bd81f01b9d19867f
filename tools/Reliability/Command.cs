using System;
using System.Diagnostics;
using System.Linq;
using System.Reflection;

namespace Rl.Reliability;

/// <summary>The <c>rl</c> command as a process of its own.</summary>
internal static class Command
{
    private static readonly string Assembly = System.Reflection.Assembly.GetExecutingAssembly()
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == "Command").Value!;

    /// <summary>Starts it; what it prints is kept by <see cref="Finish"/> or dropped.</summary>
    public static Process Start(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", [Assembly, .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start) ?? throw new InvalidOperationException("dotnet cannot be started.");
    }

    /// <summary>Waits for its end; gives its exit code and what it printed.</summary>
    public static (int Code, string Output, string Errors) Finish(Process process)
    {
        using (process)
        {
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, errors.Result);
        }
    }

    /// <summary>Runs it to its end.</summary>
    public static (int Code, string Output, string Errors) Run(params string[] words) => Finish(Start(words));
}
