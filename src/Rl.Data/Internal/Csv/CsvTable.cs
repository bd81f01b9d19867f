using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Rl.Data.Internal.Csv;

/// <summary>Reads lines of separated values (RFC 4180): quotes, doubled quotes, line breaks within quotes.</summary>
internal sealed class CsvTable : IDisposable
{
    private readonly string path;
    private readonly StreamReader reader;
    private readonly char separator;
    private readonly Dictionary<string, int> columns = new(StringComparer.Ordinal);
    private readonly List<string> cells = [];

    public CsvTable(string path, char separator)
    {
        this.path = path;
        this.separator = separator;
        reader = new(path, Encoding.UTF8, true, 1 << 16);
        if (!Next())
        {
            reader.Dispose();
            throw new InvalidDataException($"{path} is empty; its first line must name the columns.");
        }

        for (var index = 0; index < cells.Count; index++)
        {
            if (!columns.TryAdd(cells[index].Trim(), index))
            {
                throw new InvalidDataException($"{path} has two columns {cells[index]}; names must differ.");
            }
        }
    }

    /// <summary>The line in the file where the current row begins, from 1.</summary>
    public int Line { get; private set; }

    private int NextLine { get; set; } = 1;

    /// <summary>Where a column stands.</summary>
    /// <exception cref="InvalidDataException">There is none of that name.</exception>
    public int Find(string name) => columns.TryGetValue(name, out var index)
        ? index
        : throw new InvalidDataException(
            $"{path} has no column {name}; there are {string.Join(", ", columns.Keys.Take(20))}.");

    /// <summary>The text of a cell of the current row.</summary>
    public string this[int column] => cells[column];

    /// <summary>Goes to the next row; false at the end. Empty lines are passed over.</summary>
    public bool Next()
    {
        do
        {
            cells.Clear();
            Line = NextLine;
            if (reader.Peek() < 0)
            {
                return false;
            }

            ReadCells();
        }
        while (cells.Count == 1 && cells[0].Length == 0);
        if (columns.Count > 0 && cells.Count != columns.Count)
        {
            throw new InvalidDataException(
                $"{path}, line {Line}: it has {cells.Count} cells, but there are {columns.Count} columns.");
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => reader.Dispose();

    private void ReadCells()
    {
        var cell = new StringBuilder();
        var isQuoted = false;
        while (true)
        {
            var letter = reader.Read();
            if (letter < 0 || (!isQuoted && letter is '\n' or '\r'))
            {
                if (isQuoted)
                {
                    throw new InvalidDataException($"{path}, line {Line}: a quotation mark is never closed.");
                }

                if (letter == '\r' && reader.Peek() == '\n')
                {
                    reader.Read();
                }

                NextLine++;
                cells.Add(cell.ToString());
                return;
            }

            if (letter == '"' && isQuoted && reader.Peek() == '"')
            {
                cell.Append((char)reader.Read());
            }
            else if (letter == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (letter == separator && !isQuoted)
            {
                cells.Add(cell.ToString());
                cell.Clear();
            }
            else
            {
                NextLine += letter == '\n' ? 1 : 0;
                cell.Append((char)letter);
            }
        }
    }
}
