using System;
using System.Collections.Generic;
using System.IO;

namespace Rl.Logging.Internal;

/// <summary>The files that logs of this process write: a second log on one of them would overwrite the first.</summary>
internal static class OpenPaths
{
    private static readonly Dictionary<string, WeakReference<object>> Writers = new(
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()
            ? StringComparer.OrdinalIgnoreCase
            : StringComparer.Ordinal);

    /// <summary>Keeps a file for one writer until <see cref="Release"/>, or until nobody knows the writer any
    /// more.</summary>
    /// <exception cref="IOException">Another one writes it; the message names it and says what to do.</exception>
    public static void Claim(string path, object writer)
    {
        var whole = Path.GetFullPath(path);
        lock (Writers)
        {
            if (Writers.TryGetValue(whole, out var known) && known.TryGetTarget(out _))
            {
                throw new IOException(
                    $"{path} is written by another log of this program, which would lose what is there: name another "
                    + "file, or dispose of that log first.");
            }

            Writers[whole] = new(writer);
        }
    }

    /// <summary>Another log may write the file now; nothing happens if it was not kept for this writer.</summary>
    public static void Release(string path, object writer)
    {
        var whole = Path.GetFullPath(path);
        lock (Writers)
        {
            if (Writers.TryGetValue(whole, out var known)
                && known.TryGetTarget(out var target)
                && ReferenceEquals(target, writer))
            {
                Writers.Remove(whole);
            }
        }
    }
}
