using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Linq;
using PureHDF;
using PureHDF.VOL.Native;

namespace Rl.Data.Internal.Hdf5;

/// <summary>An HDF5 file that is read: opened whole or refused, and every failure names the file and the
/// object.</summary>
internal sealed class Hdf5File : IDisposable
{
    private static readonly byte[] Signature = [0x89, (byte)'H', (byte)'D', (byte)'F', 0x0D, 0x0A, 0x1A, 0x0A];

    private readonly MemoryMappedFile map;
    private readonly NativeFile file;

    private Hdf5File(string path, long length, MemoryMappedFile map, NativeFile file)
    {
        Path = path;
        Length = length;
        this.map = map;
        this.file = file;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its bytes.</summary>
    public long Length { get; }

    /// <summary>The group that holds all others.</summary>
    public Hdf5Group Root => new(this, file, string.Empty);

    /// <summary>Whether a file begins as HDF5 files do.</summary>
    public static bool Is(string path)
    {
        using var stream = File.OpenRead(path);
        Span<byte> start = stackalloc byte[Signature.Length];
        return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && start.SequenceEqual(Signature);
    }

    /// <summary>Opens a file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no HDF5 file, or ends before its last byte.</exception>
    public static Hdf5File Open(string path)
    {
        var length = RequireWhole(path);
        var map = MemoryMappedFile.CreateFromFile(
            new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read),
            null,
            0,
            MemoryMappedFileAccess.Read,
            HandleInheritability.None,
            leaveOpen: false);
        try
        {
            // A stream looks at every place it is asked for; the library's own reading of mapped memory does not, and a
            // damaged file would end the process.
            var view = map.CreateViewStream(0, length, MemoryMappedFileAccess.Read);
            return new(path, length, map, Guarded(path, string.Empty, () => H5File.Open(view)));
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
        map.Dispose();
    }

    /// <summary>Does something with an object; whatever the reading library throws becomes an error that names
    /// both.</summary>
    public static T Guarded<T>(string path, string what, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException named) when (named.Message.StartsWith(path, StringComparison.Ordinal))
        {
            throw;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            var name = what.Length == 0 ? path : $"{path}: {what}";
            throw new InvalidDataException(
                $"{name} cannot be read: {error.Message.TrimEnd('.')}. The file is damaged, or of a kind that is not "
                + "read (big-endian numbers, szip or lzf); write it anew with h5py's defaults.",
                error);
        }
    }

    /// <summary>The length of a file that has all bytes that its first block (the superblock of the HDF5 file format,
    /// section II.A) says.</summary>
    private static long RequireWhole(string path)
    {
        using var stream = File.OpenRead(path);
        Span<byte> start = stackalloc byte[52];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (read < start.Length || !start[..8].SequenceEqual(Signature))
        {
            throw new InvalidDataException(
                $"{path} is no HDF5 file: it has {stream.Length} bytes and does not begin as these do.");
        }

        var end = start[8] switch
        {
            0 when start[13] == 8 => BinaryPrimitives.ReadInt64LittleEndian(start[40..]),
            1 when start[13] == 8 => BinaryPrimitives.ReadInt64LittleEndian(start[44..]),
            2 or 3 when start[9] == 8 => BinaryPrimitives.ReadInt64LittleEndian(start[28..]),
            _ => stream.Length,
        };
        return end <= stream.Length
            ? stream.Length
            : throw new InvalidDataException(
                $"{path} ends after {stream.Length} of {end} bytes: it was cut off; copy or download it again.");
    }
}

/// <summary>A group of an HDF5 file.</summary>
internal sealed class Hdf5Group
{
    private readonly Hdf5File file;
    private readonly IH5Group group;

    public Hdf5Group(Hdf5File file, IH5Group group, string name)
    {
        this.file = file;
        this.group = group;
        Name = name;
    }

    /// <summary>The names on the way to it, joined by slashes; empty for the root.</summary>
    public string Name { get; }

    /// <summary>The names of what it holds, sorted: the library hands them out in no order that means
    /// something.</summary>
    public IReadOnlyList<string> Names => Hdf5File.Guarded(
        file.Path, Name, () => group.Children().Select(child => child.Name).Order(StringComparer.Ordinal).ToList());

    /// <summary>Whether it holds something of a name.</summary>
    public bool Has(string name) => Hdf5File.Guarded(file.Path, Inner(name), () => group.LinkExists(name));

    /// <summary>The array of a name.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public Hdf5Array Array(string name) => Find(name) is NativeDataset found
        ? new(file, found, Inner(name))
        : throw new InvalidDataException($"{file.Path}: {Inner(name)} is a group where an array is expected.");

    /// <summary>The group of a name.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public Hdf5Group Group(string name) => Find(name) is IH5Group found
        ? new(file, found, Inner(name))
        : throw new InvalidDataException($"{file.Path}: {Inner(name)} is an array where a group is expected.");

    /// <summary>Whether what has a name is a group.</summary>
    public bool IsGroup(string name) => Find(name) is IH5Group;

    /// <summary>The attributes, by name.</summary>
    public IReadOnlyDictionary<string, DataArray> Attributes()
    {
        var all = new SortedDictionary<string, DataArray>(StringComparer.Ordinal);
        foreach (var attribute in Hdf5File.Guarded(file.Path, Name, () => group.Attributes().ToList()))
        {
            var what = $"the attribute {attribute.Name} of {(Name.Length == 0 ? "the root" : Name)}";
            all[attribute.Name] = Hdf5File.Guarded(file.Path, what, () => Hdf5Values.Read(attribute));
        }

        return all;
    }

    private string Inner(string name) => Name.Length == 0 ? name : $"{Name}/{name}";

    private IH5Object Find(string name)
    {
        try
        {
            return Hdf5File.Guarded(file.Path, Inner(name), () => group.Get(name));
        }
        catch (InvalidDataException error) when (!Has(name))
        {
            throw new InvalidDataException($"{file.Path} has no {Inner(name)}.", error);
        }
    }
}
