using System.Diagnostics;

namespace Rl.Bench.Quick;

/// <summary>Times an action: warm first, then the best of many short blocks. The machine's other users only ever add
/// time, and leave gaps.</summary>
internal static class Measure
{
    private const double WarmSeconds = 0.7;
    private const double BlockSeconds = 0.02;
    private const double AllBlocksSeconds = 1.2;
    private const int LeastBlocks = 5;

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
        var blocks = 0;
        watch.Restart();
        while (blocks < LeastBlocks || watch.Elapsed.TotalSeconds < AllBlocksSeconds)
        {
            var start = Stopwatch.GetTimestamp();
            for (var call = 0; call < perBlock; call++)
            {
                action();
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / perBlock);
            blocks++;
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - allocatedBefore;
        return (best, (double)allocated / ((double)perBlock * blocks));
    }
}
