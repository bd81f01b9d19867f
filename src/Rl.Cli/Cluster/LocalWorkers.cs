using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading;
using Rl.Distributed;

namespace Rl.Cli.Cluster;

/// <summary>Workers that this process starts on its machine: they end with it, however it ends, and one that ends
/// before is started again.</summary>
internal sealed class LocalWorkers : IDisposable
{
    /// <summary>What keeps ending is not started all the time.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly Lock gate = new();
    private readonly Process?[] processes;
    private readonly Func<Process> start;
    private bool isDisposed;

    public LocalWorkers(int count, IPEndPoint learner, RlClusterOptions options, IReadOnlyList<string> plugins)
    {
        var threads = Math.Max(1, System.Environment.ProcessorCount / count);
        start = () => Start(learner, options, threads, plugins);
        processes = new Process[count];
        try
        {
            for (var index = 0; index < count; index++)
            {
                processes[index] = Watched(index);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            foreach (var process in processes)
            {
                // They end with their input; whoever has not heard of it soon is ended.
                process?.StandardInput.Close();
            }
        }

        foreach (var process in processes.OfType<Process>())
        {
            if (!process.WaitForExit(TimeSpan.FromSeconds(4)))
            {
                process.Kill();
            }

            process.Dispose();
        }
    }

    private Process Watched(int index)
    {
        var process = start();
        process.Exited += (_, _) => _ = Again(index);
        process.EnableRaisingEvents = true;
        return process;
    }

    private async System.Threading.Tasks.Task Again(int index)
    {
        await System.Threading.Tasks.Task.Delay(Pause).ConfigureAwait(false);
        lock (gate)
        {
            if (!isDisposed)
            {
                // One that cannot be started leaves the old one to be disposed of with the rest.
                var ended = processes[index];
                processes[index] = Watched(index);
                ended?.Dispose();
            }
        }
    }

    private static Process Start(
        IPEndPoint learner, RlClusterOptions options, int threads, IReadOnlyList<string> plugins)
    {
        var program = System.Environment.ProcessPath ?? "rl";
        var info = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            info.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "rl.dll"));
        }

        List<string> words =
        [
            "cluster", "worker", "--with-input", "--learner", learner.ToString(), "--cluster", options.Name,
            "--threads", threads.ToString(CultureInfo.InvariantCulture),
        ];
        foreach (var plugin in plugins)
        {
            words.AddRange(["--plugin", plugin]);
        }

        words.ForEach(info.ArgumentList.Add);
        // Arguments are for everybody to see.
        info.Environment["RL_CLUSTER_SECRET"] = options.Secret ?? "";
        var process = Process.Start(info)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        return process;
    }
}
