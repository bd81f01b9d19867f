using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;

namespace Rl.Cli.Runs;

/// <summary>The metrics.csv of a run: a row an update, with the returns of its episodes. Each row is in the file before
/// the next update.</summary>
internal sealed class MetricsLog : IDisposable
{
    private static readonly string[] Own =
        ["steps", "updates", "seconds", "stepsPerSecond", "episodes", "meanReturn", "meanLength"];

    private readonly string path;
    private readonly MetricsHistory earlier;
    private readonly StringBuilder pending = new();
    private FileStream? file;
    private string? header;

    /// <summary>Begins, or goes on after what an interrupted run has recorded.</summary>
    public MetricsLog(string path, MetricsHistory earlier)
    {
        this.path = path;
        this.earlier = earlier;
        header = earlier.Header;
        Open(earlier.Header is null ? FileMode.Create : FileMode.Append);
    }

    /// <summary>Adds a row.</summary>
    /// <exception cref="IOException">It cannot be written now; it is kept, and written with the next one.</exception>
    public void Record(TrainingProgress progress)
    {
        if (header is null)
        {
            header = string.Join(
                ',',
                [
                    .. Own, .. progress.Metrics.Select(metric => metric.Key), MetricsHistory.LengthsColumn,
                    MetricsHistory.ReturnsColumn,
                ]);
            pending.Append(header).Append('\n');
        }

        double[] numbers =
        [
            earlier.Seconds + progress.Elapsed.TotalSeconds,
            progress.StepsPerSecond,
            earlier.Episodes + progress.EpisodeCount,
            progress.MeanReturn,
            progress.MeanLength,
            .. progress.Metrics.Select(metric => metric.Value),
        ];
        IEnumerable<string> cells = [Text(progress.Steps), Text(progress.Updates), .. numbers.Select(Text)];
        if ($"{header},".Contains($",{MetricsHistory.LengthsColumn},", StringComparison.Ordinal))
        {
            cells = cells.Append(
                string.Join(MetricsHistory.Joint, progress.Episodes.Select(episode => Text((long)episode.Length))));
        }

        if (header.EndsWith(MetricsHistory.ReturnsColumn, StringComparison.Ordinal))
        {
            cells = cells.Append(
                string.Join(MetricsHistory.Joint, progress.Episodes.Select(episode => Text(episode.Return))));
        }

        pending.AppendJoin(',', cells).Append('\n');
        Write();
    }

    /// <summary>Writes what a full disk has refused so far.</summary>
    /// <exception cref="IOException">It still cannot be written; the message says what to do.</exception>
    public void Write()
    {
        if (pending.Length == 0)
        {
            return;
        }

        try
        {
            file ??= new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 0);
            var whole = file.Seek(0, SeekOrigin.End);
            try
            {
                file.Write(Encoding.UTF8.GetBytes(pending.ToString()));
            }
            catch (IOException)
            {
                // Without the half of a row.
                file.SetLength(whole);
                throw;
            }

            pending.Clear();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"{path} cannot be written: {error.Message} Make room on the disk, or allow to write there.", error);
        }
    }

    /// <summary>Begins the file again where it was deleted: the rows that follow, under the same header.</summary>
    public void Restart()
    {
        file?.Dispose();
        file = null;
        if (header is not null)
        {
            pending.Insert(0, header + '\n');
        }

        Open(FileMode.Create);
    }

    public void Dispose() => file?.Dispose();

    private void Open(FileMode mode) => file = new FileStream(path, mode, FileAccess.Write, FileShare.Read, 0);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString("G9", CultureInfo.InvariantCulture);
}
