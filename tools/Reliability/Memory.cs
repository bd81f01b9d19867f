using System;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Rl.Reliability;

/// <summary>The memory of this process as Linux counts it, in bytes.</summary>
internal static class Memory
{
    /// <summary>What is resident now.</summary>
    public static long Resident => Status("VmRSS:");

    /// <summary>The most that has been resident since the last call of <see cref="ResetPeak"/>.</summary>
    public static long Peak => Status("VmHWM:");

    public static void ResetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    /// <summary>Files, pipes and sockets that are open.</summary>
    public static int Descriptors => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();

    public static string Megabytes(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0,6:0.0} MB");

    private static long Status(string name)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        var kilobytes = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1];
        return 1024 * long.Parse(kilobytes, CultureInfo.InvariantCulture);
    }
}
