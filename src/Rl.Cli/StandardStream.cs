using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Rl.Cli;

/// <summary>One of the process's standard streams as the system has it: bytes go where the last program that shares it
/// stopped.</summary>
/// <remarks>
/// <para>A <see cref="FileStream"/> on a file writes at places that it counts itself, so that
/// <c>(rl info; rl info) &gt; file</c> would keep the second alone; the console's own stream sends terminals
/// sequences.</para>
/// <para>Writing never throws: who prints in the middle of its work goes on with it. What cannot be written is left
/// out from then on, as everything is once a reader has closed its pipe; <see cref="Failure"/> tells afterwards.</para>
/// </remarks>
internal sealed partial class StandardStream(int descriptor) : Stream
{
    private const int Interrupted = 4;
    private const int BrokenPipe = 32;

    /// <summary>EAGAIN: another program has made what it shares with this one not wait.</summary>
    private static readonly int Full = OperatingSystem.IsLinux() ? 11 : 35;

    private bool isClosed;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    /// <summary>Why something was not written, such as a full disk; null if all was, or nobody reads it any
    /// more.</summary>
    public string? Failure { get; private set; }

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override unsafe void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0 && !isClosed)
        {
            nint written;
            fixed (byte* start = buffer)
            {
                written = WriteBytes(descriptor, start, buffer.Length);
            }

            if (written >= 0)
            {
                buffer = buffer[(int)written..];
            }
            else if (Marshal.GetLastPInvokeError() is var error && error == Full)
            {
                Thread.Sleep(1);
            }
            else if (error != Interrupted)
            {
                isClosed = true;
                Failure = error == BrokenPipe ? null : Marshal.GetPInvokeErrorMessage(error);
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint WriteBytes(int descriptor, byte* buffer, nint count);
}
