using System;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Browser;

/// <summary>An <c>rl</c> in a process of its own, as people start it, which goes on until it is told to end.</summary>
internal sealed class RunningCommand : IDisposable
{
    private readonly Process process;
    private readonly StringBuilder error = new();
    private readonly TaskCompletionSource<string> firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public RunningCommand(params string[] arguments)
    {
        // Where the command was built with these tests: what lies beside them has other versions of some assemblies.
        var built = AppContext.BaseDirectory.Replace(
            Path.Combine("tests", "Browser"), Path.Combine("src", "Rl.Cli"), StringComparison.Ordinal);
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            ["exec", Path.Combine(built, "rl.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is not null)
            {
                firstLine.TrySetResult(line.Data);
            }
        };
        process.ErrorDataReceived += (_, line) =>
        {
            lock (error)
            {
                error.AppendLine(line.Data);
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The first line that it prints.</summary>
    public Task<string> FirstLine() => firstLine.Task.WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>Waits until it ends by itself; gives its exit code and its complaint.</summary>
    public async Task<(int Code, string Error)> End()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(patience.Token);
        lock (error)
        {
            return (process.ExitCode, error.ToString().Trim());
        }
    }

    /// <summary>Tells it to end, as Ctrl-C or a service's manager does; gives its exit code.</summary>
    public async Task<int> Stop()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signal that tells a process to end.");
        using var telling = Process.Start(
            "kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        return (await End()).Code;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
    }
}
