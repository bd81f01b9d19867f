using System;
using System.Buffers;
using System.Diagnostics;
using System.IO;

namespace Rl.Logging.Internal;

/// <summary>A file that grows by whole pieces: they gather in memory and go to the disk on a schedule.</summary>
internal sealed class LogFile(Stream stream, TimeSpan interval) : IDisposable
{
    /// <summary>What is not left in memory whatever the schedule.</summary>
    private const int MostPending = 1 << 20;

    private readonly ArrayBufferWriter<byte> pending = new();
    private readonly Stopwatch sinceFlush = Stopwatch.StartNew();

    /// <summary>Opens a file; missing folders are made.</summary>
    /// <exception cref="IOException">It cannot be written; the message names it and says what to do.</exception>
    public static LogFile Open(string path, FileMode mode, Func<string, FileMode, Stream>? open = null)
    {
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            {
                Directory.CreateDirectory(folder);
            }

            return new((open ?? Unbuffered)(path, mode), TrainingLog.FlushInterval);
        }
        catch (Exception error) when (IsRefusal(error))
        {
            throw Refused(path, error);
        }
    }

    /// <summary>The error for a place that cannot be written.</summary>
    public static IOException Refused(string path, Exception error) =>
        new($"{path} cannot be written: {error.Message} Log to another place, or allow to write there.", error);

    /// <summary>Whether this is what a disk says that fails, or a system that does not let one write.</summary>
    public static bool IsRefusal(Exception error) =>
        error is IOException or UnauthorizedAccessException
        || (error is ArgumentOutOfRangeException { ParamName: "value" });


    /// <summary>Adds a piece.</summary>
    public void Append(ReadOnlySpan<byte> piece)
    {
        pending.Write(piece);
        FlushIfDue();
    }

    /// <summary>Brings the pieces to the disk if it is time.</summary>
    public void FlushIfDue()
    {
        if (pending.WrittenCount >= MostPending || sinceFlush.Elapsed >= interval)
        {
            Flush();
        }
    }

    /// <summary>Brings the pieces to the disk. Those that it does not take are not there in part.</summary>
    public void Flush()
    {
        sinceFlush.Restart();
        if (pending.WrittenCount == 0)
        {
            return;
        }

        var whole = stream.CanSeek ? stream.Position : 0;
        try
        {
            stream.Write(pending.WrittenSpan);
            stream.Flush();
        }
        catch (Exception error) when (IsRefusal(error))
        {
            CutAt(whole);
            throw;
        }

        pending.ResetWrittenCount();
    }

    public void Dispose()
    {
        try
        {
            stream.Dispose();
        }
        catch (Exception error) when (IsRefusal(error))
        {
            // What could not be written was told by then.
        }
    }

    private static FileStream Unbuffered(string path, FileMode mode) =>
        new(path, mode, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private void CutAt(long length)
    {
        try
        {
            if (stream.CanSeek)
            {
                stream.SetLength(length);
            }
        }
        catch (Exception error) when (IsRefusal(error) || error is NotSupportedException)
        {
            // A piece that is cut short is what readers of logs expect at the end.
        }
    }
}
