using System;
using System.Runtime.ExceptionServices;
using System.Threading;

namespace Rl.Cli;

/// <summary>Work on a thread of its own, which an interruption need not wait for.</summary>
internal static class Interruptible
{
    /// <summary>Deep networks are compiled by deep recursion.</summary>
    private const int StackSize = 64 * 1024 * 1024;

    /// <summary>Does the work; after an interruption it gets some time to end by itself, then it is left behind, and
    /// ends with the process.</summary>
    /// <param name="work">The work.</param>
    /// <param name="patience">How long it is waited for after an interruption.</param>
    /// <param name="interruption">The interruption.</param>
    /// <exception cref="OperationCanceledException">The work was left behind, or has ended so.</exception>
    public static T Run<T>(Func<T> work, TimeSpan patience, CancellationToken interruption)
    {
        var (result, failure) = (default(T), default(ExceptionDispatchInfo));
        using var done = new ManualResetEventSlim();
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = work();
                }
#pragma warning disable CA1031 // Whatever it is, the thread that waits throws it again.
                catch (Exception error)
#pragma warning restore CA1031
                {
                    failure = ExceptionDispatchInfo.Capture(error);
                }

                Signal(done);
            },
            StackSize)
        {
            IsBackground = true,
            Name = "rl",
        };
        thread.Start();
        try
        {
            done.Wait(interruption);
        }
        catch (OperationCanceledException) when (!done.Wait(patience, CancellationToken.None))
        {
            throw;
        }
        catch (OperationCanceledException)
        {
            // It has ended in time; its own end counts.
        }

        failure?.Throw();
        return result!;
    }

    private static void Signal(ManualResetEventSlim done)
    {
        try
        {
            done.Set();
        }
        catch (ObjectDisposedException)
        {
            // It was left behind.
        }
    }
}
