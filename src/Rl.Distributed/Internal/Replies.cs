using System;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Orleans.Runtime;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>Waits for replies of workers as long as these are at them. Orleans alone would wait for a reply that was
/// lost on its way, or that cannot be read, until the longest time that a share may take is over.</summary>
internal static class Replies
{
    /// <summary>How often a worker is asked whether it is still at a request.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer to that is waited for. It may queue behind a large reply.</summary>
    private static readonly TimeSpan LongestQuestion = TimeSpan.FromSeconds(30);

    /// <summary>How long none may come until the reply is given up, too, while the worker is a member.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromMinutes(5);

    /// <summary>How often in a row a worker says that it is not at a request until its reply is lost: once may be while
    /// the request or the reply is under way.</summary>
    private const int Denials = 2;

    private static long last;

    /// <summary>A number for a request, which no other has.</summary>
    public static long NextRequest() => Interlocked.Increment(ref last);

    /// <summary>Waits for the reply to a request.</summary>
    /// <exception cref="LostReplyException">It was lost, or it cannot be read.</exception>
    public static async Task<T> Of<T>(Task<T> reply, IWorkGrain worker, long request)
    {
        var denials = 0;
        var heard = Stopwatch.GetTimestamp();
        while (!await Ends(reply, Interval).ConfigureAwait(false))
        {
            var isAt = await IsAt(worker, request).ConfigureAwait(false);
            heard = isAt is null ? heard : Stopwatch.GetTimestamp();
            denials = isAt == false ? denials + 1 : 0;
            if (!reply.IsCompleted && (denials == Denials || Stopwatch.GetElapsedTime(heard) > LongestSilence))
            {
                WorkerCalls.Observe(reply);
                throw new LostReplyException("it is through with a request whose reply did not arrive", null);
            }
        }

        try
        {
            return await reply.ConfigureAwait(false);
        }
        catch (Exception error)
            when (error is not (OrleansException or TimeoutException or IOException or OperationCanceledException))
        {
            // Whatever fails in a worker is told in a reply: this one, or its request, could not be read.
            throw new LostReplyException(
                $"a message could not be read ({error.GetType().Name}: {error.Message})", error);
        }
    }

    private static async Task<bool> Ends(Task task, TimeSpan time)
    {
        if (!task.IsCompleted)
        {
            using var end = new CancellationTokenSource();
            await Task.WhenAny(task, Task.Delay(time, end.Token)).ConfigureAwait(false);
            await end.CancelAsync().ConfigureAwait(false);
        }

        return task.IsCompleted;
    }

    /// <summary>Null where nobody says.</summary>
    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "It is no answer.")]
    private static async Task<bool?> IsAt(IWorkGrain worker, long request)
    {
        Task<bool> question;
        try
        {
            question = worker.IsAt(request);
            if (await Ends(question, LongestQuestion).ConfigureAwait(false))
            {
                return await question.ConfigureAwait(false);
            }
        }
        catch (Exception)
        {
            // Whether the worker is there is known by its membership, and what cannot be read is no answer.
            return null;
        }

        WorkerCalls.Observe(question);
        return null;
    }
}

/// <summary>A reply of a worker was lost, or cannot be read.</summary>
[SuppressMessage("Design", "CA1064:Exceptions should be public", Justification = "Carriers make replies of it.")]
internal sealed class LostReplyException(string message, Exception? inner) : Exception(
    $"{message}; look whether the worker's version of Rl is the learner's, and whether something on the way ends "
        + "connections",
    inner);
