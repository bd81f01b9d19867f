using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Rl.Cli.Runs;
using Rl.Distributed;
using Rl.Distributed.Runs;

namespace Rl.Cli.Cluster;

/// <summary>A run whose files are in a cluster's store too, so that it goes on from there on any machine.</summary>
internal sealed class KeptRun : IDisposable
{
    /// <summary>What is kept: all but what follows from the rest.</summary>
    private static readonly string[] Files = [.. RunFiles.All.Except([RunFiles.Curve, RunFiles.Report])];

    private readonly RunStore store;
    private readonly string folder;

    private KeptRun(RunStore store, string folder) => (this.store, this.folder) = (store, folder);

    /// <summary>Takes a run: from now on its files are saved from this folder.</summary>
    /// <exception cref="IOException">The store does not answer.</exception>
    public static KeptRun Take(RlClusterOptions options, string folder)
    {
        var store = Open(options, NameOf(folder));
        try
        {
            store.Take().GetAwaiter().GetResult();
            return new(store, folder);
        }
        catch
        {
            Close(store);
            throw;
        }
    }

    /// <summary>Refuses a new run of a name that the store has.</summary>
    public static void RequireNew(RlClusterOptions options, string folder)
    {
        var name = NameOf(folder);
        var store = Open(options, name);
        try
        {
            if (store.Find().GetAwaiter().GetResult() is { } run)
            {
                throw new ArgumentException(
                    $"The store has a run {name} already, saved at {Saved(run)}; go on with it by --resume {name}, "
                        + "choose another name with --run, or replace it with --overwrite.");
            }
        }
        finally
        {
            Close(store);
        }
    }

    /// <summary>Brings a run that is to go on into its folder, where the store has more of it.</summary>
    /// <exception cref="FileNotFoundException">Neither has it.</exception>
    public static void Fetch(RlClusterOptions options, string run, Action<string> notify)
    {
        var folder = Folder(run);
        var name = NameOf(folder);
        var agent = Path.Combine(folder, RunFiles.Agent);
        var store = Open(options, name);
        try
        {
            var stored = store.Find().GetAwaiter().GetResult();
            var here = File.Exists(agent) ? StepsOf(agent) : -1;
            if (stored is null && here < 0)
            {
                var names = store.Names().GetAwaiter().GetResult();
                throw new FileNotFoundException(
                    $"There is no run {name}, neither in {folder} nor in the store, which has "
                        + (names.Count == 0 ? "none." : $"{string.Join(", ", names)}."));
            }

            if (stored is null || stored.Steps <= here)
            {
                return;
            }

            Directory.CreateDirectory(folder);
            using var held = RunLock.TryTake(folder)
                ?? throw new IOException($"The run {folder} is being trained by another process; wait until it ends.");
            store.Fetch(folder, RunFiles.Agent).GetAwaiter().GetResult();
            notify(string.Create(
                CultureInfo.InvariantCulture,
                $"the run {name} is taken from the store, with {stored.Steps:N0} steps, saved at {Saved(stored)}"));
        }
        finally
        {
            Close(store);
        }
    }

    /// <summary>Saves the run's files after so many steps of the agent that is among them.</summary>
    /// <exception cref="IOException">The store does not answer; it is tried again with the next checkpoint.</exception>
    /// <exception cref="RlClusterException">Another process has taken the run.</exception>
    public void Save(long steps) => store.Save(
        steps,
        Files.Select(file => (Name: file, Path: Path.Combine(folder, file))).Where(file => File.Exists(file.Path)))
        .GetAwaiter().GetResult();

    public void Dispose() => Close(store);

    private static void Close(RunStore store) => store.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static RunStore Open(RlClusterOptions options, string name) =>
        RunStore.Open(options.Store!, options.Name, name).GetAwaiter().GetResult();

    /// <summary>The folder of a name under runs/, of a folder, or of the agent's file in it.</summary>
    private static string Folder(string run) => File.Exists(run) ? RunFolder.FolderOf(run)
        : Directory.Exists(run) ? Path.TrimEndingDirectorySeparator(run)
        : RunPlaces.Locate(run);

    private static string NameOf(string folder) => Path.GetFileName(Path.GetFullPath(folder));

    private static long StepsOf(string path)
    {
        using var agent = Agent.Load(path);
        return agent.Steps;
    }

    private static string Saved(StoredRun run) =>
        run.SavedAt.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
