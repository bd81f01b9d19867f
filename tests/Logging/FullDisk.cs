using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.Extensions.Logging;

namespace Rl.Tests.Logging;

/// <summary>A file on a disk with so much room: what does not fit is written as far as it does.</summary>
internal sealed class FullDisk(int capacity) : MemoryStream
{
    public byte[] Bytes => ToArray();

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        var room = (int)Math.Max(0, capacity - Position);
        base.Write(buffer[..Math.Min(room, buffer.Length)]);
        if (buffer.Length > room)
        {
            throw new IOException("No space left on device");
        }
    }
}

/// <summary>Remembers the warnings.</summary>
internal sealed class ListLogger : ILogger
{
    public List<string> Warnings { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (logLevel == LogLevel.Warning && eventId.Id == 20)
        {
            Warnings.Add(formatter(state, exception));
        }
    }
}
