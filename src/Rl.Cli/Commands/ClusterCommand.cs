using System;
using System.IO;
using System.Net;
using System.Runtime.CompilerServices;
using System.Threading;
using Rl.Cli.Cluster;
using Rl.Cli.Runs;
using Rl.Cli.Views;
using Rl.Distributed;

namespace Rl.Cli.Commands;

/// <summary><c>rl cluster</c>: a learner, or a worker. Orleans is loaded by these commands alone.</summary>
internal static class ClusterCommand
{
    private const string SecretVariable = "RL_CLUSTER_SECRET";
    private const string StoreVariable = "RL_CLUSTER_STORE";

    /// <summary>Trains with the copies in workers.</summary>
    public static int Train(
        TrainRequest train, ClusterRequest request, Terminal terminal, CancellationToken interruption)
    {
        var options = Options(request);
        options.Validate();
        var starts = Starts(request, options);
        if (request.KeepsInStore)
        {
            RequireKeepable(train, options);
        }

        if (request.Continues)
        {
            var output = train.Json ? terminal.Error : terminal.Output;
            train = Continued(train, request.KeepsInStore ? folder => Bring(folder, options, output) : null);
        }

        if (request.KeepsInStore)
        {
            Prepare(train, options, terminal);
        }

        return TrainCommand.Run(
            train with
            {
                Place = (agent, notify, token) => Place(agent, options, request, starts, notify, token),
                Keep = request.KeepsInStore ? folder => Keep(options, folder) : null,
            },
            terminal,
            interruption);
    }

    /// <summary>Has workers train the members of a population.</summary>
    public static int Tune(
        TuneRequest tune, ClusterRequest request, Terminal terminal, CancellationToken interruption)
    {
        var options = Options(request);
        options.Validate();
        var starts = Starts(request, options);
        return TuneCommand.Run(
            tune with { Place = (notify, token) => Pieces(options, request, starts, notify, token) },
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

    /// <summary>Saves a run's files beside its folder.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Save(IDisposable kept, long steps) => ((KeptRun)kept).Save(steps);

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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PlacedPieces Pieces(
        RlClusterOptions options, ClusterRequest request, bool starts, Action<string> notify,
        CancellationToken interruption) =>
        PlacedPieces.Start(options, request, starts, notify, interruption).GetAwaiter().GetResult();

    /// <summary>Whether the workers are this machine's alone.</summary>
    private static bool Starts(ClusterRequest request, RlClusterOptions options) =>
        !request.StartsNone && options.Store is null && IPAddress.IsLoopback(IPAddress.Parse(request.Listen));

    /// <summary>What goes on with a run where it has begun, by its own options, or else begins it.</summary>
    /// <param name="train">What was asked for, with the run's name.</param>
    /// <param name="bring">Brings what is kept elsewhere into the run's folder; null where nothing is.</param>
    internal static TrainRequest Continued(TrainRequest train, Action<string>? bring)
    {
        if (train.Run is not { } run || train.Resume is not null || train.Overwrite)
        {
            throw new ArgumentException(
                "--continue goes on with the run of --run, or begins it: give that, and neither --resume nor "
                    + "--overwrite.");
        }

        var folder = RunPlaces.Locate(run);
        bring?.Invoke(folder);
        if (!File.Exists(Path.Combine(folder, RunFiles.Agent)))
        {
            // A folder without an agent was left before the first save: nothing is lost by beginning there again.
            return train with { Overwrite = true };
        }

        return train with
        {
            Resume = folder,
            Run = null,
            Algorithm = null,
            Environment = null,
            Steps = null,
            Seed = null,
            Defaults = false,
            OptionsFile = null,
            Settings = [],
            EnvironmentSettings = [],
            Wrappers = [],
        };
    }

    /// <summary>Brings a run from the store, if it is there.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Bring(string folder, RlClusterOptions options, TextWriter output)
    {
        try
        {
            KeptRun.Fetch(options, folder, output.WriteLine);
        }
        catch (FileNotFoundException)
        {
            // Neither the folder nor the store has it: it begins.
        }
    }

    private static void RequireKeepable(TrainRequest train, RlClusterOptions options)
    {
        if (options.Store is null)
        {
            throw new ArgumentException(
                "--keep-in-store needs a store: give --store redis:HOST:PORT or --store postgres:Host=....");
        }

        if (train.Resume is null && train.Run is null)
        {
            throw new ArgumentException(
                "--keep-in-store needs the run's name, by which another machine finds it: give --run NAME.");
        }
    }

    /// <summary>Before anything is trained: what goes on is brought here, what is new has a name of its own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Prepare(TrainRequest train, RlClusterOptions options, Terminal terminal)
    {
        if (train.Resume is { } run)
        {
            KeptRun.Fetch(options, run, message => (train.Json ? terminal.Error : terminal.Output).WriteLine(message));
        }
        else if (!train.Overwrite)
        {
            KeptRun.RequireNew(options, RunPlaces.Locate(train.Run!));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static KeptRun Keep(RlClusterOptions options, string folder) => KeptRun.Take(options, folder);

    private static RlClusterOptions Options(ClusterRequest request) => new()
    {
        Name = request.Cluster,
        Listen = request.Listen,
        Advertise = request.Advertise,
        Port = request.Port,
        Learner = request.Learner,
        Store = Store(request),
        Secret = Secret(request.SecretFile),
        Threads = request.Threads,
        MaximumLag = request.MaximumLag,
        Memories = request.Memories,
    };

    /// <summary>Arguments are for everybody to see, and a store's text may hold a password.</summary>
    private static string? Store(ClusterRequest request) =>
        request.Store ?? (request.Learner is null ? Variable(StoreVariable) : null);

    private static string? Variable(string name) =>
        System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static string? Secret(string? file)
    {
        if (file is null)
        {
            return Variable(SecretVariable);
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
