using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Cli.Runs;

namespace Rl.Cli.Dashboard;

/// <summary>The runs below some folders. A run that does not go on is read again only when its folder has changed, so
/// that thousands of them cost little.</summary>
internal sealed class RunList(IReadOnlyList<string> places)
{
    /// <summary>Folders that changed so lately may change again within the clock of the file system.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, (DateTime Changed, RunSummary? Summary)> known = [];

    /// <summary>All runs by their ids.</summary>
    public IReadOnlyDictionary<string, RunSummary> Runs { get; private set; } =
        new Dictionary<string, RunSummary>();

    /// <summary>Looks for new runs, and reads those that go on.</summary>
    public void Refresh()
    {
        var now = DateTime.UtcNow;
        var folders = places.SelectMany(Folders).DistinctBy(folder => folder.Path).ToArray();
        var present = folders.Select(folder => folder.Path).ToHashSet();
        foreach (var gone in known.Keys.Where(folder => !present.Contains(folder)).ToArray())
        {
            known.Remove(gone);
        }

        var read = folders
            .Where(folder => !known.TryGetValue(folder.Path, out var earlier) || earlier.Changed != folder.Changed
                || earlier.Summary?.State is RunState.Running || now - folder.Changed < Settled)
            .AsParallel()
            .Select(folder => (folder.Path, folder.Changed, Summary: RunSummary.Read(folder.Path)));
        foreach (var (path, changed, summary) in read)
        {
            known[path] = (changed, summary);
        }

        Runs = known.Values.Select(entry => entry.Summary).OfType<RunSummary>().ToDictionary(run => run.Id);
    }

    /// <summary>The folder itself if it is a run, else those in it, with the times of their last change.</summary>
    private static IEnumerable<(string Path, DateTime Changed)> Folders(string place)
    {
        if (!Directory.Exists(place))
        {
            return [];
        }

        return File.Exists(Path.Combine(place, RunFiles.Configuration))
            ? [(place, Directory.GetLastWriteTimeUtc(place))]
            : new DirectoryInfo(place).EnumerateDirectories()
                .Select(folder => (Path.Combine(place, folder.Name), folder.LastWriteTimeUtc));
    }
}
