using System;
using System.Net;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Rl.Cli.Cluster;
using Rl.Cli.Commands;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>What is left when a run of <c>rl cluster train</c> ends before its time.</summary>
public sealed class PlacedTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 4,
        RolloutSteps = 8,
        MinibatchSize = 16,
        Epochs = 1,
        Threads = 1,
        Hidden = [8],
        TotalSteps = 4 * 8 * 20,
    };

    private readonly int port = Addresses.FreePort(IPAddress.Loopback);

    // A silo starts in stages; whichever of them is cancelled, the caller hears of the cancellation alone.
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(10)]
    [InlineData(20)]
    [InlineData(35)]
    [InlineData(50)]
    [InlineData(75)]
    [InlineData(100)]
    [InlineData(150)]
    [InlineData(300)]
    [InlineData(600)]
    public async Task An_agent_whose_cluster_was_not_waited_for_is_free_again(int milliseconds)
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(milliseconds));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Start(agent, soon.Token));
        agent.TrainFor(1);
        Assert.Equal(32, agent.Steps);
        Addresses.RequireFree(IPAddress.Loopback, port);
    }

    [Fact]
    public async Task A_cluster_is_left_also_while_an_update_that_was_left_behind_has_the_agent()
    {
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        using var stop = new CancellationTokenSource();
        var placing = Start(agent, stop.Token);
        var worker = RlWorker.RunAsync(new() { Learner = $"127.0.0.1:{port}", Threads = 1 }, null, stop.Token);
        var placed = await placing;
        using var isInUpdate = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var training = Task.Run(() => agent.TrainFor(1, new SynchronousProgress<TrainingProgress>(_ =>
        {
            isInUpdate.Set();
            goOn.Wait();
        })));
        Assert.True(isInUpdate.Wait(TimeSpan.FromSeconds(30)));
        placed.Dispose();
        Addresses.RequireFree(IPAddress.Loopback, port);
        goOn.Set();
        await training;
        await stop.CancelAsync();
        await worker;
    }

    // A program ends at Ctrl-C and when it is told to, whether or not it holds a cluster.
    [Fact]
    public async Task A_member_leaves_the_signals_to_its_program()
    {
        await using var member = await Member.Join(new() { Port = port }, isWorker: false, CancellationToken.None);
        Assert.Null(member.Services.GetService<IHostLifetime>() as ConsoleLifetime);
    }

    private Task<PlacedAgent> Start(Agent agent, CancellationToken interruption) => PlacedAgent.Start(
        agent, new() { Port = port }, new ClusterRequest { Workers = 1 }, starts: false, _ => { }, interruption);
}
