using System;
using System.IO;
using System.Linq;
using Rl.Cli.Reports;
using Rl.Cli.Runs;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What is read of runs while they are trained, and the curves that are made of it.</summary>
public sealed class RunReadingTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(40)]
    [InlineData(1000)]
    public void A_moving_mean_is_that_of_the_finite_numbers_in_the_window(int window)
    {
        var random = new Random(window);
        var values = Enumerable.Range(0, 100)
            .Select(index => index % 11 == 3 ? double.NaN : random.NextDouble() - 0.5).ToArray();
        var means = Curve.MovingMean(values, window);
        for (var index = 0; index < values.Length; index++)
        {
            var within = values[Math.Max(0, index - window + 1)..(index + 1)].Where(double.IsFinite).ToArray();
            Assert.Equal(within.Length == 0 ? double.NaN : within.Average(), means[index], 12);
        }
    }

    [Fact]
    public void A_huge_number_leaves_no_trace_when_the_window_has_passed_it()
    {
        double[] values = [.. Enumerable.Repeat(0.1, 50)];
        values[20] = 1e30;
        Assert.All(Curve.MovingMean(values, 8).Skip(28), mean => Assert.Equal(0.1, mean, 15));
    }

    [Fact]
    public void A_thinned_curve_keeps_extremes_and_ends_and_means_of_all_points()
    {
        double[] steps = [.. Enumerable.Range(0, 10_000).Select(index => (double)index)];
        var values = Array.ConvertAll(steps, step => step is 1_234 ? 1e9 : step is 4_321 ? -1e9 : step % 10);
        values[500] = double.NaN;
        var smooth = Curve.MovingMean(values, 10);
        var curve = Curve.Of(steps, values, smooth, 100);
        Assert.InRange(curve.Steps.Length, 50, 100);
        Assert.Equal((0, 9_999), (curve.Steps[0], curve.Steps[^1]));
        Assert.Equal((1e9, -1e9), (curve.Raw.Max(), curve.Raw.Min()));
        Assert.Equal(curve.Steps.Order(), curve.Steps);
        Assert.All(curve.Steps.Zip(curve.Smooth), at => Assert.Equal(smooth[(int)at.First], at.Second));
    }

    [Fact]
    public void Columns_grow_with_the_file_also_when_a_line_comes_in_two_halves()
    {
        MadeRun.Write(folder.File("run"), [[1], [2, 4]], loss: update => update == 1 ? "NaN" : "0.5");
        var path = Path.Combine(folder.File("run"), RunFiles.Metrics);
        var columns = new MetricsColumns(path);
        Assert.True(columns.Update());
        Assert.False(columns.Update());
        Assert.Equal([100.0, 200], columns.Steps);
        Assert.Equal([100.0, 150, 200], columns.EpisodeSteps);
        Assert.Equal([0.5, double.NaN], columns["policyLoss"]);
        var row = MadeRun.Row(2, 4, [8], "0.25");
        File.AppendAllText(path, row[..7]);
        Assert.False(columns.Update());
        File.AppendAllText(path, row[7..] + "damaged\n");
        Assert.True(columns.Update());
        Assert.Equal((3, 300.0, 1), (columns.Rows, columns.Steps[^1], columns.Damaged));
        Assert.Equal(0.25, columns.Last("policyLoss"));
        Assert.Equal([1.0, 2, 4, 8], columns.EpisodeReturns);
    }

    [Fact]
    public void A_file_that_is_begun_anew_or_cut_is_read_anew()
    {
        MadeRun.Write(folder.File("run"), [[1], [2], [3]]);
        var path = Path.Combine(folder.File("run"), RunFiles.Metrics);
        var columns = new MetricsColumns(path);
        columns.Update();
        MadeRun.Write(folder.File("run"), [[5]]);
        Assert.True(columns.Update());
        Assert.Equal([5.0], columns.EpisodeReturns);
        File.Delete(path);
        Assert.True(columns.Update());
        Assert.Equal(0, columns.Rows);
        Assert.False(columns.Update());
    }

    [Fact]
    public void A_journal_tells_what_still_holds_after_a_session_that_took_steps_anew()
    {
        var path = folder.File("journal.jsonl");
        var journal = new RunJournal(path);
        journal.Session(0, 1_000, 1);
        journal.Notice("early", 100);
        journal.Notice("late", 500);
        journal.Interrupted(500);
        new RunJournal(path).Session(300, 1_000, 1);
        var events = RunEvents.Read(path);
        Assert.Equal(["session", "notice", "session"], events.Events.Select(happened => happened.Type));
        Assert.Equal("early", events.Events[1].Message);
        Assert.Contains("processor", events.System.Keys);
        Assert.Equal(RunState.Interrupted, ObservedRun.End(folder.Path, events, 300, 1_000));
    }

    [Fact]
    public void A_line_that_a_kill_cut_short_swallows_no_other()
    {
        var path = folder.File("journal.jsonl");
        File.WriteAllText(path, "{\"type\":\"noti");
        new RunJournal(path).Notice("whole", 7);
        var events = RunEvents.Read(path);
        Assert.Equal((1, 1), (events.Damaged, events.Events.Count));
        Assert.Equal(("whole", 7), (events.Events[0].Message, events.Events[0].Steps));
    }

    [Fact]
    public void What_a_full_disk_refused_of_a_journal_comes_with_the_next_line()
    {
        // A folder in the place of the file refuses every line.
        var path = folder.File("journal.jsonl");
        Directory.CreateDirectory(path);
        var journal = new RunJournal(path);
        journal.Notice("first", 1);
        Directory.Delete(path);
        journal.Notice("second", 2);
        Assert.Equal(["first", "second"], RunEvents.Read(path).Events.Select(happened => happened.Message));
    }

    [Fact]
    public void Who_asks_whether_a_run_is_trained_hinders_nobody_from_training_it()
    {
        using var stop = new System.Threading.CancellationTokenSource();
        File.WriteAllText(folder.File(RunLock.Name), "");
        var asking = new System.Threading.Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                RunLock.IsHeldIn(folder.Path);
                System.Threading.Thread.Sleep(1);
            }
        });
        asking.Start();
        for (var attempt = 0; attempt < 200; attempt++)
        {
            using var taken = RunLock.TryTake(folder.Path);
            Assert.NotNull(taken);
        }

        stop.Cancel();
        asking.Join();
    }
}
