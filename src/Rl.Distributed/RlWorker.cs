using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Rl.Distributed.Internal;

namespace Rl.Distributed;

/// <summary>A process that acts for learners.</summary>
public static class RlWorker
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>How often in a row a learner that keeps the list of members may be away.</summary>
    private const int MostAbsences = 3;

    /// <summary>Joins the cluster and acts for its learners until it is cancelled. Whatever goes away, the learner, the
    /// store or the network, it joins again when it is back.</summary>
    /// <param name="options">Where to listen, how members find each other, environments of your own.</param>
    /// <param name="notices">Is told in a sentence when it joins, and why it cannot.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static async Task RunAsync(
        RlClusterOptions options,
        IProgress<string>? notices = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        string? last = null;
        void Notify(string message)
        {
            if (message != last)
            {
                last = message;
                notices?.Report(message);
            }
        }

        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await Serve(options, Notify, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error)
                when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                // What fails because it is being left is no news.
                if (!cancellationToken.IsCancellationRequested)
                {
                    Notify(error.Message);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Wait(Pause, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task Serve(
        RlClusterOptions options, Action<string> notify, CancellationToken cancellation)
    {
        var learner = options.Store is null ? Member.LearnerOf(options) : null;
        if (learner is not null && !await IsThere(learner, cancellation).ConfigureAwait(false))
        {
            notify($"waiting for the learner at {learner}");
            return;
        }

        var member = await Member.Join(options, isWorker: true, cancellation).ConfigureAwait(false);
        await using var _ = member.ConfigureAwait(false);
        notify($"worker {member.Address} is in the cluster \"{options.Name}\"");
        var absences = 0;
        while (!cancellation.IsCancellationRequested && absences < MostAbsences && !member.Notices.Lost.IsCompleted)
        {
            await Task.WhenAny(member.Notices.Lost, Wait(Pause, cancellation)).ConfigureAwait(false);
            member.Notices.Tell(notify);
            absences = learner is null || await IsThere(learner, cancellation).ConfigureAwait(false) ? 0 : absences + 1;
        }

        if (!cancellation.IsCancellationRequested)
        {
            notify(member.Notices.Lost.IsCompleted
                ? "the other members gave this worker up; joining again"
                : $"the learner at {learner} is gone; waiting for it");
        }
    }

    /// <summary>Whether somebody listens there.</summary>
    private static async Task<bool> IsThere(IPEndPoint address, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(2));
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(address, limit.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task Wait(TimeSpan time, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(time, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Whoever waits looks at the token.
        }
    }
}
