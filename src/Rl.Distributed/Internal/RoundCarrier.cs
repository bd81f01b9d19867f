using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Orleans;
using Orleans.Runtime;
using Rl.Core.Distributed;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>Has the workers of a cluster do a learner's rounds, rollouts or candidates: cuts the copies into shares,
/// gives each to a worker, and gives it to another where the first is lost, fails or is much slower than the rest. The
/// bits do not depend on who acts.</summary>
internal sealed class RoundCarrier(
    IGrainFactory grains,
    WorkerDirectory directory,
    WorkerLedger ledger,
    PeerNotices self,
    ActorPlan environment,
    Action<string> notify,
    CancellationToken cancellation) : IRoundCarrier
{
    /// <summary>A share is given to an idle worker too when it takes this much longer than the slowest other, and at
    /// least <see cref="LeastPatience"/>.</summary>
    private const double Patience = 3;

    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(1);

    /// <summary>How many workers may fail with one share, until it is the share's fault.</summary>
    private const int MostFailures = 3;

    private readonly WorkerCalls calls = new(grains, directory, ledger, self, environment);
    private readonly List<Attempt> left = [];
    private List<Share>? kept;
    private bool hasCarried;
    private TimeSpan slowest = TimeSpan.FromSeconds(10);

    public void Carry(DistributedRound round) => CarryAsync(round).GetAwaiter().GetResult();

    private async Task CarryAsync(DistributedRound round)
    {
        var began = Stopwatch.GetTimestamp();
        var shares = await Split(round).ConfigureAwait(false);
        var running = new List<Attempt>();
        var finished = TimeSpan.Zero;
        try
        {
            while (shares.Exists(share => !share.IsDone))
            {
                cancellation.ThrowIfCancellationRequested();
                calls.RequireMembership();
                self.Tell(notify);
                var changed = directory.Changed;
                var live = Available();
                DropLost(running);
                Assign(round, shares, running, live, finished);
                if (running.Count == 0)
                {
                    calls.RequireWorkers(live);
                }

                var glance = Task.Delay(WorkerCalls.Glance, cancellation);
                await Task.WhenAny([changed, self.Lost, glance, .. running.Select(attempt => attempt.Reply)])
                    .ConfigureAwait(false);
                foreach (var attempt in running.Where(attempt => attempt.Reply.IsCompleted).ToList())
                {
                    running.Remove(attempt);
                    if (Take(round, attempt))
                    {
                        var took = Stopwatch.GetElapsedTime(attempt.Began);
                        finished = took > finished ? took : finished;
                    }
                }
            }
        }
        finally
        {
            // Those that are still at a share are not asked for more until they are through, whether another has done
            // it or the round has failed.
            running.ForEach(attempt => WorkerCalls.Observe(attempt.Reply));
            left.AddRange(running);
        }

        // In the first round nobody has them.
        if (hasCarried && round.RestartedCopies is > 0 and var restarted)
        {
            notify($"{restarted} of {round.Copies} copies began new episodes: no worker had theirs");
        }

        hasCarried = true;
        slowest = finished;
        ClusterMetrics.Round(Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    /// <summary>The shares of a round: one a worker. Copies whose episodes only the worker has that they began in stay
    /// in the shares of the first round.</summary>
    private async Task<List<Share>> Split(DistributedRound round)
    {
        if (kept is not null && !round.RestoresEpisodes)
        {
            kept.ForEach(share => share.Renew());
            return kept;
        }

        var hasTold = false;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            calls.RequireMembership();
            self.Tell(notify);
            var changed = directory.Changed;
            var workers = Available();
            if (workers.Count > 0)
            {
                var count = Math.Min(workers.Count, round.Copies);
                kept =
                [
                    .. Enumerable.Range(0, count).Select(index =>
                    {
                        var first = (int)((long)index * round.Copies / count);
                        var next = (int)((long)(index + 1) * round.Copies / count);
                        return new Share(first, next - first) { Owner = workers[index] };
                    }),
                ];
                return kept;
            }

            calls.RequireWorkers(workers);
            if (!hasTold && directory.Live.Count == 0)
            {
                hasTold = true;
                notify("there is no worker; waiting for one");
            }

            var glance = Task.Delay(WorkerCalls.Glance, cancellation);
            await Task.WhenAny(changed, self.Lost, glance).ConfigureAwait(false);
        }
    }

    /// <summary>The workers that may be asked now.</summary>
    private List<SiloAddress> Available()
    {
        left.RemoveAll(attempt => attempt.Reply.IsCompleted || !directory.IsLive(attempt.Worker));
        return calls.Available(worker => left.Exists(attempt => attempt.Worker.Equals(worker)));
    }

    /// <summary>Takes back the shares of workers that are no longer members.</summary>
    private void DropLost(List<Attempt> running)
    {
        foreach (var attempt in running.Where(attempt => !directory.IsLive(attempt.Worker)).ToList())
        {
            running.Remove(attempt);
            WorkerCalls.Observe(attempt.Reply);
            Lose(attempt, "is lost");
        }
    }

    private void Lose(Attempt attempt, string why)
    {
        attempt.Share.Running--;
        calls.Forget(attempt.Worker);
        if (!attempt.Share.IsDone)
        {
            ClusterMetrics.ShareLost();
            notify($"worker {attempt.Worker.Endpoint} {why}; its copies act in another");
        }
    }

    private void Assign(
        DistributedRound round, List<Share> shares, List<Attempt> running, List<SiloAddress> live, TimeSpan finished)
    {
        var idle = live.Where(worker => !running.Exists(attempt => attempt.Worker.Equals(worker))).ToList();
        foreach (var share in shares.Where(share => !share.IsDone && share.Running == 0))
        {
            if (round.RestoresEpisodes)
            {
                if (idle.Count == 0)
                {
                    break;
                }

                var worker = share.Owner is { } owner && idle.Contains(owner) ? owner : idle[0];
                idle.Remove(worker);
                Start(round, share, worker, running);
            }
            else
            {
                // It goes on where its episodes are; another begins new ones.
                if (share.Owner is null || !directory.IsLive(share.Owner) || ledger.HasRefused(share.Owner))
                {
                    share.Owner = live.MinBy(worker => shares.Count(other => worker.Equals(other.Owner)));
                }

                if (share.Owner is { } owner && live.Contains(owner))
                {
                    Start(round, share, owner, running);
                }
            }
        }

        if (!round.RestoresEpisodes || shares.Exists(share => !share.IsDone && share.Running == 0))
        {
            return;
        }

        var patience = Patience * (finished > TimeSpan.Zero ? finished : slowest);
        patience = patience > LeastPatience ? patience : LeastPatience;
        foreach (var slow in running.Where(attempt => attempt.Share is { IsDone: false, Running: 1 }
            && Stopwatch.GetElapsedTime(attempt.Began) > patience).ToList())
        {
            if (idle.Count == 0)
            {
                return;
            }

            Start(round, slow.Share, idle[0], running);
            idle.RemoveAt(0);
        }
    }

    private void Start(DistributedRound round, Share share, SiloAddress worker, List<Attempt> running)
    {
        share.Running++;
        var reply = Ask(round, share, worker);
        ledger.Began(worker, share.Number, reply);
        running.Add(new(share, worker, Stopwatch.GetTimestamp(), reply));
    }

    private Task<(ActorReply Reply, long Bytes)> Ask(DistributedRound round, Share share, SiloAddress worker) =>
        calls.Ask(worker, round.Key, round.Description, round.Request(share.First, share.Number));

    /// <summary>Takes in what came of an attempt; whether its share is done by it.</summary>
    private bool Take(DistributedRound round, Attempt attempt)
    {
        var (share, worker) = (attempt.Share, attempt.Worker);
        if (!attempt.Reply.IsCompletedSuccessfully)
        {
            WorkerCalls.RequireLostOnItsWay(attempt.Reply);
            calls.Rest(worker);
            Lose(attempt, "does not answer");
            return false;
        }

        var (reply, bytes) = attempt.Reply.Result;
        switch (reply.Kind)
        {
            case ActorReplyKind.Done when share.IsDone:
                share.Running--;
                return false;
            case ActorReplyKind.Done:
                share.Running--;
                calls.HasBegun(worker);
                return Accept(round, share, worker, reply.Answer!, bytes);
            case ActorReplyKind.Refused:
                ledger.Refused(worker, reply.Message ?? "");
                Lose(attempt, $"cannot act for this learner: {reply.Message}");
                return false;
            default:
                Lose(attempt, $"failed: {reply.Message}");
                Failed(share, reply.Message);
                return false;
        }
    }

    private bool Accept(DistributedRound round, Share share, SiloAddress worker, byte[] answer, long bytes)
    {
        try
        {
            var done = round.Accept(share.First, share.Number, answer);
            share.IsDone = true;
            share.Owner = round.RestoresEpisodes ? worker : share.Owner;
            ledger.Acted(worker, done.Steps, done.Seconds);
            ClusterMetrics.Acted(worker.Endpoint.ToString(), done.Steps, bytes);
            return true;
        }
        catch (Exception error) when (error is InvalidDataException or ArgumentException)
        {
            notify($"worker {worker.Endpoint} gave an answer that cannot be read: {error.Message}");
            Failed(share, error.Message);
            return false;
        }
    }

    private static void Failed(Share share, string? message)
    {
        if (++share.Failures >= MostFailures)
        {
            throw new RlClusterException(
                $"Copies {share.First} to {share.First + share.Number - 1} failed {share.Failures} times, the last "
                    + $"time: {message}");
        }
    }

    /// <summary>Some copies of a round.</summary>
    private sealed class Share(int first, int number)
    {
        public int First => first;

        public int Number => number;

        /// <summary>The worker that acted for it last.</summary>
        public SiloAddress? Owner { get; set; }

        public bool IsDone { get; set; }

        /// <summary>The workers that are at it.</summary>
        public int Running { get; set; }

        public int Failures { get; set; }

        public void Renew() => (IsDone, Running, Failures) = (false, 0, 0);
    }

    /// <summary>A share in the hands of a worker.</summary>
    private sealed record Attempt(
        Share Share, SiloAddress Worker, long Began, Task<(ActorReply Reply, long Bytes)> Reply);
}
