using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using Rl.Data.Internal.Flat;

namespace Rl.Data.Internal.Npz;

/// <summary>Writes an <c>.npz</c> file: arrays gather in files of their own beside it, since a zip file has one entry
/// after the other.</summary>
internal sealed class NpzTarget : IFlatTarget
{
    private readonly PartialFile file;
    private readonly Dictionary<string, Column> arrays = new(StringComparer.Ordinal);
    private readonly string parts;
    private bool isDisposed;

    public NpzTarget(string path)
    {
        file = new(path);
        parts = $"{file.Path}-arrays";
        Directory.CreateDirectory(parts);
    }

    /// <inheritdoc/>
    public void Append(string name, DataArray rows)
    {
        if (!arrays.TryGetValue(name, out var column))
        {
            column = new(
                rows.ElementType,
                [.. rows.Shape.Skip(1)],
                File.Create(Path.Combine(parts, $"{arrays.Count}"), 1 << 16));
            arrays[name] = column;
        }

        if (rows.ElementType != column.Type)
        {
            throw new InvalidDataException($"{name} is {rows.ElementType}, but was {column.Type} in episodes before.");
        }

        column.Stream.Write(rows.Bytes);
        column.Rows += rows.Rows;
    }

    /// <inheritdoc/>
    public void Complete()
    {
        using (var archive = new ZipArchive(file.Stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, column) in arrays)
            {
                using var entry = archive.CreateEntry($"{name}.npy", CompressionLevel.Fastest).Open();
                long[] shape = [column.Rows, .. column.RowShape.Select(length => (long)length)];
                entry.Write(NpyHeader.Of(column.Type, shape));
                column.Stream.Position = 0;
                column.Stream.CopyTo(entry);
            }
        }

        file.Complete();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var column in arrays.Values)
        {
            column.Stream.Dispose();
        }

        arrays.Clear();
        if (!isDisposed && Directory.Exists(parts))
        {
            Directory.Delete(parts, recursive: true);
        }

        isDisposed = true;
        file.Dispose();
    }

    private sealed class Column(ElementType type, int[] rowShape, FileStream stream)
    {
        public ElementType Type => type;

        public int[] RowShape => rowShape;

        public FileStream Stream => stream;

        public long Rows { get; set; }
    }
}
