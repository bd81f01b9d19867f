using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Searches by candidates in a cluster: the bits of one process.</summary>
public sealed class ClusterCandidateTests
{
    private static readonly AgentOptions[] Searches =
    [
        new EsOptions { EnvironmentCopies = 6, Threads = 1, TotalSteps = 4_000 },
        new CemOptions { EnvironmentCopies = 6, Threads = 1, TotalSteps = 4_000 },
        new ArsOptions { EnvironmentCopies = 6, Threads = 1, TotalSteps = 4_000 },
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Workers_give_the_bits_of_one_process(int count)
    {
        await using var workers = await Running.Start(count, new RlClusterOptions());
        foreach (var options in Searches)
        {
            using var alone = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 9);
            alone.Train();
            var before = workers.Cluster.Workers.Sum(worker => worker.Steps);
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 9);
            await Task.Run(() => agent.TrainDistributed(workers.Cluster, options.TotalSteps));
            Assert.Equal(alone.Steps, agent.Steps);
            Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
            Assert.Equal(agent.Steps, workers.Cluster.Workers.Sum(worker => worker.Steps) - before);
        }

        Assert.All(
            workers.Cluster.Workers, worker => Assert.True(worker is { IsLive: true, Steps: > 0, Refusal: null }));
    }

    [Fact]
    public async Task Workers_that_are_killed_change_neither_steps_nor_bits()
    {
        var options = new EsOptions { Directions = 40, Hidden = [32, 32], Threads = 1, TotalSteps = 600_000 };
        using var alone = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 2);
        alone.Train();

        using var folder = new TemporaryFolder();
        await using var cluster = await RlCluster.StartAsync(
            new() { Port = Addresses.FreePort(IPAddress.Loopback) }, new Notices());
        var workers = new List<Program>();
        Program Worker() => Program.Worker(folder.Path, cluster.Address);
        try
        {
            workers.AddRange([Worker(), Worker()]);
            await cluster.WaitForWorkersAsync(2).WaitAsync(TimeSpan.FromSeconds(180));
            using var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 2);
            var kills = 0;
            await Task.Run(() => agent.TrainDistributed(
                cluster,
                options.TotalSteps,
                new SynchronousProgress<TrainingProgress>(now =>
                {
                    // In the middle of the next update, or between two.
                    if (now.Updates % 5 == 0 && kills < 2)
                    {
                        var victim = workers[kills++];
                        workers.Add(Worker());
                        _ = Task.Run(async () =>
                        {
                            await Task.Delay(15 * kills);
                            victim.Kill();
                        });
                    }
                })));
            Assert.Equal(2, kills);
            Assert.Equal(alone.Steps, agent.Steps);
            Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
        }
        finally
        {
            workers.ForEach(worker => worker.Dispose());
        }
    }

    [Fact]
    public async Task The_command_writes_the_file_of_one_process()
    {
        using var folder = new TemporaryFolder();
        string[] task =
        [
            "cem", "CartPole-v1", "--steps", "5000", "--seed", "4", "--threads", "1", "--episodes", "1",
            "--set", "NormaliseObservations=true",
        ];
        using var alone = Program.Rl(folder.Path, ["train", .. task, "--run", "alone"]);
        Assert.True(await alone.Ends() == 0, alone.Output);
        var port = Addresses.FreePort(IPAddress.Loopback);
        using var spread = Program.Rl(
            folder.Path, ["cluster", "train", .. task, "--run", "spread", "--workers", "2", "--port", $"{port}"]);
        Assert.True(await spread.Ends() == 0, spread.Output);
        Assert.Equal(
            File.ReadAllBytes(folder.File("runs/alone/agent.rl")),
            File.ReadAllBytes(folder.File("runs/spread/agent.rl")));
    }
}
