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

/// <summary>Workers that do not wait, on Orleans: learning, losses, the command.</summary>
public sealed class AsynchronousClusterTests
{
    private static readonly AppoOptions Options = new()
    {
        EnvironmentCopies = 8,
        Threads = 1,
        Hidden = [32, 32],
        LearningRate = Schedule.Linear(1e-3, 0),
        TotalSteps = 200_000,
    };

    [Fact]
    public async Task Two_workers_that_do_not_wait_learn_to_balance()
    {
        await using var workers = await Running.Start(2, new RlClusterOptions { MaximumLag = 4 });
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        var lags = new List<double>();
        await Task.Run(() => agent.TrainDistributed(
            workers.Cluster,
            Options.TotalSteps,
            new SynchronousProgress<TrainingProgress>(now => lags.Add(
                now.Metrics.Single(metric => metric.Key == "largestLag").Value))));
        var round = 8 * Options.RolloutSteps;
        Assert.Equal((Options.TotalSteps + round - 1) / round * round, agent.Steps);
        Assert.All(lags, lag => Assert.InRange(lag, 0, 4));
        Assert.Contains(lags, lag => lag > 0);
        Assert.All(workers.Cluster.Workers, worker => Assert.True(worker.Steps > 0));

        // Chance gets 22; which share came first is the network's affair.
        var evaluation = agent.Evaluate(20, seed: 5);
        Assert.True(evaluation.Mean > 300, $"The mean return is {evaluation.Mean}.");
    }

    [Fact]
    public async Task A_worker_that_is_killed_costs_its_share_alone()
    {
        using var folder = new TemporaryFolder();
        var told = new Notices();
        await using var cluster = await RlCluster.StartAsync(
            new() { Port = Addresses.FreePort(IPAddress.Loopback) }, told);
        using var victim = Program.Worker(folder.Path, cluster.Address);
        using var other = Program.Worker(folder.Path, cluster.Address);
        await cluster.WaitForWorkersAsync(2).WaitAsync(TimeSpan.FromSeconds(180));
        using var agent = Agent.Create(
            Options with { TotalSteps = 8 * 64 * 100 }, Environments.Make("CartPole-v1"), seed: 2);
        var updates = 0L;
        await Task.Run(() => agent.TrainDistributed(
            cluster,
            8 * 64 * 100,
            new SynchronousProgress<TrainingProgress>(now =>
            {
                updates = now.Updates;
                if (now.Updates == 30)
                {
                    victim.Kill();
                }
            })));
        Assert.Equal(8 * 64 * 100, agent.Steps);
        Assert.Equal(100, updates);
    }

    [Fact]
    public async Task The_command_trains_and_evaluates_and_its_run_goes_on()
    {
        using var folder = new TemporaryFolder();
        var port = Addresses.FreePort(IPAddress.Loopback).ToString(CultureInfo.InvariantCulture);
        using var train = Program.Rl(
            folder.Path,
            "cluster", "train", "appo", "CartPole-v1", "--workers", "2", "--maximum-lag", "3", "--port", port,
            "--steps", "20000", "--seed", "1", "--episodes", "2", "--run", "spread");
        Assert.True(await train.Ends() == 0, train.Output);
        using var evaluate = Program.Rl(folder.Path, "evaluate", "spread", "--episodes", "3");
        Assert.True(await evaluate.Ends() == 0, evaluate.Output);
        using var resume = Program.Rl(
            folder.Path, "resume", "spread", "--steps", "24000", "--episodes", "1");
        Assert.True(await resume.Ends() == 0, resume.Output);
    }
}
