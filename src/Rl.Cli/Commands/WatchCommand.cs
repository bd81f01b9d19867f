using System;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using Rl.Cli.Views;

namespace Rl.Cli.Commands;

/// <summary>What <c>rl watch</c> was asked for.</summary>
internal sealed record WatchRequest
{
    public required PlayRequest Play { get; init; }

    /// <summary>How fast; 1 is the environment's own time.</summary>
    public double Speed { get; init; } = 1;
}

/// <summary><c>rl watch</c>: episodes in the terminal, at the environment's speed.</summary>
internal static class WatchCommand
{
    /// <summary>More would not be seen, and slow terminals fall behind.</summary>
    private const double MostFramesPerSecond = 30;

    private static readonly TimeSpan LastFrame = TimeSpan.FromSeconds(0.8);

    public static int Run(WatchRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (!(request.Speed > 0 && double.IsFinite(request.Speed)))
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"--speed is {request.Speed}; it must be a number greater than 0."));
        }

        return request.Play.With((playback, player) =>
        {
            if (!terminal.IsInteractive)
            {
                throw new InvalidOperationException("The output is not a terminal, so there is nothing to watch in; rl record writes an animation file.");
            }

            var tally = new Tally();
            try
            {
                using var screen = new Screen(terminal.Output);
                Show(playback, player, request, screen, tally, interruption);
                return ExitCode.Success;
            }
            catch (OperationCanceledException)
            {
                return ExitCode.Interrupted;
            }
            finally
            {
                terminal.Output.WriteLine(tally.Episodes == 0
                    ? $"{player} on {playback.EnvironmentId}: no episode was watched to its end"
                    : $"{player} on {playback.EnvironmentId}: {tally.Episodes} {(tally.Episodes == 1 ? "episode" : "episodes")}, mean return {Text.Return(tally.Returns / tally.Episodes)}");
            }
        });
    }

    private static void Show(Playback playback, string player, WatchRequest request, Screen screen, Tally tally, CancellationToken interruption)
    {
        var clock = Stopwatch.StartNew();
        var pause = TimeSpan.FromSeconds(1 / (playback.FramesPerSecond * request.Speed));
        var (due, drawn) = (TimeSpan.Zero, TimeSpan.MinValue);
        foreach (var frame in playback)
        {
            interruption.ThrowIfCancellationRequested();
            var isSeen = frame.IsLast || frame.Step == 0 || due - drawn >= TimeSpan.FromSeconds(0.999 / MostFramesPerSecond);

            // A terminal that is slower than the environment gets fewer frames.
            if (isSeen && (frame.IsLast || clock.Elapsed <= due + pause))
            {
                Wait(due - clock.Elapsed, interruption);
                screen.Show(frame, $"{player} on {playback.EnvironmentId}");
                drawn = due;
            }

            due += frame.IsLast ? LastFrame / request.Speed : pause;
            if (frame.IsLast)
            {
                tally.Episodes++;
                tally.Returns += frame.Return;
                Wait(due - clock.Elapsed, interruption);
                due = clock.Elapsed;
            }
        }
    }

    private static void Wait(TimeSpan time, CancellationToken interruption)
    {
        if (time > TimeSpan.Zero && interruption.WaitHandle.WaitOne(time))
        {
            interruption.ThrowIfCancellationRequested();
        }
    }

    private sealed class Tally
    {
        public int Episodes { get; set; }

        public double Returns { get; set; }
    }
}
