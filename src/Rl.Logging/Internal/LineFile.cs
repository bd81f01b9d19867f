using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Rl.Core.Foundations;

namespace Rl.Logging.Internal;

/// <summary>A text file of lines, which a run that goes on continues after the lines that still hold.</summary>
internal sealed class LineFile : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly string path;
    private readonly LogFile file;

    private LineFile(string path, bool goesOn, int headers, Func<string, bool> holds)
    {
        this.path = path;
        Claim();
        try
        {
            var kept = goesOn && File.Exists(path) ? Kept(path, headers, holds) : [];
            if (kept.Count > 0)
            {
                WholeFile.WriteText(path, string.Join('\n', kept) + "\n");
                Header = kept[0];
            }

            file = LogFile.Open(path, kept.Count > 0 ? FileMode.Append : FileMode.Create);
        }
        catch
        {
            OpenPaths.Release(path, this);
            throw;
        }
    }

    /// <summary>The first line that was there already; null in a new file.</summary>
    public string? Header { get; }

    /// <summary>Begins a file, or goes on with one.</summary>
    /// <param name="path">The file; missing folders are made.</param>
    /// <param name="goesOn">Whether to keep what is there.</param>
    /// <param name="headers">How many lines stand above the others.</param>
    /// <param name="holds">Whether one of the other lines still holds; they are asked in their order.</param>
    /// <exception cref="IOException">It cannot be written, or another log writes it; the message names it
    /// and says what to do.</exception>
    public static LineFile Open(string path, bool goesOn, int headers, Func<string, bool> holds) =>
        new(path, goesOn, headers, holds);

    /// <summary>The path, which must be given.</summary>
    public static string Named(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return path;
    }

    /// <summary>Adds a line.</summary>
    public void Add(string line) => file.Append(Utf8.GetBytes(line + "\n"));

    /// <summary>Adds a line with its end.</summary>
    public void Add(ReadOnlySpan<byte> line) => file.Append(line);

    public void Flush() => file.Flush();

    public void Dispose()
    {
        file.Dispose();
        OpenPaths.Release(path, this);
    }

    /// <summary>Devices take what several write; files do not.</summary>
    private void Claim()
    {
        if (OperatingSystem.IsWindows() || !Path.GetFullPath(path).StartsWith("/dev/", StringComparison.Ordinal))
        {
            OpenPaths.Claim(path, this);
        }
    }

    /// <summary>The headers and the lines that hold. What follows the last line's end was cut short by a
    /// crash.</summary>
    private static List<string> Kept(string path, int headers, Func<string, bool> holds)
    {
        try
        {
            var text = File.ReadAllText(path);
            var lines = text[..(text.LastIndexOf('\n') + 1)]
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var kept = new List<string>();
            for (var index = 0; index < lines.Length; index++)
            {
                if (index < headers || holds(lines[index]))
                {
                    kept.Add(lines[index]);
                }
            }

            return kept.Count < headers ? [] : kept;
        }
        catch (UnauthorizedAccessException error)
        {
            throw LogFile.Refused(path, error);
        }
    }
}
