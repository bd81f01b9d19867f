using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace Rl.Data.Internal.Arrow;

/// <summary>The one Arrow file of an episode, whose columns are found by their names.</summary>
internal sealed class ArrowEpisodeFile : IDisposable
{
    private readonly RecordBatch batch;

    private ArrowEpisodeFile(string path, RecordBatch batch) => (Path, this.batch) = (path, batch);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>T + 1.</summary>
    public int Rows => batch.Length;

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or has more than one batch of rows; the message names
    /// it.</exception>
    public static ArrowEpisodeFile Open(string path)
    {
        // What is damaged fails in as many ways as there are numbers in a file; all of them mean this.
        try
        {
            using var reader = new ArrowFileReader(new MemoryStream(File.ReadAllBytes(path)));
            var batch = reader.ReadNextRecordBatch()
                ?? throw new InvalidDataException("it has no rows");
            if (reader.ReadNextRecordBatch() is { } second)
            {
                second.Dispose();
                batch.Dispose();
                throw new InvalidDataException("it has more than one batch of rows, which Minari does not read either");
            }

            return new(path, batch);
        }
        catch (Exception error) when (error is not (IOException and not EndOfStreamException)
            || error is InvalidDataException)
        {
            throw new InvalidDataException($"{path} is no Arrow file that can be read: {error.Message}", error);
        }
    }

    /// <summary>Whether there is a column.</summary>
    public bool Has(string name) => batch.Schema.FieldsList.Any(field => field.Name == name);

    /// <summary>What a column holds at the end of a way through its parts.</summary>
    /// <exception cref="InvalidDataException">There is no such column or part.</exception>
    public IArrowArray Find(IReadOnlyList<string> names)
    {
        var fields = batch.Schema.FieldsList;
        IReadOnlyList<IArrowArray> arrays = [.. batch.Arrays];
        IArrowArray? found = null;
        foreach (var name in names)
        {
            if (found is not null)
            {
                (fields, arrays) = found is StructArray inner
                    ? (((StructType)inner.Data.DataType).Fields, inner.Fields)
                    : throw new InvalidDataException($"{string.Join('/', names)} has no parts");
            }

            var index = fields.ToList().FindIndex(field => field.Name == name);
            found = index >= 0 && index < arrays.Count
                ? arrays[index]
                : throw new InvalidDataException($"there is no {string.Join('/', names)} in the file");
        }

        return found!;
    }

    /// <summary>The leaves of a column of parts, by the names on the way to them.</summary>
    public IEnumerable<(string Path, Field Field, IArrowArray Array)> Leaves(string name)
    {
        if (Find([name]) is not StructArray whole)
        {
            throw new InvalidDataException($"{name} is no struct");
        }

        return Inner(whole, string.Empty);

        static IEnumerable<(string Path, Field Field, IArrowArray Array)> Inner(StructArray part, string path)
        {
            foreach (var (field, array) in ((StructType)part.Data.DataType).Fields.Zip(part.Fields))
            {
                var called = path.Length == 0 ? field.Name : $"{path}/{field.Name}";
                if (array is StructArray below)
                {
                    foreach (var leaf in Inner(below, called))
                    {
                        yield return leaf;
                    }
                }
                else
                {
                    yield return (called, field, array);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => batch.Dispose();
}
