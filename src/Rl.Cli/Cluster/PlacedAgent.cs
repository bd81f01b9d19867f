using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli.Commands;
using Rl.Cli.Views;
using Rl.Distributed;

namespace Rl.Cli.Cluster;

/// <summary>An agent whose copies act in a cluster that this process is the learner of, until it is disposed
/// of.</summary>
internal sealed class PlacedAgent : IDisposable, IWorkerRows
{
    private readonly RlCluster cluster;
    private readonly IDisposable attached;
    private readonly LocalWorkers? local;
    private readonly Action<string> notify;
    private readonly WorkerWatch watch;

    private PlacedAgent(
        RlCluster cluster, IDisposable attached, LocalWorkers? local, int copies, Action<string> notify)
    {
        (this.cluster, this.attached, this.local, this.notify) = (cluster, attached, local, notify);
        var began = Stopwatch.GetTimestamp();
        watch = new(() => cluster.Workers, copies, () => Stopwatch.GetElapsedTime(began));
    }

    /// <summary>Joins the cluster, starts workers if they are this machine's, and waits for those to begin
    /// with.</summary>
    public static async Task<PlacedAgent> Start(
        Agent agent, RlClusterOptions options, ClusterRequest request, bool starts, Action<string> notify,
        CancellationToken interruption)
    {
        var cluster = await RlCluster.StartAsync(options, new Notices(notify), interruption).ConfigureAwait(false);
        IDisposable? attached = null;
        LocalWorkers? local = null;
        try
        {
            // What cannot be spread is told before anybody is waited for.
            attached = cluster.Attach(agent, interruption);
            local = starts ? new LocalWorkers(request.Workers, cluster.Address, options, request.Plugins) : null;
            if (local is null)
            {
                notify(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the cluster \"{options.Name}\" at {cluster.Address} waits for {request.Workers} workers"));
            }

            await cluster.WaitForWorkersAsync(request.Workers, interruption).ConfigureAwait(false);
            return new(cluster, attached, local, agent.Options.EnvironmentCopies, notify);
        }
        catch
        {
            attached?.Dispose();
            local?.Dispose();
            await cluster.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public IReadOnlyList<WorkerRow> Rows() => watch.Rows();

    public void Dispose()
    {
        var workers = cluster.Workers.Where(worker => worker.Steps > 0).ToList();
        if (workers.Count > 0)
        {
            notify("workers: " + string.Join(", ", workers.Select(worker => string.Create(
                CultureInfo.InvariantCulture,
                $"{worker.Address} {worker.Steps:N0} steps in {worker.Busy.TotalSeconds:0.0} s"))));
        }

        try
        {
            attached.Dispose();
        }
        catch (InvalidOperationException)
        {
            // An update that was left behind has the agent; it ends with the process.
        }
        finally
        {
            try
            {
                local?.Dispose();
            }
            finally
            {
                cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
        }
    }

    private sealed class Notices(Action<string> notify) : IProgress<string>
    {
        public void Report(string value) => notify(value);
    }
}
