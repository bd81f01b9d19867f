using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Processes that are killed at any moment: the run ends with the right number of steps and the same
/// bits.</summary>
public sealed class LossTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 8,
        RolloutSteps = 256,
        Epochs = 4,
        Threads = 1,
        Hidden = [32, 32],
        TotalSteps = 8 * 256 * 40,
    };

    private static string Learner(RlCluster cluster) => cluster.Address.ToString();

    [Fact]
    public async Task Workers_that_are_killed_change_neither_steps_nor_bits()
    {
        using var alone = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 2);
        alone.Train();

        using var folder = new TemporaryFolder();
        var told = new Notices();
        await using var cluster = await RlCluster.StartAsync(
            new() { Port = Addresses.FreePort(IPAddress.Loopback) }, told);
        var workers = new List<Program>();
        Program Worker() => Program.Worker(folder.Path, Learner(cluster));
        try
        {
            workers.AddRange([Worker(), Worker(), Worker()]);
            await cluster.WaitForWorkersAsync(3).WaitAsync(TimeSpan.FromSeconds(180));
            using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 2);
            var kills = 0;
            var random = new Random(7);
            await Task.Run(() => agent.TrainDistributed(
                cluster,
                Options.TotalSteps,
                new SynchronousProgress<TrainingProgress>(now =>
                {
                    // All but the last are killed one after the other, in the middle of what they do.
                    if (now.Updates % 8 == 0 && kills < 3)
                    {
                        kills++;
                        var victim = workers[random.Next(workers.Count)];
                        workers.Remove(victim);
                        workers.Add(Worker());
                        _ = Task.Run(async () =>
                        {
                            await Task.Delay(random.Next(40));
                            victim.Kill();
                            victim.Dispose();
                        });
                    }
                })));
            Assert.Equal(3, kills);
            Assert.Equal(Options.TotalSteps, agent.Steps);
            Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
            Assert.True(cluster.Workers.Count(worker => worker.Steps > 0) >= 3);
        }
        finally
        {
            workers.ForEach(worker => worker.Dispose());
        }
    }

    [Fact]
    public async Task A_worker_that_only_has_its_episodes_is_found_to_be_lost_within_the_stated_time()
    {
        using var folder = new TemporaryFolder();
        var told = new Notices();
        await using var cluster = await RlCluster.StartAsync(
            new() { Port = Addresses.FreePort(IPAddress.Loopback) }, told);
        string[] plugin = ["--plugin", typeof(Counter).Assembly.Location];
        using var first = Program.Worker(folder.Path, Learner(cluster), plugin);
        using var second = Program.Worker(folder.Path, Learner(cluster), plugin);
        await cluster.WaitForWorkersAsync(2).WaitAsync(TimeSpan.FromSeconds(180));
        Plugin.Register(typeof(Counter).Assembly);
        using var agent = Agent.Create(
            Options with { RolloutSteps = 16, TotalSteps = 8 * 16 * 12 }, Environments.Make("SlowCounter"), seed: 2);
        var longest = TimeSpan.Zero;
        var last = Stopwatch.GetTimestamp();
        await Task.Run(() => agent.TrainDistributed(
            cluster,
            8 * 16 * 12,
            new SynchronousProgress<TrainingProgress>(now =>
            {
                var took = Stopwatch.GetElapsedTime(last);
                longest = now.Updates > 1 && took > longest ? took : longest;
                last = Stopwatch.GetTimestamp();
                if (now.Updates == 6)
                {
                    first.Kill();
                }
            })));
        Assert.Equal(8 * 16 * 12, agent.Steps);
        Assert.Contains(told.All, notice => notice.Contains("its copies act in another", StringComparison.Ordinal));

        // Three questions a second apart, and what the machine is busy with beside.
        Assert.InRange(longest.TotalSeconds, 0.5, 15);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"the update that lost a worker took {longest.TotalSeconds:0.0} s"));
    }

    [Fact]
    public async Task A_learner_that_is_killed_is_resumed_from_its_checkpoint_with_the_same_bits()
    {
        using var folder = new TemporaryFolder();
        string[] task = ["ppo", "CartPole-v1", "--steps", "60000", "--seed", "4", "--threads", "1", "--episodes", "1"];
        using var alone = Program.Rl(folder.Path, ["train", .. task, "--run", "alone"]);
        Assert.Equal(0, await alone.Ends());

        var port = Addresses.FreePort(IPAddress.Loopback).ToString(CultureInfo.InvariantCulture);
        string[] cluster = ["--workers", "2", "--port", port];
        using var learner = Program.Rl(
            folder.Path, ["cluster", "train", .. task, "--run", "spread", .. cluster, "--checkpoint-every", "4096"]);
        var metrics = folder.File("runs/spread/metrics.csv");
        var watch = Stopwatch.StartNew();
        while (!(File.Exists(metrics) && File.ReadLines(metrics).Count() > 6))
        {
            Assert.True(watch.Elapsed.TotalSeconds < 60 && !learner.HasExited, learner.Output);
            await Task.Delay(20);
        }

        var children = Children(learner.Id);
        learner.Kill();
        Assert.Equal(2, children.Count);
        using var resumed = Program.Rl(
            folder.Path, ["cluster", "train", "--resume", "spread", "--episodes", "1", .. cluster]);
        Assert.True(await resumed.Ends() == 0, resumed.Output);
        Assert.Equal(
            File.ReadAllBytes(folder.File("runs/alone/agent.rl")),
            File.ReadAllBytes(folder.File("runs/spread/agent.rl")));
        Assert.All(
            children,
            child => Assert.False(Directory.Exists($"/proc/{child}"), $"worker {child} outlived its learner"));
    }

    private static List<int> Children(int parent)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are looked up in /proc.");
        return [.. Directory.EnumerateDirectories("/proc")
            .Select(path => Path.GetFileName(path))
            .Where(name => int.TryParse(name, out _))
            .Where(name => Stat(name) is { } stat
                && stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == parent.ToString(CultureInfo.InvariantCulture))
            .Select(name => int.Parse(name, CultureInfo.InvariantCulture))];
    }

    private static string? Stat(string process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/stat");
        }
        catch (IOException)
        {
            return null;
        }
    }
}
