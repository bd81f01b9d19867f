using System;
using System.IO;

namespace Rl.Data.Internal;

/// <summary>A file that is written beside its place and moved there when it is whole.</summary>
internal sealed class PartialFile : IDisposable
{
    private readonly string place;
    private bool isDone;

    /// <param name="place">Where it is to stand.</param>
    /// <exception cref="IOException">Another program writes it, or it cannot be written.</exception>
    public PartialFile(string place)
    {
        this.place = System.IO.Path.GetFullPath(place);
        Path = $"{this.place}.partial";
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this.place)!);
        try
        {
            Stream = new(Path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 20);
        }
        catch (IOException error) when (File.Exists(Path))
        {
            throw new IOException(
                $"{Path} is there: another program writes {this.place}, or one was stopped while it did. Remove it if "
                + "none does.",
                error);
        }
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
        isDone = true;
    }

    /// <summary>Removes what is not whole, once: later the place beside may be another writer's.</summary>
    public void Dispose()
    {
        if (!isDone)
        {
            isDone = true;
            Stream.Dispose();
            File.Delete(Path);
        }
    }
}
