using System;
using System.IO;
using System.Linq;
using Rl.Cli.Dashboard;
using Rl.Cli.Runs;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>The dashboard's list of runs: what is read of them, and what is not read again.</summary>
public sealed class RunListTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Runs_are_listed_with_the_last_row_of_their_metrics_also_if_half_a_row_follows()
    {
        MadeRun.Write(folder.File("a"), [[1], [2], [7]], options: [("TotalSteps", "300")]);
        File.AppendAllText(Path.Combine(folder.File("a"), RunFiles.Metrics), "400,4,3,9,4");
        MadeRun.Write(folder.File("b"), [[5]], options: [("TotalSteps", "300")]);
        Directory.CreateDirectory(folder.File("no-run"));
        MadeRun.Write(folder.File("damaged"), [[5]]);
        File.WriteAllText(Path.Combine(folder.File("damaged"), RunFiles.Configuration), "{");
        var list = new RunList([folder.Path, folder.File("not-there")]);
        list.Refresh();
        Assert.Equal([folder.File("a"), folder.File("b")], list.Runs.Keys.Order(StringComparer.Ordinal));
        var (a, b) = (list.Runs[folder.File("a")], list.Runs[folder.File("b")]);
        Assert.Equal((300, 10.0 / 3, 2.0, RunState.Finished), (a.Steps, a.Return, a.Seconds, a.State));
        Assert.Equal((100, 5.0, RunState.Interrupted), (b.Steps, b.Return, b.State));
        Directory.Delete(folder.File("b"), true);
        list.Refresh();
        Assert.Equal([folder.File("a")], list.Runs.Keys);
    }

    [Fact]
    public void The_last_row_of_a_manyfile_is_found_at_its_end()
    {
        MadeRun.Write(folder.File("a"), [.. Enumerable.Range(0, 3_000).Select(update => new[] { update * 0.5 })]);
        var run = RunSummary.Read(folder.File("a"))!;

        // The mean of the last 100 episodes, one an update: ½ (2,900 + … + 2,999) / 100.
        Assert.Equal((300_000, 1_474.75), (run.Steps, run.Return));
        var many = Enumerable.Range(0, 9_000).Select(episode => episode + 0.25).ToArray();
        File.AppendAllText(Path.Combine(folder.File("a"), RunFiles.Metrics), MadeRun.Row(3_000, 9_000, many, "1"));
        Assert.Equal(300_100, RunSummary.Read(folder.File("a"))!.Steps);
    }

    [Fact]
    public void A_run_that_does_not_go_on_is_read_again_only_when_its_folder_has_changed()
    {
        MadeRun.Write(folder.File("a"), [[1]]);
        var longAgo = DateTime.UtcNow.AddMinutes(-5);
        Directory.SetLastWriteTimeUtc(folder.File("a"), longAgo);
        var list = new RunList([folder.Path]);
        list.Refresh();
        var first = list.Runs[folder.File("a")];
        list.Refresh();
        Assert.Same(first, list.Runs[folder.File("a")]);

        // Who trains it makes the lock, which changes the folder, and from then on every row is seen.
        using var held = RunLock.TryTake(folder.File("a"));
        list.Refresh();
        Assert.Equal(RunState.Running, list.Runs[folder.File("a")].State);
        Directory.SetLastWriteTimeUtc(folder.File("a"), longAgo);
        list.Refresh();
        File.AppendAllText(Path.Combine(folder.File("a"), RunFiles.Metrics), MadeRun.Row(1, 2, [3], "1"));
        list.Refresh();
        Assert.Equal(200, list.Runs[folder.File("a")].Steps);
        Assert.NotEqual(first.Mark, list.Runs[folder.File("a")].Mark);
    }
}
