using System;
using System.Diagnostics;
using System.IO;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Threading;

namespace Rl.Gymnasium.Internal;

/// <summary>Looks for a while whether an answer has come before its reader goes to sleep: to wake a thread on a quiet
/// processor takes longer than a short step of an environment. Where answers take long it soon looks only now and
/// then.</summary>
internal sealed partial class ShortWait
{
    // Of misses in a row; after so many it looks before one of 2⁶ answers.
    private const int MostMisses = 6;
    private const short Readable = 1;
    private static readonly TimeSpan Longest = TimeSpan.FromMicroseconds(200);
    private readonly SafeHandle? pipe;
    private int misses;
    private int left;

    public ShortWait(Stream stream) =>
        pipe = !OperatingSystem.IsWindows() && Environment.ProcessorCount > 1
            ? (stream as PipeStream)?.SafePipeHandle
            : null;

    /// <summary>Returns when something can be read, or the stream is at its end, or after a while; whether it has found
    /// anything.</summary>
    public bool Look()
    {
        if (pipe is null || left-- > 0)
        {
            return false;
        }

        var isThere = IsThereSoon(pipe);
        misses = isThere ? 0 : Math.Min(misses + 1, MostMisses);
        left = (1 << misses) - 1;
        return isThere;
    }

    private static bool IsThereSoon(SafeHandle pipe)
    {
        var isHeld = false;
        try
        {
            pipe.DangerousAddRef(ref isHeld);
            var asked = new Descriptor { Number = (int)pipe.DangerousGetHandle(), Events = Readable };
            var start = Stopwatch.GetTimestamp();
            do
            {
                // An end of the process counts as well: the read that follows tells it.
                if (Poll(ref asked, 1, 0) != 0)
                {
                    return true;
                }

                Thread.SpinWait(8);
            }
            while (Stopwatch.GetElapsedTime(start) < Longest);

            return false;
        }
        finally
        {
            if (isHeld)
            {
                pipe.DangerousRelease();
            }
        }
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref Descriptor descriptors, nuint count, int milliseconds);

    /// <summary>What poll is asked about, and what it answers.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Descriptor
    {
        public int Number;
        public short Events;
        public short Found;
    }
}
