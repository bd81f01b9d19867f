using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Rl.Logging.Internal;

namespace Rl.Logging;

/// <summary>A table with a row after each update, or every so many steps: comma-separated, with a header. By default
/// its columns are those of <see cref="TrainingProgress"/> and the algorithm's metrics; with
/// <see cref="LogKeys.StableBaselines3"/> those of its <c>progress.csv</c>.</summary>
public sealed class CsvLog : TrainingLog
{
    private readonly LineFile file;
    private readonly LoggedNumbers numbers;
    private string? header;

    /// <summary>Opens a log of an agent that is to be trained.</summary>
    /// <param name="agent">What trains.</param>
    /// <param name="path">The file, usually <c>progress.csv</c>. An agent that has taken steps goes on with it; else an
    /// earlier one is replaced.</param>
    /// <param name="keys">What the columns are called.</param>
    /// <param name="everySteps">The environment steps between two rows, at least 1; null for one after each
    /// update.</param>
    /// <exception cref="ArgumentException">The steps are out of their range.</exception>
    /// <exception cref="IOException">The file cannot be written; the message names it.</exception>
    public CsvLog(Agent agent, string path, LogKeys keys = LogKeys.Rl, long? everySteps = null)
        : base(agent, LineFile.Named(path), everySteps ?? 1)
    {
        numbers = LoggedNumbers.Of(keys, agent);
        file = LineFile.Open(path, FirstSteps > 0, headers: 1, line => StepsOf(line) <= FirstSteps);
        header = file.Header;
    }

    private protected override void Write(TrainingProgress now)
    {
        var row = numbers.Row(now).ToArray();
        var columns = string.Join(',', row.Select(number => number.Key));
        if (header is null)
        {
            header = columns;
            file.Add(columns);
        }
        else if (header != columns)
        {
            throw new IOException("it has other columns, by other keys or of another algorithm; name another file.");
        }

        file.Add(string.Join(',', row.Select(number => LoggedNumbers.Print(number.Value))));
    }

    private protected override void Save() => file.Flush();

    private protected override void Close() => file.Dispose();

    /// <summary>Those of a row, which stand first; beyond any number where they cannot be read.</summary>
    private static double StepsOf(string line) =>
        double.TryParse(line.Split(',')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var steps)
            ? steps
            : double.PositiveInfinity;
}
