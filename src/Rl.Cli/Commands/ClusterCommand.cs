using System;
using System.IO;
using System.Net;
using System.Runtime.CompilerServices;
using System.Threading;
using Rl.Cli.Cluster;
using Rl.Cli.Views;
using Rl.Distributed;

namespace Rl.Cli.Commands;

/// <summary><c>rl cluster</c>: a learner, or a worker. Orleans is loaded by these commands alone.</summary>
internal static class ClusterCommand
{
    private const string SecretVariable = "RL_CLUSTER_SECRET";

    /// <summary>Trains with the copies in workers.</summary>
    public static int Train(
        TrainRequest train, ClusterRequest request, Terminal terminal, CancellationToken interruption)
    {
        var options = Options(request);
        options.Validate();
        var starts = !request.StartsNone && request.Store is null && IPAddress.Parse(request.Listen) is { } address
            && IPAddress.IsLoopback(address);
        return TrainCommand.Run(
            train with
            {
                Place = (agent, notify, token) => Place(agent, options, request, starts, notify, token),
            },
            terminal,
            interruption);
    }

    /// <summary>Acts until it is interrupted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Work(ClusterRequest request, Terminal terminal, CancellationToken interruption)
    {
        using var end = request.EndsWithInput
            ? new CancellationTokenSource()
            : CancellationTokenSource.CreateLinkedTokenSource(interruption);
        if (request.EndsWithInput)
        {
            // Ctrl-C is for the process that started it, which may still need it.
            new Thread(() => AwaitEnd(end)) { IsBackground = true, Name = "input" }.Start();
        }

        RlWorker.RunAsync(Options(request), new Told(request.Json, terminal), end.Token).GetAwaiter().GetResult();
        return ExitCode.Success;
    }

    /// <summary>Whether it is the cluster that cannot go on.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool IsOfCluster(Exception error) => error is RlClusterException;

    private static void AwaitEnd(CancellationTokenSource end)
    {
        using var input = Console.OpenStandardInput();
        while (input.ReadByte() >= 0)
        {
        }

        end.Cancel();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PlacedAgent Place(
        Agent agent, RlClusterOptions options, ClusterRequest request, bool starts, Action<string> notify,
        CancellationToken interruption) =>
        PlacedAgent.Start(agent, options, request, starts, notify, interruption).GetAwaiter().GetResult();

    private static RlClusterOptions Options(ClusterRequest request) => new()
    {
        Name = request.Cluster,
        Listen = request.Listen,
        Advertise = request.Advertise,
        Port = request.Port,
        Learner = request.Learner,
        Store = request.Store,
        Secret = Secret(request.SecretFile),
        Threads = request.Threads,
        MaximumLag = request.MaximumLag,
    };

    private static string? Secret(string? file)
    {
        if (file is null)
        {
            return System.Environment.GetEnvironmentVariable(SecretVariable) is { Length: > 0 } known ? known : null;
        }

        // A last line feed is the editor's.
        return File.ReadAllText(file).Trim();
    }

    /// <summary>Prints what a worker has to say, from whichever thread.</summary>
    private sealed class Told(bool json, Terminal terminal) : IProgress<string>
    {
        private readonly Lock gate = new();

        public void Report(string value)
        {
            lock (gate)
            {
                if (json)
                {
                    JsonLine.Write(terminal.Output, "worker", writer => writer.WriteString("message", value));
                }
                else
                {
                    terminal.Output.WriteLine(value);
                }

                terminal.Output.Flush();
            }
        }
    }
}
