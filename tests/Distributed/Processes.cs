using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>A process of the command <c>rl</c>, or of another program, killed with the test if it still runs.</summary>
internal sealed class Program : IDisposable
{
    private readonly Process process;
    private readonly List<string> lines = [];

    private Program(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Take(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public string Output
    {
        get
        {
            lock (lines)
            {
                return string.Join('\n', lines);
            }
        }
    }

    /// <summary>Starts <c>rl</c> with words.</summary>
    public static Program Rl(string folder, params string[] words) =>
        Start("dotnet", folder, [Path.Combine(AppContext.BaseDirectory, "rl.dll"), .. words]);

    /// <summary>Starts a worker of one thread for a learner, which ends with the test that started it.</summary>
    public static Program Worker(string folder, object learner, params string[] words) =>
        Rl(folder, ["cluster", "worker", "--with-input", "--threads", "1", "--learner", $"{learner}", .. words]);

    public static Program Start(string program, string folder, params string[] words)
    {
        var info = new ProcessStartInfo(program, words)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new(Process.Start(info)!);
    }

    /// <summary>Waits until it has printed a text.</summary>
    public async Task Says(string text, double seconds = 60)
    {
        var watch = Stopwatch.StartNew();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.False(
                process.HasExited || watch.Elapsed.TotalSeconds > seconds,
                $"Not said within {seconds} s: {text}. It said:\n{Output}");
            await Task.Delay(20);
        }
    }

    public async Task<int> Ends(double seconds = 120)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        await process.WaitForExitAsync(limit.Token);
        return process.ExitCode;
    }

    /// <summary>SIGKILL: it learns nothing of it.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        process.Dispose();
    }

    /// <summary>Where a program is, also one that Debian keeps beside the path; null if it is not installed.</summary>
    public static string? Find(string program)
    {
        const string Postgres = "/usr/lib/postgresql";
        IEnumerable<string> folders =
        [
            .. (System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator),
            .. Directory.Exists(Postgres)
                ? Directory.EnumerateDirectories(Postgres).Select(version => Path.Combine(version, "bin"))
                : [],
        ];
        return folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
    }

    public static async Task Listens(int port, double seconds = 20)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (watch.Elapsed.TotalSeconds < seconds)
            {
                await Task.Delay(50);
            }
        }
    }

    private void Take(string? line)
    {
        if (line is not null)
        {
            lock (lines)
            {
                lines.Add(line);
            }
        }
    }
}
