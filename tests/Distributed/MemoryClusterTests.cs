using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Memories in workers on Orleans: losses, the command; and what is made of replies, with workers
/// that are told what to do.</summary>
public sealed class MemoryClusterTests
{
    private static readonly DqnOptions Options = new()
    {
        EnvironmentCopies = 4,
        LearningStarts = 1_000,
        TrainFrequency = 8,
        GradientSteps = 8,
        BatchSize = 64,
        BufferSize = 20_000,
        ReturnSteps = 3,
        PriorityExponent = 0.6,
        ExplorationRate = 0.4,
        ExplorationLadder = 7,
        Hidden = [64],
        Threads = 1,
        TotalSteps = 16_384,
    };

    private static readonly DqnOptions Few = Options with
    {
        LearningStarts = 64,
        GradientSteps = 2,
        RoundSteps = 128,
        Hidden = [8],
        TotalSteps = 128 * 6,
    };

    /// <summary>Taking turns, and with copies that do not wait for the learner.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task A_worker_that_is_killed_costs_its_memory_alone_and_training_goes_on(int? lag)
    {
        using var folder = new TemporaryFolder();
        var told = new Notices();
        await using var cluster = await RlCluster.StartAsync(
            new() { Port = Addresses.FreePort(IPAddress.Loopback), MaximumLag = lag }, told);
        using var victim = Program.Worker(folder.Path, cluster.Address);
        using var other = Program.Worker(folder.Path, cluster.Address);
        await cluster.WaitForWorkersAsync(2).WaitAsync(TimeSpan.FromSeconds(180));
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 2);
        var rows = new List<(double Remembered, double Lost, double Updates)>();
        await Task.Run(() => agent.TrainDistributed(
            cluster,
            Options.TotalSteps,
            new SynchronousProgress<TrainingProgress>(now =>
            {
                rows.Add((
                    Metric(now, "remembered"), Metric(now, "lostSteps"), Metric(now, "gradientSteps")));
                if (rows.Count == 8)
                {
                    victim.Kill();
                }
            })));
        Assert.Equal(Options.TotalSteps, agent.Steps);
        Assert.Equal(0, rows[7].Lost);

        // Half of what had been remembered when it was killed, and nothing of the other, whatever Orleans lost with it;
        // the copies of either memory may be turns of 16 steps ahead.
        var ahead = 16 * (lag ?? 0);
        Assert.True(
            rows[^1].Lost >= 4_096 && rows[^1].Lost <= 4_608 + ahead,
            $"{rows[^1].Lost} lost: {string.Join("; ", told.All)}");
        Assert.InRange(rows[^1].Remembered + rows[^1].Lost, agent.Steps - ahead, agent.Steps + (2 * ahead));
        Assert.All(cluster.Workers, worker => Assert.True(lag is null ? worker.Lag is null : worker.Lag <= lag));
        Assert.Contains(told.All, notice => notice.Contains("what it remembered", StringComparison.Ordinal));
        Assert.All(rows[1..], row => Assert.Equal(32 * 8, row.Updates));
    }

    [Fact]
    public async Task The_command_trains_with_the_same_bits_for_any_number_of_workers_and_its_run_goes_on()
    {
        using var folder = new TemporaryFolder();
        Program Train(int workers, string run) => Program.Rl(
            folder.Path,
            "cluster", "train", "dqn", "CartPole-v1", "--workers", $"{workers}", "--memories", "2", "--port",
            Addresses.FreePort(IPAddress.Loopback).ToString(CultureInfo.InvariantCulture), "--steps", "3000", "--seed",
            "1", "--threads", "1", "--episodes", "1", "--run", run, "--set", "EnvironmentCopies=4", "--set",
            "PriorityExponent=0.6", "--set", "TrainFrequency=8", "--set", "GradientSteps=4", "--set", "Hidden=16");
        using var one = Train(1, "one");
        Assert.True(await one.Ends() == 0, one.Output);
        using var two = Train(2, "two");
        Assert.True(await two.Ends() == 0, two.Output);
        Assert.Equal(
            System.IO.File.ReadAllBytes(folder.File("runs/one/agent.rl")),
            System.IO.File.ReadAllBytes(folder.File("runs/two/agent.rl")));
        using var resume = Program.Rl(folder.Path, "resume", "two", "--steps", "4000", "--episodes", "1");
        Assert.True(await resume.Ends() == 0, resume.Output);
    }

    [Fact]
    public async Task The_command_has_workers_that_do_not_wait_tells_how_old_their_policies_are_and_goes_on()
    {
        using var folder = new TemporaryFolder();
        Program Train(params string[] words) => Program.Rl(
            folder.Path,
            [
                "cluster", "train", .. words, "--workers", "2", "--maximum-lag", "3", "--port",
                Addresses.FreePort(IPAddress.Loopback).ToString(CultureInfo.InvariantCulture), "--episodes", "1",
            ]);
        using var train = Train(
            "dqn", "CartPole-v1", "--steps", "3000", "--seed", "1", "--run", "late", "--set", "EnvironmentCopies=4",
            "--set", "PriorityExponent=0.6", "--set", "TrainFrequency=8", "--set", "GradientSteps=4", "--set",
            "Hidden=16");
        Assert.True(await train.Ends() == 0, train.Output);
        var table = System.IO.File.ReadAllLines(folder.File("runs/late/metrics.csv"));
        var lags = Array.IndexOf(table[0].Split(','), "largestLag");
        Assert.All(table[1..], row => Assert.InRange(
            double.Parse(row.Split(',')[lags], CultureInfo.InvariantCulture), 0, 3));
        using var resume = Train("--resume", "late", "--steps", "4000");
        Assert.True(await resume.Ends() == 0, resume.Output);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_reply_that_was_cancelled_loses_the_memory_and_its_copies_act_again(int lead) =>
        LateReplies.RequireAnother(Few, lead);

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Workers_that_all_refuse_say_why(int lead) => LateReplies.RequireRefusal(Few, lead).Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Copies_that_fail_again_and_again_end_it_and_it_may_be_tried_again(int lead) =>
        LateReplies.RequireFailures(Few, "3 times in a row, the last time: exploded", lead);

    private static double Metric(TrainingProgress now, string name) =>
        now.Metrics.Single(metric => metric.Key == name).Value;
}
