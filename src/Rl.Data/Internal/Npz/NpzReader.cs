using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using Rl.Data.Internal.Flat;

namespace Rl.Data.Internal.Npz;

/// <summary>Reads NumPy's <c>.npz</c> files with the arrays of D4RL's: observations, actions, rewards, terminals, and
/// where they are there timeouts, next_observations and infos.</summary>
internal static class NpzReader
{
    /// <summary>Opens a file.</summary>
    public static Dataset Open(string path, DatasetOptions options)
    {
        using var columns = new NpzColumns(path);
        var layout = FlatLayout.Of(path, columns, options);
        var metadata = new DatasetMetadata { Id = Path.GetFileNameWithoutExtension(path) };
        return new(path, DatasetFormat.Npz, layout.Observations, layout.Actions, metadata, Episodes);

        IEnumerable<Func<DatasetEpisode>> Episodes(bool withInfos)
        {
            using var opened = new NpzColumns(path);
            foreach (var attempt in FlatEpisodes.Of(path, opened, layout, options, withInfos))
            {
                yield return attempt;
            }
        }
    }
}

/// <summary>The arrays of a zip file, each read from front to back.</summary>
internal sealed class NpzColumns : IFlatColumns, IDisposable
{
    private readonly string path;
    private readonly ZipArchive archive;
    private readonly Dictionary<string, ZipArchiveEntry> entries;
    private readonly Dictionary<string, Column> opened = new(StringComparer.Ordinal);

    public NpzColumns(string path)
    {
        this.path = path;
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20);
        try
        {
            archive = new(file, ZipArchiveMode.Read);
            entries = archive.Entries
                .Where(entry => entry.FullName.EndsWith(".npy", StringComparison.Ordinal))
                .GroupBy(entry => entry.FullName[..^".npy".Length], StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        }
        catch (InvalidDataException error)
        {
            file.Dispose();
            throw new InvalidDataException(
                $"{path} is no .npz file, or was cut off: {error.Message} Copy or save it again.", error);
        }
    }

    /// <inheritdoc/>
    public bool Has(string name) => entries.ContainsKey(name);

    /// <inheritdoc/>
    public (ElementType Type, IReadOnlyList<long> Shape) Describe(string name)
    {
        var column = Open(name);
        return (column.Type, column.Shape);
    }

    /// <inheritdoc/>
    public DataArray Read(string name, long first, int count)
    {
        var column = Open(name);
        if (first < column.Row)
        {
            column.Dispose();
            opened.Remove(name);
            column = Open(name);
        }

        int[] shape = [count, .. column.Shape.Skip(1).Select(length => checked((int)length))];
        var elements = shape.Aggregate(1, (product, length) => checked(product * length));
        var values = ElementTypes.Create(column.Type, elements);
        return Guarded(name, () =>
        {
            column.Skip(first);
            column.Fill(ElementTypes.Bytes(values), count);
            if (values is bool[])
            {
                foreach (ref var value in ElementTypes.Bytes(values))
                {
                    value = value == 0 ? (byte)0 : (byte)1;
                }
            }

            return new DataArray(values, shape);
        });
    }

    /// <inheritdoc/>
    public int Block(string name) => 1;

    /// <inheritdoc/>
    public IReadOnlyList<string> Below(string group) =>
        [.. entries.Keys.Where(name => name.StartsWith($"{group}/", StringComparison.Ordinal))];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var column in opened.Values)
        {
            column.Dispose();
        }

        archive.Dispose();
    }

    private Column Open(string name)
    {
        if (!opened.TryGetValue(name, out var column))
        {
            column = Guarded(name, () => new Column(entries[name]));
            opened[name] = column;
        }

        return column;
    }

    private T Guarded<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or OverflowException)
        {
            throw new InvalidDataException(
                $"{path}: the array {name} cannot be read: {error.Message.TrimEnd('.')}.", error);
        }
    }

    /// <summary>An array that is read from front to back.</summary>
    private sealed class Column : IDisposable
    {
        private readonly Stream stream;
        private readonly long rowBytes;

        public Column(ZipArchiveEntry entry)
        {
            stream = new BufferedStream(entry.Open(), 1 << 16);
            (Type, Shape, var header) = NpyHeader.Read(stream);
            var row = Shape.Skip(1).Aggregate((double)ElementTypes.Size(Type), (product, length) => product * length);
            var bytes = Shape.Length == 0 ? row : row * Shape[0];
            if (bytes + header != entry.Length)
            {
                throw new InvalidDataException(
                    $"it declares the shape [{string.Join(", ", Shape)}], {bytes:0.##e+0} bytes, but has "
                    + $"{entry.Length - header}; it is damaged");
            }

            rowBytes = (long)row;
        }

        public ElementType Type { get; }

        public long[] Shape { get; }

        /// <summary>The next row.</summary>
        public long Row { get; private set; }

        public void Skip(long row)
        {
            var buffer = new byte[1 << 16];
            for (var left = (row - Row) * rowBytes; left > 0;)
            {
                var taken = (int)Math.Min(left, buffer.Length);
                stream.ReadExactly(buffer, 0, taken);
                left -= taken;
            }

            Row = row;
        }

        public void Fill(Span<byte> bytes, int rows)
        {
            stream.ReadExactly(bytes);
            Row += rows;
        }

        public void Dispose() => stream.Dispose();
    }
}
