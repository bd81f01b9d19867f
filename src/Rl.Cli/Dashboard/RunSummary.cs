using System;
using System.Globalization;
using System.IO;
using System.Text;
using Rl.Cli.Runs;

namespace Rl.Cli.Dashboard;

/// <summary>A run as a list shows it, read from the ends of its files.</summary>
/// <param name="Id">What it is asked for by: its folder as it was found.</param>
/// <param name="Configuration">What is trained where and how.</param>
/// <param name="State">Whether it goes on, and if not, how it ended.</param>
/// <param name="Steps">Environment steps so far.</param>
/// <param name="Return">The mean return of the last 100 episodes of training; NaN if none has ended.</param>
/// <param name="Seconds">The seconds that were trained.</param>
/// <param name="Written">When something was last written.</param>
/// <param name="Mark">Another one when the run has gone on.</param>
/// <param name="Checkpoint">Another one when the agent was saved anew; 0 before the first time.</param>
internal sealed record RunSummary(
    string Id,
    RunConfiguration Configuration,
    RunState State,
    long Steps,
    double Return,
    double Seconds,
    DateTime Written,
    string Mark,
    long Checkpoint)
{
    private const int LastEpisodes = 100;

    /// <summary>Enough for most rows, and for one with the returns of some ten thousand episodes.</summary>
    private static readonly int[] TailSizes = [1 << 12, 1 << 17];

    /// <summary>Reads it; null if the folder is no run that can be read.</summary>
    public static RunSummary? Read(string folder)
    {
        try
        {
            if (!File.Exists(Path.Combine(folder, RunFiles.Configuration)))
            {
                return null;
            }

            var configuration = RunConfiguration.Read(folder);
            var isRunning = RunLock.IsHeldIn(folder);
            var events = RunEvents.Read(Path.Combine(folder, RunFiles.Journal));
            var metrics = new FileInfo(Path.Combine(folder, RunFiles.Metrics));
            var journal = new FileInfo(Path.Combine(folder, RunFiles.Journal));
            var agent = new FileInfo(Path.Combine(folder, RunFiles.Agent));
            var (length, last) = (metrics.Exists ? metrics.Length : 0, LastRow(metrics));
            var steps = (long)last.Steps;
            var state = isRunning
                ? RunState.Running
                : ObservedRun.End(folder, events, steps, configuration.TotalSteps);
            return new(
                folder,
                configuration,
                state,
                steps,
                last.Return,
                last.Seconds,
                metrics.Exists ? metrics.LastWriteTimeUtc : Directory.GetLastWriteTimeUtc(folder),
                FormattableString.Invariant($"{length}-{(journal.Exists ? journal.Length : 0)}-{state}"),
                agent.Exists ? agent.LastWriteTimeUtc.Ticks / TimeSpan.TicksPerMillisecond : 0);
        }
        catch (Exception error) when (
            error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>The last whole row that can be read: its first columns are the same for all algorithms.</summary>
    private static (double Steps, double Seconds, double Return) LastRow(FileInfo metrics)
    {
        if (metrics.Exists)
        {
            using var file = new FileStream(
                metrics.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
            var hasReturns = HasReturns(file);
            foreach (var size in TailSizes)
            {
                var isAll = file.Length <= size;
                if (LastRow(file, size, hasReturns) is { } found
                    && (isAll || !hasReturns || found.Episodes >= LastEpisodes || size == TailSizes[^1]))
                {
                    return (found.Steps, found.Seconds, found.Return);
                }

                if (isAll)
                {
                    break;
                }
            }
        }

        return (0, 0, double.NaN);
    }

    /// <summary>Whether rows end with the returns of their episodes.</summary>
    private static bool HasReturns(FileStream file)
    {
        var head = new byte[TailSizes[0]];
        file.Position = 0;
        var read = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        var line = Encoding.UTF8.GetString(head, 0, read).Split('\n')[0];
        return line.TrimEnd('\r').EndsWith($",{MetricsHistory.ReturnsColumn}", StringComparison.Ordinal);
    }

    /// <summary>The last row, and the mean return of the last episodes: those of the rows, since the mean that a row
    /// has begins anew when a run goes on.</summary>
    private static (double Steps, double Seconds, double Return, int Episodes)? LastRow(
        FileStream file, int size, bool hasReturns)
    {
        (double Steps, double Seconds, double Return)? last = null;
        var (sum, count) = (0.0, 0);
        file.Position = Math.Max(0, file.Length - size);
        var tail = new byte[size];
        var read = file.ReadAtLeast(tail, size, throwOnEndOfStream: false);
        var lines = Encoding.UTF8.GetString(tail, 0, read).Split('\n');

        // The first is the header or begins within a row, and the last may be half written.
        for (var line = lines.Length - 2; line >= 1 && (last is null || (hasReturns && count < LastEpisodes)); line--)
        {
            var cells = lines[line].Split(',');
            if (cells.Length > 6 && Number(cells[0]) is { } steps && Number(cells[2]) is { } seconds
                && Number(cells[5]) is { } mean)
            {
                last ??= (steps, seconds, mean);
                var returns = hasReturns ? cells[^1].TrimEnd('\r').Split(MetricsHistory.Joint) : [];
                for (var episode = returns.Length - 1; episode >= 0 && count < LastEpisodes; episode--)
                {
                    if (Number(returns[episode]) is { } value && double.IsFinite(value))
                    {
                        (sum, count) = (sum + value, count + 1);
                    }
                }
            }
        }

        return last is { } found
            ? (found.Steps, found.Seconds, count > 0 ? sum / count : found.Return, count)
            : null;
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;
}
