using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using Rl.Cli;

// The process: signals and the console; everything else is in CommandLine. Where no terminal is written to, nothing of
// it may be touched: .NET's own console sends it sequences, also while a shell completes a word.
using var interruption = new CancellationTokenSource();
void Interrupt(PosixSignalContext signal)
{
    // The first one stops cleanly; a second one ends the process.
    signal.Cancel = !interruption.IsCancellationRequested;
    interruption.Cancel();
}

using var pressed = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
if (OperatingSystem.IsWindows())
{
    Console.OutputEncoding = Encoding.UTF8;
}

// Even the console's own streams begin with those sequences.
StandardStream? Redirected(bool isRedirected, int file) =>
    isRedirected && !OperatingSystem.IsWindows() ? new(file) : null;
TextWriter? Writer(StandardStream? stream) => stream is null
    ? null
    : TextWriter.Synchronized(
        new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });

var printed = Redirected(Console.IsOutputRedirected, 1);
var output = Writer(printed) ?? Console.Out;
var error = Writer(Redirected(Console.IsErrorRedirected, 2)) ?? Console.Error;
var isTerminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
var code = CommandLine.Run(args, new Terminal(output, error, isTerminal), interruption.Token);
if (printed?.Failure is { } failure)
{
    // The work is done, and whoever keeps its output must know that it is not whole.
    error.WriteLine($"rl: The output could not be written: {failure}.");
    return code == ExitCode.Success ? ExitCode.Failure : code;
}

return code;
