using System;
using System.IO;

namespace Rl.Data.Internal;

/// <summary>A folder that is filled beside its place and moved there when it is whole.</summary>
internal sealed class PartialFolder : IDisposable
{
    private readonly string place;
    private bool isDone;

    /// <param name="place">Where it is to stand: nothing, or an empty folder.</param>
    public PartialFolder(string place)
    {
        this.place = System.IO.Path.GetFullPath(place).TrimEnd(System.IO.Path.DirectorySeparatorChar);
        Path = $"{this.place}.partial";
        if (Directory.Exists(Path))
        {
            throw new IOException(
                $"{Path} is there: another program writes {this.place}, or one was stopped while it did. Remove it if "
                + "none does.");
        }

        Directory.CreateDirectory(Path);
    }

    /// <summary>The folder while it is filled.</summary>
    public string Path { get; }

    /// <summary>Moves it to its place.</summary>
    public void Complete()
    {
        if (Directory.Exists(place))
        {
            Directory.Delete(place);
        }

        Directory.Move(Path, place);
        isDone = true;
    }

    /// <summary>Removes what is not whole, once: later the place beside may be another writer's.</summary>
    public void Dispose()
    {
        if (!isDone && Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }

        isDone = true;
    }
}
