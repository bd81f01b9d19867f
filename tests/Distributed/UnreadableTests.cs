using System;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Threading;
using System.Threading.Tasks;
using Rl.Distributed;
using Rl.Distributed.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>Messages that their receiver cannot read, or that never arrive though both sides are there: asked for again
/// within seconds, and an error where it goes on.</summary>
public sealed class UnreadableTests
{
    private static readonly PpoOptions Options = new()
    {
        EnvironmentCopies = 6,
        RolloutSteps = 64,
        MinibatchSize = 64,
        Epochs = 1,
        Threads = 1,
        Hidden = [32, 32],
        TotalSteps = 6 * 64 * 3,
    };

    /// <summary>Of either side, damaged or cut off.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task A_message_that_does_not_arrive_is_sent_again_and_the_bits_are_the_same(bool ofWorker, bool cuts)
    {
        using var alone = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        alone.Train();
        var damage = new Damage(ofWorker, times: 1, cuts);
        await using var wired = await Wired.Start(damage);
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        var watch = Stopwatch.StartNew();
        await Task.Run(() => agent.TrainDistributed(wired.Cluster, Options.TotalSteps))
            .WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.True(damage.IsDone);
        Assert.Equal(Options.TotalSteps, agent.Steps);
        Assert.Equal(alone.Parameters.ToArray(), agent.Parameters.ToArray());
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{watch.Elapsed.TotalSeconds:f1} s: {string.Join("; ", wired.Notices.All)}");
    }

    [Fact]
    public async Task A_worker_none_of_whose_answers_can_be_read_ends_it_with_an_error()
    {
        await using var wired = await Wired.Start(new(ofWorker: true, times: int.MaxValue, cuts: false));
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 9);
        var error = await Assert.ThrowsAsync<RlClusterException>(
            () => Task.Run(() => agent.TrainDistributed(wired.Cluster, Options.TotalSteps))
                .WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken));
        Assert.Contains("look whether the worker's version of Rl is the learner's", error.Message,
            StringComparison.Ordinal);
        Assert.Equal(0, agent.Steps);
    }

    /// <summary>A learner and a worker with wires between them.</summary>
    private sealed class Wired : IAsyncDisposable
    {
        private readonly CancellationTokenSource stop = new();
        private readonly Wire[] wires;
        private readonly Task worker;

        private Wired(RlCluster cluster, Notices notices, Wire[] wires, RlClusterOptions options)
        {
            (Cluster, Notices, this.wires) = (cluster, notices, wires);
            worker = Task.Run(() => RlWorker.RunAsync(options, notices, stop.Token));
        }

        public RlCluster Cluster { get; }

        public Notices Notices { get; }

        public static async Task<Wired> Start(Damage damage)
        {
            const string BeforeWorker = "127.0.0.2";
            const string BeforeLearner = "127.0.0.3";
            var (port, own) = (Addresses.FreePort(IPAddress.Loopback), Addresses.FreePort(IPAddress.Loopback));
            Wire[] wires =
            [
                new(BeforeWorker, own, isAtWorker: true, damage),
                new(BeforeLearner, port, isAtWorker: false, damage),
            ];
            var notices = new Notices();
            var cluster = await RlCluster.StartAsync(new() { Port = port, Advertise = BeforeLearner }, notices);
            var wired = new Wired(cluster, notices, wires, new()
            {
                Learner = $"{BeforeLearner}:{port}",
                Port = own,
                Advertise = BeforeWorker,
                Threads = 1,
            });
            await cluster.WaitForWorkersAsync(1).WaitAsync(TimeSpan.FromSeconds(60));
            return wired;
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await worker;
            await Cluster.DisposeAsync();
            foreach (var wire in wires)
            {
                wire.Dispose();
            }

            stop.Dispose();
        }
    }
}
