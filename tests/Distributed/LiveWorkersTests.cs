using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli;
using Rl.Cli.Cluster;
using Rl.Cli.Views;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>The rows of workers in the live view: what they say, that they fit, and that they are there alone where a
/// terminal is.</summary>
public sealed partial class LiveWorkersTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("rl-live-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_worker_works_waits_is_silent_refused_or_lost()
    {
        var now = TimeSpan.FromSeconds(10);
        ClusterWorker[] workers =
        [
            Worker(1) with { AtWork = TimeSpan.FromSeconds(1) },
            Worker(2),
            // It needs a second for a share.
            Worker(3) with { AtWork = TimeSpan.FromSeconds(4) },
            // Half a minute is what this one needs.
            Worker(4) with { AtWork = TimeSpan.FromSeconds(40), Busy = TimeSpan.FromSeconds(300) },
            Worker(5) with { IsLive = false, AtWork = TimeSpan.FromSeconds(9) },
            Worker(6) with { Refusal = "another version", Lag = 3 },
            Worker(7) with { AtWork = TimeSpan.FromSeconds(20), Answers = 0 },
        ];
        var watch = new WorkerWatch(() => workers, 32, () => now);
        Assert.Equal(
            ["working", "waiting", "silent for 4 s", "working", "lost", "refused", "working"],
            watch.Rows().Select(row => row.State));
        Assert.Equal(
            [false, false, true, false, true, true, false], watch.Rows().Select(row => row.IsTrouble));
        Assert.Equal([0.25, 0.25, 0.25, 0.25, 0, 0, 0.25], watch.Rows().Select(row => row.Share));
        Assert.Equal(3, watch.Rows()[5].Lag);

        // 500 steps in two seconds; after long enough only what came lately counts.
        Assert.All(watch.Rows(), row => Assert.True(double.IsNaN(row.StepsPerSecond) || row.StepsPerSecond == 0));
        now += TimeSpan.FromSeconds(2);
        workers[0] = workers[0] with { Steps = workers[0].Steps + 500 };
        Assert.Equal(250, watch.Rows()[0].StepsPerSecond);
        now += TimeSpan.FromSeconds(20);
        watch.Rows();
        now += TimeSpan.FromSeconds(4);
        Assert.Equal(0, watch.Rows()[0].StepsPerSecond);
    }

    [Theory]
    [InlineData(3, 80, 10)]
    [InlineData(40, 80, 10)]
    [InlineData(40, 30, 5)]
    [InlineData(2, 40, 2)]
    public void Lines_fit_their_terminal_and_those_in_trouble_are_never_left_out(int count, int columns, int most)
    {
        var rows = Enumerable.Range(0, count).Select(number => new WorkerRow(
            $"10.0.0.{number}:4711", 1_234 * number, 1.0 / count, number == count - 1 ? "lost" : "working",
            number == count - 1, number == 0 ? 2 : null)).ToArray();
        var lines = WorkerLines.Of(rows, columns, most);
        Assert.InRange(lines.Count, 2, most);
        Assert.All(lines, line => Assert.InRange(line.Text.Length, 1, columns - 1));
        Assert.Contains(
            lines, line => line.IsTrouble && line.Text.Contains($"10.0.0.{count - 1}:", StringComparison.Ordinal));
        var named = lines.Count(line => line.Text.StartsWith("10.", StringComparison.Ordinal));
        if (named < count && lines.Count < most)
        {
            Assert.Contains($"and {count - named} more", lines[^1].Text, StringComparison.Ordinal);
        }

        if (columns == 80 && count == 3)
        {
            Assert.Equal("worker          steps/s  copies  lag", lines[0].Text);
            Assert.Equal("10.0.0.0:4711         0    33 %    2  working", lines[1].Text);
            Assert.Equal("10.0.0.2:4711     2,468    33 %    -  lost", lines[3].Text);
        }

        Assert.Equal([("no worker is there", true)], WorkerLines.Of([], columns, most));
    }

    [Theory]
    [InlineData("ppo", 80, 24)]
    [InlineData("ppo", 44, 14)]
    [InlineData("appo", 100, 40)]
    public async Task The_live_table_has_a_row_a_worker_and_fits_its_terminal(string algorithm, int columns, int rows)
    {
        var (output, code) = await Train(algorithm, new StringWriter(), columns, rows);
        Assert.Equal(0, code);
        var live = output[..output.LastIndexOf(" left", StringComparison.Ordinal)];
        var from = live.LastIndexOf('╭');
        live = output[from..output.IndexOf("workers: 127", from, StringComparison.Ordinal)];
        Assert.Contains("mean return", live, StringComparison.Ordinal);
        var lines = live.Split('\n').Select(line => line.TrimEnd()).ToArray();
        Assert.Contains(lines, line => line.StartsWith("worker ", StringComparison.Ordinal));
        var workers = lines.Where(line => line.StartsWith("127.0.0.1:", StringComparison.Ordinal)).ToArray();
        Assert.Equal(2, workers.Distinct().Count());
        Assert.All(workers, worker => Assert.Matches(Row(), worker));
        Assert.Equal(algorithm == "appo", lines.Any(line => line.EndsWith(" lag", StringComparison.Ordinal)));
        Assert.All(lines, line => Assert.InRange(line.Length, 0, columns));
        Assert.InRange(lines.Length, 6, rows);
    }

    [Fact]
    public async Task Where_no_terminal_is_lines_are_as_they_were()
    {
        var (output, code) = await Train("ppo", new StringWriter(), null, null);
        Assert.Equal(0, code);
        Assert.DoesNotContain('\e', output);
        Assert.All(
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches("^(training|notice|trained|evaluation|run | *[0-9]+%)", line));
    }

    /// <summary>Trains with two workers of this process, in a terminal of a size or in none.</summary>
    private async Task<(string Output, int Code)> Train(
        string algorithm, StringWriter output, int? columns, int? rows)
    {
        var port = Addresses.FreePort(IPAddress.Loopback);
        var learner = $"127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}";
        using var stop = new CancellationTokenSource();
        var workers = Enumerable.Range(0, 2)
            .Select(_ => Task.Run(() => RlWorker.RunAsync(new() { Learner = learner, Threads = 1 }, null, stop.Token)))
            .ToArray();
        var synchronised = TextWriter.Synchronized(output);
        var code = await Task.Run(() => CommandLine.Run(
            [
                "cluster", "train", algorithm, "CartPole-v1", "--steps", "6k", "--workers", "2", "--start-none",
                "--port", port.ToString(CultureInfo.InvariantCulture), "--run", Path.Combine(folder, "run"), "--set",
                "RolloutSteps=128",
            ],
            new(synchronised, synchronised, columns is not null, columns, rows),
            CancellationToken.None));
        await stop.CancelAsync();
        await Task.WhenAll(workers);
        return (Colour().Replace(output.ToString(), ""), code);
    }

    private static ClusterWorker Worker(int number) =>
        new($"10.0.0.{number}:4711", true, 1_000, TimeSpan.FromSeconds(10), null) { Copies = 8, Answers = 10 };

    [GeneratedRegex("\e\\[[0-9;?]*[A-Za-z]")]
    private static partial Regex Colour();

    [GeneratedRegex("^127\\.0\\.0\\.1:[0-9]+ +[0-9,]+ +[0-9]+ % .*(working|waiting)$")]
    private static partial Regex Row();
}
