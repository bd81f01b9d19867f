using System;
using System.IO;
using System.Text;
using System.Threading.Tasks;

namespace Rl.Gymnasium.Internal;

/// <summary>The last that a process has printed. It is read as it comes, so that a process which prints much never
/// waits.</summary>
internal sealed class OutputTail
{
    private const int Kept = 4000;
    private const int LongestLine = 10_000;

    private readonly StringBuilder text = new();
    private readonly StringBuilder line = new();
    private readonly Action<string>? receiver;
    private Task reading = Task.CompletedTask;

    private OutputTail(Action<string>? receiver) => this.receiver = receiver;

    public string Text
    {
        get
        {
            lock (text)
            {
                return text.ToString().Trim();
            }
        }
    }

    public static OutputTail Of(Stream stream, Action<string>? receiver)
    {
        var tail = new OutputTail(receiver);
        tail.reading = tail.Read(stream);
        return tail;
    }

    /// <summary>Waits until all has been read of a process that has ended.</summary>
    public void Wait(TimeSpan patience) => reading.Wait(patience);

    private async Task Read(Stream stream)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var characters = new char[4096];
        try
        {
            while (await reader.ReadAsync(characters).ConfigureAwait(false) is > 0 and var count)
            {
                Add(characters.AsSpan(0, count));
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // Nothing more will come.
        }

        Tell(isEnd: true);
    }

    private void Add(ReadOnlySpan<char> added)
    {
        lock (text)
        {
            text.Append(added);
            if (text.Length > 2 * Kept)
            {
                text.Remove(0, text.Length - Kept);
            }
        }

        if (receiver is null)
        {
            return;
        }

        foreach (var character in added)
        {
            if (character == '\n' || line.Length == LongestLine)
            {
                Tell(isEnd: false);
            }

            if (character is not ('\n' or '\r'))
            {
                line.Append(character);
            }
        }
    }

    private void Tell(bool isEnd)
    {
        if (receiver is null || (isEnd && line.Length == 0))
        {
            return;
        }

        var told = line.ToString();
        line.Clear();
        try
        {
            receiver(told);
        }
#pragma warning disable CA1031 // What a user's function throws must not keep the pipe from being read.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
