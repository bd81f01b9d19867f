using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl.Cli.Commands;
using Rl.Cli.Tuning;
using Rl.Core.Foundations;
using Rl.Distributed;
using Rl.Distributed.Internal;

namespace Rl.Cli.Cluster;

/// <summary>Pieces of a population that the workers of a cluster train, which this process is the learner of.</summary>
internal sealed class PlacedPieces : IMemberPieces, IDisposable
{
    private readonly RlCluster cluster;
    private readonly PieceCarrier carrier;
    private readonly LocalWorkers? local;
    private readonly Action<string> notify;

    private PlacedPieces(RlCluster cluster, LocalWorkers? local, Action<string> notify) =>
        (this.cluster, this.local, this.notify, carrier) = (cluster, local, notify, cluster.Pieces());

    /// <summary>All: whoever has no worker waits for one.</summary>
    public int AtOnce => int.MaxValue;

    /// <summary>Joins the cluster, starts workers if they are this machine's, and waits for those to begin
    /// with.</summary>
    public static async Task<PlacedPieces> Start(
        RlClusterOptions options, ClusterRequest request, bool starts, Action<string> notify,
        CancellationToken interruption)
    {
        var cluster = await RlCluster.StartAsync(options, new Notices(notify), interruption).ConfigureAwait(false);
        LocalWorkers? local = null;
        try
        {
            local = starts ? new LocalWorkers(request.Workers, cluster.Address, options, request.Plugins) : null;
            if (local is null)
            {
                notify(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the cluster \"{options.Name}\" at {cluster.Address} waits for {request.Workers} workers"));
            }

            await cluster.WaitForWorkersAsync(request.Workers, interruption).ConfigureAwait(false);
            return new(cluster, local, notify);
        }
        catch
        {
            local?.Dispose();
            await cluster.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<TrialScore> Train(MemberPiece piece, CancellationToken interruption)
    {
        var reply = await carrier.Train(
            new()
            {
                Agent = await File.ReadAllBytesAsync(piece.From, interruption).ConfigureAwait(false),
                Settings =
                    [.. TunedFile.Settings(piece.Options).SelectMany(setting => new[] { setting.Key, setting.Value })],
                TotalSteps = piece.Options.TotalSteps,
                Branch = piece.Training.Branch ?? -1,
                Target = piece.Target,
                Episodes = piece.Episodes,
            },
            string.Create(CultureInfo.InvariantCulture, $"member {piece.Member.Number}"),
            interruption).ConfigureAwait(false);
        if (reply.Agent is { } bytes)
        {
            WholeFile.Write(piece.To, stream => stream.Write(bytes));
        }

        return new(reply.Score, reply.Failure, reply.Seconds);
    }

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
            local?.Dispose();
        }
        finally
        {
            cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private sealed class Notices(Action<string> notify) : IProgress<string>
    {
        public void Report(string value) => notify(value);
    }
}
