using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;

namespace Rl.Logging.Internal;

/// <summary>A file of TensorBoard's events: records of a length, the length's checksum, a message and the message's
/// checksum.</summary>
internal sealed class EventFile : IDisposable
{
    public const string Prefix = "events.out.tfevents.";

    private const string Version = "brain.Event:2";

    private static int files;

    private readonly LogFile file;
    private readonly MessageWriter messages = new();
    private readonly ArrayBufferWriter<byte> record = new();

    private EventFile(LogFile file)
    {
        this.file = file;
    }

    /// <summary>Begins a file in a folder, whose name comes after those of all others there.</summary>
    /// <param name="folder">The folder; it is made if it is missing.</param>
    /// <param name="firstStep">Points of earlier files from this step on are void.</param>
    /// <param name="open">What opens it, for tests.</param>
    /// <exception cref="IOException">It cannot be written; the message names the folder.</exception>
    public static EventFile Create(string folder, long firstStep, Func<string, FileMode, Stream>? open)
    {
        var file = new EventFile(LogFile.Open(NextPath(folder), FileMode.CreateNew, open));
        file.Write(0, whole => whole.Text(Field.FileVersion, Version));

        // TensorBoard heeds the second and later beginnings of a run alone, so that a new run has one too.
        file.Write(firstStep, whole => whole.Message(Field.SessionLog, session => session.Integer(1, 1)));
        file.Flush();
        return file;
    }

    /// <summary>Seconds since 1970.</summary>
    public static double Now() => (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;

    /// <summary>Adds values of a step.</summary>
    public void WriteSummary(long step, Action<MessageWriter> summary) =>
        Write(step, whole => whole.Message(Field.Summary, summary));

    public void Flush() => file.Flush();

    public void Dispose()
    {
        file.Dispose();
        messages.Dispose();
    }

    private void Write(long step, Action<MessageWriter> what)
    {
        var message = messages.Write(whole =>
        {
            whole.Double(Field.WallTime, Now());
            whole.Integer(Field.Step, step);
            what(whole);
        }).Span;
        record.ResetWrittenCount();
        var length = record.GetSpan(sizeof(ulong))[..sizeof(ulong)];
        BinaryPrimitives.WriteInt64LittleEndian(length, message.Length);
        var lengthChecksum = Crc32C.Masked(length);
        record.Advance(sizeof(ulong));
        WriteChecksum(lengthChecksum);
        record.Write(message);
        WriteChecksum(Crc32C.Masked(message));
        file.Append(record.WrittenSpan);
    }

    private void WriteChecksum(uint checksum)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record.GetSpan(sizeof(uint)), checksum);
        record.Advance(sizeof(uint));
    }

    /// <summary>A name with the seconds since 1970, or later than that: TensorBoard reads a run's files in the order of
    /// their names, and never again one that another follows.</summary>
    private static string NextPath(string folder)
    {
        long[] earlier;
        try
        {
            earlier = Directory.Exists(folder)
                ? [.. Directory.EnumerateFiles(folder, $"{Prefix}*").Select(Seconds)]
                : [];
        }
        catch (UnauthorizedAccessException error)
        {
            throw LogFile.Refused(folder, error);
        }

        var seconds = Math.Max((long)Now(), earlier.DefaultIfEmpty(-1).Max() + 1);
        return Path.Combine(folder, string.Create(
            CultureInfo.InvariantCulture,
            $"{Prefix}{seconds:D10}.{Environment.MachineName}.{Environment.ProcessId}."
                + $"{Interlocked.Increment(ref files)}"));
    }

    private static long Seconds(string path)
    {
        var name = Path.GetFileName(path.AsSpan())[Prefix.Length..];
        var end = name.IndexOf('.');
        return long.TryParse(
            end < 0 ? name : name[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? seconds
            : 0;
    }

    /// <summary>The fields of an event.</summary>
    private static class Field
    {
        public const int WallTime = 1;
        public const int Step = 2;
        public const int FileVersion = 3;
        public const int Summary = 5;
        public const int SessionLog = 7;
    }
}
