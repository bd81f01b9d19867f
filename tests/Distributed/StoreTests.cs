using System;
using System.Net;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>The list of members in Redis and in PostgreSQL, real ones, started by the tests.</summary>
public sealed class StoreTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 6,
        RolloutSteps = 32,
        MinibatchSize = 64,
        Epochs = 2,
        Threads = 1,
        Hidden = [16, 16],
        TotalSteps = 6 * 32 * 6,
    };

    [Theory]
    [InlineData("redis")]
    [InlineData("postgres")]
    public async Task Members_find_each_other_in_a_store_and_go_on_while_it_is_away(string kind)
    {
        await using var store = await TestStore.Start(kind);
        await AssertTrains(store.Text, async () =>
        {
            await store.GoAway();
            await Task.Delay(1500);
            await store.ComeBack();
        });
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_told()
    {
        var port = Addresses.FreePort(IPAddress.Loopback);
        var error = await Assert.ThrowsAsync<RlClusterException>(
            () => RlCluster.StartAsync(new() { Store = $"postgres:Host=127.0.0.1;Port={port};Username=rl;Timeout=2" }));
        Assert.Contains("cannot be joined through the store of its members", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Two workers and a learner of a store train to the bits of one process, also while it is away, and a
    /// worker that comes later is found.</summary>
    private static async Task AssertTrains(string store, Func<Task> goAway)
    {
        using var alone = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        alone.Train();
        var options = new RlClusterOptions { Store = store, Name = "tests" };
        await using var workers = await Running.Start(2, options);
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        using (workers.Cluster.Attach(agent))
        {
            await Task.Run(() => agent.TrainFor(6 * 32 * 2));
            var away = goAway();
            await Task.Run(() => agent.TrainFor(6 * 32 * 2));
            await away;
            workers.Add(options);
            await workers.Cluster.WaitForWorkersAsync(3).WaitAsync(TimeSpan.FromSeconds(180));
            await Task.Run(() => agent.Train());
        }

        Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
        Assert.Equal(3, workers.Cluster.Workers.Count);
    }
}
