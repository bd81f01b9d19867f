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
    /// <summary>Between two frames; more frames would not be seen.</summary>
    private static readonly TimeSpan ShortestGap = TimeSpan.FromSeconds(0.999 / 30);

    /// <summary>Between two frames of a terminal that falls behind.</summary>
    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(0.25);

    private static readonly TimeSpan LastFrame = TimeSpan.FromSeconds(0.8);

    public static int Run(WatchRequest request, Terminal terminal, CancellationToken interruption)
    {
        if (!(request.Speed > 0 && double.IsFinite(request.Speed)))
        {
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture, $"--speed is {request.Speed}; it must be a number greater than 0."));
        }

        return request.Play.With(terminal, (playback, player) =>
        {
            if (!terminal.IsInteractive)
            {
                throw new InvalidOperationException(
                    "The output is not a terminal, so there is nothing to watch in; "
                        + "rl record writes an animation file.");
            }

            var tally = new Tally();
            try
            {
                using var screen = new Screen(terminal);
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
                    : $"{player} on {playback.EnvironmentId}: {tally.Episodes} "
                        + $"{(tally.Episodes == 1 ? "episode" : "episodes")}, mean return "
                        + $"{Text.Return(tally.Returns / tally.Episodes)}");
            }
        });
    }

    private static void Show(
        Playback playback, string player, WatchRequest request, Screen screen, Tally tally,
        CancellationToken interruption)
    {
        var clock = Stopwatch.StartNew();
        var pause = TimeSpan.FromSeconds(1 / (playback.FramesPerSecond * request.Speed));
        var (due, drawn, drawnAt) = (TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);
        foreach (var frame in playback)
        {
            interruption.ThrowIfCancellationRequested();
            if (frame.Step == 0)
            {
                due = clock.Elapsed;
            }

            // A terminal that is slower than the environment gets fewer frames.
            var isOnTime = clock.Elapsed <= due + pause || clock.Elapsed - drawnAt > LongestGap;
            if (frame.IsLast || frame.Step == 0 || (isOnTime && due - drawn >= ShortestGap))
            {
                Wait(due - clock.Elapsed, interruption);
                screen.Show(frame, $"{player} on {playback.EnvironmentId}");
                (drawn, drawnAt) = (due, clock.Elapsed);
            }

            due += frame.IsLast ? LastFrame / request.Speed : pause;
            if (frame.IsLast)
            {
                tally.Episodes++;
                tally.Returns += frame.Return;
                Wait(due - clock.Elapsed, interruption);
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
