using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Rl.Distributed.Grains;
using Rl.Distributed.Internal;

namespace Rl.Distributed;

/// <summary>A cluster as a learner sees it: workers in other processes and on other machines, in which an agent's
/// copies act while it learns here.</summary>
/// <remarks>An agent becomes the same bit for bit as in one process, whatever the number of workers and whichever of
/// them are lost meanwhile: what a worker does follows from the request alone. That holds for environments whose states
/// can be copied, as the library's; of others, the copies of a lost worker begin new episodes. IMPALA and APPO learn
/// from the workers that are quicker while the others still act (<see cref="RlClusterOptions.MaximumLag"/>): what they
/// become depends on who was when. Algorithms from replayed steps have their memory in the workers
/// (<see cref="RlClusterOptions.Memories"/>); what a lost worker remembered is lost. With a
/// <see cref="RlClusterOptions.MaximumLag"/> their copies do not wait for the learner either.</remarks>
public sealed class RlCluster : IAsyncDisposable
{
    private readonly Member member;
    private readonly WorkerDirectory directory;
    private readonly WorkerLedger ledger = new();
    private readonly int maximumLag;
    private readonly int lead;
    private readonly int memories;
    private readonly Action<string> notify;

    private RlCluster(Member member, RlClusterOptions options, Action<string> notify)
    {
        this.member = member;
        (maximumLag, lead) = (options.MaximumLag ?? RlClusterOptions.DefaultLag, options.MaximumLag ?? 0);
        memories = options.Memories;
        this.notify = notify;
        directory = new(member.Services.GetRequiredService<ISiloStatusOracle>());
    }

    /// <summary>Where workers reach the learner.</summary>
    public IPEndPoint Address => member.Address;

    /// <summary>The workers that are there, and those that have acted and are gone.</summary>
    public IReadOnlyList<ClusterWorker> Workers => ledger.Read(directory.Live);

    /// <summary>Joins a cluster as its learner. Without a store it keeps the list of members itself.</summary>
    /// <param name="options">Where to listen and how members find each other.</param>
    /// <param name="notices">Is told in a sentence of workers that are lost or refused.</param>
    /// <param name="cancellationToken">Gives up joining.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="RlClusterException">The port is taken, or the store does not answer.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before it had joined.</exception>
    public static async Task<RlCluster> StartAsync(
        RlClusterOptions options,
        IProgress<string>? notices = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Action<string> notify = notices is null ? _ => { } : notices.Report;
        var member = await Member.Join(options, isWorker: false, cancellationToken).ConfigureAwait(false);
        return new(member, options, notify);
    }

    /// <summary>Waits until so many workers are there.</summary>
    /// <param name="count">At least 1.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async Task WaitForWorkersAsync(int count, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        while (true)
        {
            var changed = directory.Changed;
            if (directory.Live.Count >= count)
            {
                return;
            }

            await Task.WhenAny(changed, Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken))
                .ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Has an agent's copies act in the workers until the result is disposed of: <c>using
    /// (cluster.Attach(agent)) { agent.Train(1_000_000); }</c>. Training waits where there is no worker.</summary>
    /// <param name="agent">An agent of an algorithm that collects rollouts with a critic (PPO, A2C, VPG, TRPO, NPG,
    /// PPG, V-MPO, and IMPALA and APPO, whose workers do not wait for each other), or that judges candidates by their
    /// episodes (ES, CEM, ARS), of which seeds and returns travel alone, or that learns from single replayed steps
    /// (DQN and its kin, SAC, TD3), which workers remember.</param>
    /// <param name="cancellationToken">Also ends the waiting for workers within an update.</param>
    /// <exception cref="ArgumentException">The agent's copies depend on each other, by a wrapper that normalises, or
    /// its algorithm acts otherwise.</exception>
    public IDisposable Attach(Agent agent, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(agent);
        var plan = new ActorPlan
        {
            Version = LibraryVersion.Text,
            Environment = agent.EnvironmentId,
            Notes = [.. agent.EnvironmentNotes.SelectMany(note => new[] { note.Key, note.Value })],
            Description = [],
        };
        var grains = member.Services.GetRequiredService<IGrainFactory>();
        var calls = new WorkerCalls(grains, directory, ledger, member.Notices, plan);
        var carrier = new AgentCarrier(
            new RoundCarrier(grains, directory, ledger, member.Notices, plan, notify, cancellationToken),
            new AsynchronousCarrier(calls, directory, ledger, member.Notices, maximumLag, notify, cancellationToken),
            new MemoryCarrier(
                calls, directory, ledger, member.Notices, memories, lead, notify, cancellationToken));
        var attached = carrier.Until(agent.ActElsewhere(carrier));

        // Who could not act for the last agent may well act for this one.
        ledger.ForgetRefusals();
        return attached;
    }

    /// <summary>Has pieces of a population's training done by the workers.</summary>
    internal PieceCarrier Pieces() => new(
        member.Services.GetRequiredService<IGrainFactory>(), directory, ledger, member.Notices, notify);

    /// <summary>Leaves the cluster.</summary>
    public async ValueTask DisposeAsync()
    {
        directory.Dispose();
        await member.DisposeAsync().ConfigureAwait(false);
    }
}
