using System;
using System.IO;

namespace Rl.Cli;

/// <summary>Where a command writes.</summary>
/// <param name="Output">Results.</param>
/// <param name="Error">Complaints, one line each.</param>
/// <param name="IsInteractive">Whether a person looks at a terminal: tables may be drawn and drawn again.</param>
/// <param name="Columns">How wide that terminal is; what the console says if not given.</param>
/// <param name="Rows">How high it is; what the console says if not given.</param>
/// <param name="Keys">The key that was pressed, if one was; the console's if not given.</param>
internal sealed record Terminal(
    TextWriter Output,
    TextWriter Error,
    bool IsInteractive,
    int? Columns = null,
    int? Rows = null,
    Func<ConsoleKeyInfo?>? Keys = null);

/// <summary>What the process ends with.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;

    /// <summary>128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;
}
