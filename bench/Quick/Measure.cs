using System.Diagnostics;

namespace Rl.Bench.Quick;

/// <summary>Times an action: warm first, then the best of several blocks, as the machine's other users only ever add time.</summary>
internal static class Measure
{
    private const double WarmSeconds = 0.7;
    private const double BlockSeconds = 0.12;
    private const int Blocks = 9;

    /// <summary>Seconds a call (the best block) and bytes allocated a call.</summary>
    public static (double Seconds, double AllocatedBytes) Run(Action action)
    {
        var watch = Stopwatch.StartNew();
        long calls = 0;
        while (watch.Elapsed.TotalSeconds < WarmSeconds)
        {
            action();
            calls++;
        }

        var perBlock = Math.Max(1, (int)(calls * BlockSeconds / WarmSeconds));
        var best = double.PositiveInfinity;
        var allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        for (var block = 0; block < Blocks; block++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var call = 0; call < perBlock; call++)
            {
                action();
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / perBlock);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - allocatedBefore;
        return (best, (double)allocated / ((double)perBlock * Blocks));
    }
}
