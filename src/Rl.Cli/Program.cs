using System;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using Rl.Cli;

// The process: signals and the console; everything else is in CommandLine.
using var interruption = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    // The first one stops cleanly; a second one ends the process.
    pressed.Cancel = !interruption.IsCancellationRequested;
    interruption.Cancel();
};
using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = !interruption.IsCancellationRequested;
    interruption.Cancel();
});
if (OperatingSystem.IsWindows())
{
    Console.OutputEncoding = Encoding.UTF8;
}

var isTerminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
return CommandLine.Run(args, new Terminal(Console.Out, Console.Error, isTerminal), interruption.Token);
