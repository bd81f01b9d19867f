using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;

namespace Rl.Cli.Runs;

/// <summary>All columns of a metrics.csv, and the episodes in it. The file may grow while it is read: each
/// <see cref="Update"/> takes in what is new.</summary>
internal sealed class MetricsColumns(string path)
{
    private const int BlockSize = 1 << 16;

    private readonly List<List<double>> columns = [];
    private readonly List<double> cells = [];
    private readonly List<double> ended = [];
    private readonly List<double> lasted = [];
    private byte[] block = new byte[BlockSize];
    private int left;
    private long position;
    private int returnsAt = -1;
    private int lengthsAt = -1;

    /// <summary>The names of the columns; empty before the first line.</summary>
    public IReadOnlyList<string> Names { get; private set; } = [];

    /// <summary>Updates so far.</summary>
    public int Rows => columns.Count == 0 ? 0 : columns[0].Count;

    /// <summary>Rows that could not be read and were left out.</summary>
    public int Damaged { get; private set; }

    /// <summary>The steps at which episodes ended; within an update they are spread evenly.</summary>
    public List<double> EpisodeSteps { get; } = [];

    /// <summary>Their returns.</summary>
    public List<double> EpisodeReturns { get; } = [];

    /// <summary>Their lengths; NaN where the file does not tell.</summary>
    public List<double> EpisodeLengths { get; } = [];

    /// <summary>Whether the file tells the lengths of episodes.</summary>
    public bool HasLengths => lengthsAt >= 0 && returnsAt >= 0;

    /// <summary>Whether the file tells the returns of episodes.</summary>
    public bool HasEpisodes => returnsAt >= 0;

    /// <summary>The steps after each update.</summary>
    public IReadOnlyList<double> Steps => this["steps"];

    /// <summary>A column by its name; empty if there is none.</summary>
    public IReadOnlyList<double> this[string name] =>
        Names.ToList().IndexOf(name) is var at and >= 0 ? columns[at] : [];

    /// <summary>The last number of a column; NaN if there is none.</summary>
    public double Last(string name) => this[name] is { Count: > 0 } column ? column[^1] : double.NaN;

    /// <summary>Takes in what was written since the last time; tells whether there was anything. A file that was begun
    /// anew is read anew.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public bool Update()
    {
        if (!File.Exists(path))
        {
            return Clear();
        }

        using var file = new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
        var changed = file.Length < position && Clear();
        file.Position = position;
        while (true)
        {
            if (left == block.Length)
            {
                Array.Resize(ref block, 2 * block.Length);
            }

            var read = file.Read(block.AsSpan(left));
            if (read == 0)
            {
                return changed;
            }

            position += read;
            changed |= Take(left + read);
        }
    }

    /// <summary>Takes the whole lines of the block in, and keeps what follows them.</summary>
    private bool Take(int filled)
    {
        var (start, taken) = (0, false);
        while (block.AsSpan(start, filled - start).IndexOf((byte)'\n') is var length and >= 0)
        {
            Line(block.AsSpan(start, length).TrimEnd((byte)'\r'));
            start += length + 1;
            taken = true;
        }

        block.AsSpan(start, filled - start).CopyTo(block);
        left = filled - start;
        return taken;
    }

    private void Line(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty)
        {
            return;
        }

        if (Names.Count > 0)
        {
            Row(line);
        }
        else if (line.StartsWith("steps,"u8))
        {
            Names = Encoding.UTF8.GetString(line).Split(',');
            returnsAt = Names.ToList().IndexOf(MetricsHistory.ReturnsColumn);
            lengthsAt = Names.ToList().IndexOf(MetricsHistory.LengthsColumn);
            columns.AddRange(Names.Select(_ => new List<double>()));
        }
        else
        {
            Damaged++;
        }
    }

    /// <summary>A row is whole or left out.</summary>
    private void Row(ReadOnlySpan<byte> line)
    {
        cells.Clear();
        ended.Clear();
        lasted.Clear();
        foreach (var range in line.Split((byte)','))
        {
            var cell = line[range];
            var value = 0.0;
            if (cells.Count == returnsAt)
            {
                TakeList(cell, ended);
            }
            else if (cells.Count == lengthsAt)
            {
                TakeList(cell, lasted);
            }
            else if (!TryNumber(cell, out value))
            {
                Damaged++;
                return;
            }

            cells.Add(value);
        }

        var previous = Rows == 0 ? 0 : columns[0][^1];
        if (cells.Count != columns.Count || !(cells[0] >= 0) || (Rows > 0 && cells[0] <= previous))
        {
            Damaged++;
            return;
        }

        for (var column = 0; column < cells.Count; column++)
        {
            columns[column].Add(cells[column]);
        }

        for (var episode = 0; episode < ended.Count; episode++)
        {
            EpisodeSteps.Add(previous + ((cells[0] - previous) * (episode + 1.0) / ended.Count));
            EpisodeReturns.Add(ended[episode]);
            EpisodeLengths.Add(lasted.Count == ended.Count ? lasted[episode] : double.NaN);
        }
    }

    private static void TakeList(ReadOnlySpan<byte> cell, List<double> list)
    {
        foreach (var range in cell.Split((byte)MetricsHistory.Joint))
        {
            if (TryNumber(cell[range], out var value) && double.IsFinite(value))
            {
                list.Add(value);
            }
        }
    }

    private bool Clear()
    {
        var had = Names.Count > 0;
        columns.Clear();
        EpisodeSteps.Clear();
        EpisodeReturns.Clear();
        EpisodeLengths.Clear();
        (Names, Damaged, left, position, returnsAt, lengthsAt) = ([], 0, 0, 0, -1, -1);
        return had;
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}
