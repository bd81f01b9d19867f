using System;
using System.IO;
using System.Threading;

namespace Rl.Cli.Runs;

/// <summary>A file in a run's folder that one process holds open as long as it writes there; the system lets go of it
/// however the process ends.</summary>
internal sealed class RunLock : IDisposable
{
    /// <summary>Its name in the folder.</summary>
    public const string Name = "run.lock";

    private const int Attempts = 4;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(15);

    private readonly string path;
    private readonly FileStream stream;

    private RunLock(string path, FileStream stream)
    {
        this.path = path;
        this.stream = stream;
    }

    /// <summary>Whether the file is where it was made; not if the folder was deleted or moved.</summary>
    public bool IsThere => File.Exists(path);

    /// <summary>Whether a process writes in the folder now.</summary>
    public static bool IsHeldIn(string folder) => IsHeld(Path.Combine(folder, Name));

    /// <summary>Takes the folder, which must exist; null if another process has it.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static RunLock? TryTake(string folder)
    {
        // Who only asks whether the folder is in use holds the file for a moment too.
        for (var attempt = 1; attempt < Attempts; attempt++)
        {
            if (TryOnce(folder) is { } taken)
            {
                return taken;
            }

            Thread.Sleep(Pause);
        }

        return TryOnce(folder);
    }

    private static RunLock? TryOnce(string folder)
    {
        var path = Path.GetFullPath(Path.Combine(folder, Name));
        try
        {
            return new(path, new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException) when (IsHeld(path))
        {
            return null;
        }
    }

    /// <summary>Whether a process has the folder.</summary>
    public static bool IsTaken(string folder) => IsHeld(Path.GetFullPath(Path.Combine(folder, Name)));

    public void Dispose()
    {
        try
        {
            // Deleted while it is held, so that nobody takes a file that is about to go. Windows deletes no open file.
            if (!OperatingSystem.IsWindows())
            {
                File.Delete(path);
            }

            stream.Dispose();
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What is left locks nothing.
        }
    }

    /// <summary>Whether the file is there and somebody holds it.</summary>
    private static bool IsHeld(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            using var _ = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
