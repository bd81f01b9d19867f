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
TextWriter Writer(bool isRedirected, int file, Func<TextWriter> console) =>
    isRedirected && !OperatingSystem.IsWindows()
        ? TextWriter.Synchronized(
            new StreamWriter(new StandardStream(file), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))
            { AutoFlush = true })
        : console();

var output = Writer(Console.IsOutputRedirected, 1, () => Console.Out);
var error = Writer(Console.IsErrorRedirected, 2, () => Console.Error);
var isTerminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
return CommandLine.Run(args, new Terminal(output, error, isTerminal), interruption.Token);
