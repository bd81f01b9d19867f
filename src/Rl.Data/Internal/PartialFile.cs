using System;
using System.IO;

namespace Rl.Data.Internal;

/// <summary>A file that is written beside its place and moved there when it is whole.</summary>
internal sealed class PartialFile : IDisposable
{
    private readonly string place;

    /// <param name="place">Where it is to stand.</param>
    public PartialFile(string place)
    {
        this.place = System.IO.Path.GetFullPath(place);
        Path = $"{this.place}.partial";
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this.place)!);
        Stream = new(Path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 20);
    }

    /// <summary>The file while it is written.</summary>
    public string Path { get; }

    /// <summary>What is written.</summary>
    public FileStream Stream { get; }

    /// <summary>Moves it to its place.</summary>
    public void Complete()
    {
        Stream.Dispose();
        File.Move(Path, place);
    }

    /// <summary>Removes what is not whole.</summary>
    public void Dispose()
    {
        Stream.Dispose();
        File.Delete(Path);
    }
}
