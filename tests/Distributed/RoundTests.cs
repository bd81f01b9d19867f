using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Reflection;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Runtime;
using Rl.Core.Distributed;
using Rl.Distributed;
using Rl.Distributed.Grains;
using Rl.Distributed.Internal;
using Rl.Internal;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>What the learner makes of replies, with workers that are told what to do.</summary>
public sealed class RoundTests
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

    [Fact]
    public void A_reply_that_was_cancelled_is_lost_and_its_copies_act_again()
    {
        var told = new Notices();
        using var workers = new Puppets(2, EnvironmentSource.Of(Environments.Make("CartPole-v1")));
        var isFirst = true;
        workers.Instead = _ =>
        {
            var isLost = isFirst;
            isFirst = false;
            return isLost ? Task.FromCanceled<ActorReply>(new(canceled: true)) : null;
        };
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        using (agent.ActElsewhere(workers.Carrier(told)))
        {
            agent.TrainFor(1);
        }

        Assert.Equal(32, agent.Steps);
        Assert.Contains(told.All, notice => notice.Contains("does not answer", StringComparison.Ordinal));
    }

    [Fact]
    public void After_a_round_that_failed_a_worker_that_is_still_at_it_is_not_asked()
    {
        using var workers = new Puppets(2, EnvironmentSource.Of(Environments.Make("CartPole-v1")));
        var hangs = new TaskCompletionSource<ActorReply>();
        workers.Instead = worker => worker == 0 ? hangs.Task : Explode();
        using var agent = Agent.Create(Options, Environments.Make("CartPole-v1"), seed: 1);
        using var elsewhere = agent.ActElsewhere(workers.Carrier(new Notices()));
        var error = Assert.Throws<RlClusterException>(() => agent.TrainFor(1));
        Assert.Contains("failed 3 times, the last time: a message could not be read", error.Message,
            StringComparison.Ordinal);
        Assert.Contains("exploded", error.Message, StringComparison.Ordinal);

        workers.Instead = worker => worker == 0 ? hangs.Task : null;
        agent.TrainFor(1);
        Assert.Equal(32, agent.Steps);
        Assert.Equal(1, workers.Asked(0));

        // It is through.
        workers.Instead = _ => null;
        hangs.SetResult(new() { Kind = ActorReplyKind.Failed });
        for (var tries = 0; workers.Asked(0) < 2; tries++)
        {
            Assert.True(tries < 100, "Through with its share it is given none.");
            agent.TrainFor(1);
            Thread.Sleep(20);
        }
    }

    [Fact]
    public void Copies_that_begin_new_episodes_are_told_of()
    {
        var told = new Notices();
        using var workers = new Puppets(2, EnvironmentSource.Of(() => new Counter()));
        using var agent = Agent.Create(Options, () => new Counter(), seed: 1);
        using var elsewhere = agent.ActElsewhere(workers.Carrier(told));
        agent.TrainFor(64);
        Assert.Empty(told.All);
        workers.End(0);
        agent.TrainFor(64);
        Assert.Equal("2 of 4 copies began new episodes: no worker had theirs", Assert.Single(told.All));
    }

    private static async Task<ActorReply> Explode()
    {
        await Task.Yield();
        throw new InvalidOperationException("exploded");
    }
}

/// <summary>Workers without Orleans.</summary>
internal sealed class Puppets : IDisposable
{
    private readonly List<SiloAddress> live;
    private readonly List<SiloAddress> all;
    private readonly EnvironmentSource source;
    private readonly WorkerDirectory directory;
    private readonly Dictionary<int, IShareWorker> workers = [];
    private readonly ConcurrentDictionary<int, int> asked = [];

    private static ActorPlan Plan => new() { Version = "", Environment = "", Notes = [], Description = [] };

    private IGrainFactory Grains =>
        Puppet.Of<IGrainFactory>((_, arguments) => Grain(all.IndexOf(ActorKey.Worker((string)arguments[0]!))));

    public Puppets(int count, EnvironmentSource source)
    {
        this.source = source;
        all = [.. Enumerable.Range(0, count).Select(index => Address(index + 1))];
        live = [.. all];
        directory = new(Puppet.Of<ISiloStatusOracle>(Status));
    }

    /// <summary>What a worker replies instead of acting; null for acting.</summary>
    public Func<int, Task<ActorReply>?> Instead { get; set; } = _ => null;

    /// <summary>How often a worker was asked to take up a plan or to act.</summary>
    public int Asked(int worker) => asked.GetValueOrDefault(worker);

    /// <summary>The worker is no member any more.</summary>
    public void End(int worker) => live.Remove(all[worker]);

    public RoundCarrier Carrier(Notices told) => new(
        Grains, directory, new WorkerLedger(), new PeerNotices(), Plan, told.Report, CancellationToken.None);

    /// <summary>One whose workers do not wait, or remember, too.</summary>
    public AgentCarrier Late(Notices told, int lead = 0)
    {
        var (ledger, self) = (new WorkerLedger(), new PeerNotices());
        var calls = new WorkerCalls(Grains, directory, ledger, self, Plan);
        return new(
            Carrier(told),
            new AsynchronousCarrier(calls, directory, ledger, self, 4, told.Report, CancellationToken.None),
            new MemoryCarrier(calls, directory, ledger, self, 0, lead, told.Report, CancellationToken.None));
    }

    /// <summary>One for pieces of populations, which workers are told what to reply to.</summary>
    public PieceCarrier Pieces(Notices told, Func<int, Task<PieceReply>> reply) => new(
        Puppet.Of<IGrainFactory>((_, arguments) =>
        {
            var worker = all.IndexOf(ActorKey.Worker((string)arguments[0]!));
            return Puppet.Of<IPieceGrain>((method, _) =>
                method.Name == nameof(IPieceGrain.Train) ? reply(worker) : Task.FromResult(true));
        }),
        directory, new WorkerLedger(), new PeerNotices(), told.Report);

    public void Dispose()
    {
        directory.Dispose();
        foreach (var worker in workers.Values)
        {
            worker.Dispose();
        }
    }

    private static SiloAddress Address(int port) => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, port), 1);

    private object? Status(MethodInfo method, object?[] arguments)
    {
        switch (method.Name)
        {
            case "get_SiloAddress":
                return Address(9);
            case nameof(ISiloStatusOracle.GetActiveSilos):
                return live.ToArray();
            case nameof(ISiloStatusOracle.GetApproximateSiloStatus):
                return live.Contains((SiloAddress)arguments[0]!) ? SiloStatus.Active : SiloStatus.Dead;
            case nameof(ISiloStatusOracle.TryGetSiloName):
                arguments[1] = SiloSetup.WorkerPrefix + "puppet";
                return true;
            default:
                return true;
        }
    }

    private IActorGrain Grain(int worker) => Puppet.Of<IActorGrain>((method, arguments) =>
    {
        if (method.Name == nameof(IActorGrain.Begin))
        {
            asked.AddOrUpdate(worker, 1, (_, count) => count + 1);
            if (Instead(worker) is { } other)
            {
                return other;
            }

            workers.TryAdd(worker, ShareWorkers.create(((ActorPlan)arguments[0]!).Description, source.Create, 1));
            return Task.FromResult(new ActorReply { Kind = ActorReplyKind.Done });
        }

        var answer = workers[worker].Answer(((ActorRequest)arguments[0]!).Bytes);
        return Task.FromResult(new ActorReply { Kind = ActorReplyKind.Done, Answer = answer });
    });
}

/// <summary>An interface whose calls go to a function.</summary>
#pragma warning disable CA1852 // It is inherited from.
internal class Puppet : DispatchProxy
#pragma warning restore CA1852
{
    private Func<MethodInfo, object?[], object?> call = (_, _) => null;

    public static T Of<T>(Func<MethodInfo, object?[], object?> call)
        where T : class
    {
        var puppet = Create<T, Puppet>();
        ((Puppet)(object)puppet).call = call;
        return puppet;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => call(targetMethod!, args ?? []);
}
