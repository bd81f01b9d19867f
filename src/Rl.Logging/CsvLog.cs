using System;
using System.Buffers;
using System.Globalization;
using System.IO;
using System.Linq;
using Rl.Logging.Internal;

namespace Rl.Logging;

/// <summary>A table with a row after an update, a thousand of them in a plan at most unless you want more:
/// comma-separated, with a header. By default its columns are those of <see cref="TrainingProgress"/> and the
/// algorithm's metrics; with <see cref="LogKeys.StableBaselines3"/> those of its <c>progress.csv</c>.</summary>
public sealed class CsvLog : TrainingLog
{
    /// <summary>Of a number with nine digits.</summary>
    private const int LongestNumber = 32;

    private readonly LineFile file;
    private readonly LoggedNumbers numbers;
    private readonly ArrayBufferWriter<byte> row = new();
    private bool hasHeader;

    /// <summary>Opens a log of an agent that is to be trained.</summary>
    /// <param name="agent">What trains.</param>
    /// <param name="path">The file, usually <c>progress.csv</c>. An agent that has taken steps goes on with it; else an
    /// earlier one is replaced.</param>
    /// <param name="keys">What the columns are called.</param>
    /// <param name="everySteps">The environment steps between two rows, at least 1; null for a thousandth of the
    /// plan.</param>
    /// <exception cref="ArgumentException">The steps are out of their range.</exception>
    /// <exception cref="IOException">The file cannot be written, or another log writes it; the message names
    /// it.</exception>
    public CsvLog(Agent agent, string path, LogKeys keys = LogKeys.Rl, long? everySteps = null)
        : base(agent, LineFile.Named(path), everySteps)
    {
        numbers = LoggedNumbers.Of(keys, agent);
        file = LineFile.Open(path, FirstSteps > 0, headers: 1, line => StepsOf(line) <= FirstSteps);
    }

    private protected override void Write(TrainingProgress now)
    {
        if (!hasHeader)
        {
            WriteHeader(now);
        }

        row.ResetWrittenCount();
        foreach (var (_, value) in numbers.Row(now))
        {
            if (row.WrittenCount > 0)
            {
                row.Write(","u8);
            }

            value.TryFormat(row.GetSpan(LongestNumber), out var length, "G9", CultureInfo.InvariantCulture);
            row.Advance(length);
        }

        row.Write("\n"u8);
        file.Add(row.WrittenSpan);
    }

    private void WriteHeader(TrainingProgress now)
    {
        var columns = string.Join(',', numbers.Row(now).Select(number => number.Key));
        if (file.Header is null)
        {
            file.Add(columns);
        }
        else if (file.Header != columns)
        {
            throw new IOException("it has other columns, by other keys or of another algorithm; name another file.");
        }

        hasHeader = true;
    }

    private protected override void Save() => file.Flush();

    private protected override void Close() => file.Dispose();

    /// <summary>Those of a row, which stand first; beyond any number where they cannot be read.</summary>
    private static double StepsOf(string line) =>
        double.TryParse(line.Split(',')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var steps)
            ? steps
            : double.PositiveInfinity;
}
