using System;
using System.Threading;

namespace Rl.Cli;

/// <summary>The keys of a person at a terminal.</summary>
internal sealed class Keyboard
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(15);

    private readonly Func<ConsoleKeyInfo?> next;

    private Keyboard(Func<ConsoleKeyInfo?> next) => this.next = next;

    /// <summary>The terminal's keyboard.</summary>
    /// <param name="terminal">Where the person looks.</param>
    /// <param name="remedy">What to do where there is none, a clause.</param>
    /// <exception cref="InvalidOperationException">Nobody looks, or nobody can press keys.</exception>
    public static Keyboard Of(Terminal terminal, string remedy)
    {
        if (!terminal.IsInteractive)
        {
            throw new InvalidOperationException(
                $"The output is not a terminal, so nobody sees what to answer; {remedy}.");
        }

        if (terminal.Keys is null && Console.IsInputRedirected)
        {
            throw new InvalidOperationException($"The input is not a terminal, so nobody can press keys; {remedy}.");
        }

        return new(terminal.Keys ?? Pressed);
    }

    /// <summary>Waits for the next key.</summary>
    /// <exception cref="OperationCanceledException">There was an interruption.</exception>
    public ConsoleKeyInfo Read(CancellationToken interruption)
    {
        while (true)
        {
            interruption.ThrowIfCancellationRequested();
            if (next() is { } key)
            {
                return key;
            }

            interruption.WaitHandle.WaitOne(Pause);
        }
    }

    private static ConsoleKeyInfo? Pressed() => Console.KeyAvailable ? Console.ReadKey(intercept: true) : null;
}
