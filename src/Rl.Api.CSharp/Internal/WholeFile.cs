using System;
using System.IO;

namespace Rl.Internal;

/// <summary>A file that appears whole or not at all: it is written beside its place and moved there by <see cref="Keep"/>.</summary>
internal sealed class WholeFile : IDisposable
{
    private readonly string path;
    private readonly string temporary;
    private bool isKept;

    /// <exception cref="IOException">The file cannot be made; the message names it.</exception>
    public WholeFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        this.path = Path.GetFullPath(path);
        temporary = $"{this.path}.{System.Environment.ProcessId}.tmp";
        Stream = Guarded(() =>
        {
            if (Directory.Exists(this.path))
            {
                throw new IOException("it is a folder.");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(this.path)!);
            return new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite);
        });
    }

    /// <summary>Lets a function write a temporary file beside the path, and moves it to its place.</summary>
    public static void Replace(string path, Action<string> write)
    {
        var temporary = $"{path}.{System.Environment.ProcessId}.tmp";
        try
        {
            write(temporary);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Where to write.</summary>
    public FileStream Stream { get; }

    /// <summary>Moves the file to its place, over an earlier one.</summary>
    public void Keep()
    {
        Stream.Dispose();
        Guarded(() =>
        {
            File.Move(temporary, path, overwrite: true);
            return true;
        });
        isKept = true;
    }

    /// <summary>Closes the file and, if it was not kept, deletes it.</summary>
    public void Dispose()
    {
        Stream.Dispose();
        if (!isKept)
        {
            File.Delete(temporary);
        }
    }

    private T Guarded<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new IOException($"{path} cannot be written: {error.Message}", error);
        }
    }
}
