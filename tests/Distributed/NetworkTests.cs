using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>A learner and workers on hosts of their own, far apart, on a network that loses packets.</summary>
public sealed class NetworkTests
{
    private const int Updates = 6;

    private static readonly TimeSpan OneWay = TimeSpan.FromMilliseconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Hosts_with_delay_and_loss_between_them_write_the_file_of_one_process(bool losesWorker)
    {
        var reason = Hub.WhyNot();
        Assert.SkipUnless(reason is null, reason ?? "");
        using var folder = new TemporaryFolder();
        var steps = (8 * 64 * Updates).ToString(CultureInfo.InvariantCulture);
        string[] task =
        [
            "ppo", "CartPole-v1", "--defaults", "--set", "RolloutSteps=64", "--set", "MinibatchSize=64", "--steps",
            steps, "--seed", "4", "--threads", "1", "--episodes", "1",
        ];
        using var alone = Program.Rl(folder.Path, ["train", .. task, "--run", "alone"]);
        Assert.True(await alone.Ends() == 0, alone.Output);

        using var hub = new Hub(3, OneWay);
        await File.WriteAllTextAsync(folder.File("secret"), "nobody guesses this one 4711");
        string[] shared = ["--secret-file", "secret"];
        using var learner = hub.Rl(
            0, folder.Path,
            ["cluster", "train", .. task, "--run", "spread", "--workers", "2", "--listen", Hub.Address(0), .. shared]);
        var workers = new List<Program>();
        try
        {
            foreach (var host in new[] { 1, 2 })
            {
                workers.Add(hub.Rl(
                    host, folder.Path,
                    [
                        "cluster", "worker", "--with-input", "--learner", $"{Hub.Address(0)}:11111", "--listen",
                        Hub.Address(host), "--threads", "1", .. shared,
                    ]));
            }

            await learner.Says("waits for 2 workers");
            if (losesWorker)
            {
                // Its cable is pulled in the middle of the run: no packet tells that it is gone.
                await Rows(folder, learner, 2);
                hub.Unplug(2);
            }

            Assert.True(await learner.Ends() == 0, learner.Output);
        }
        finally
        {
            workers.ForEach(worker => worker.Dispose());
        }

        Assert.Equal(
            File.ReadAllBytes(folder.File("runs/alone/agent.rl")),
            File.ReadAllBytes(folder.File("runs/spread/agent.rl")));
        Assert.True(hub.Lost > 0, $"{hub.Sent} frames were sent");
        TestContext.Current.TestOutputHelper?.WriteLine($"{hub.Sent} frames, of which {hub.Lost} were lost");
    }

    /// <summary>Waits for so many rows of metrics, which come with updates.</summary>
    private static async Task Rows(TemporaryFolder folder, Program learner, int count)
    {
        var metrics = folder.File("runs/spread/metrics.csv");
        var watch = Stopwatch.StartNew();
        while (!(File.Exists(metrics) && File.ReadLines(metrics).Count() > count))
        {
            Assert.True(watch.Elapsed.TotalSeconds < 60 && !learner.HasExited, learner.Output);
            await Task.Delay(10);
        }
    }
}
