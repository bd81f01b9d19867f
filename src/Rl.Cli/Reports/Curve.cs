using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Reports;

/// <summary>A curve of a page: some of a run's own points, and the moving mean of all of them there.</summary>
/// <param name="Steps">Environment steps.</param>
/// <param name="Raw">The numbers there; NaN where they are not finite.</param>
/// <param name="Smooth">The mean of the last numbers up to there; the same as <paramref name="Raw"/> for a window of
/// 1.</param>
internal sealed record Curve(double[] Steps, double[] Raw, double[] Smooth)
{
    /// <summary>The curve of numbers over steps.</summary>
    /// <param name="steps">Increasing environment steps.</param>
    /// <param name="values">The numbers.</param>
    /// <param name="smooth">Their moving mean.</param>
    /// <param name="most">How many points are kept at most, of which the extremes are kept first; at least 4.</param>
    public static Curve Of(
        IReadOnlyList<double> steps, IReadOnlyList<double> values, IReadOnlyList<double> smooth, int most)
    {
        var kept = Kept(values, most);
        return new(
            Array.ConvertAll(kept, index => steps[index]),
            Array.ConvertAll(kept, index => values[index]),
            Array.ConvertAll(kept, index => smooth[index]));
    }

    /// <summary>The mean of each number and those before it, <paramref name="window"/> of them at most, of which only
    /// finite ones count; NaN where there are none.</summary>
    /// <remarks>Sums from the start of a block of the window's length and to its end are added, and nothing is
    /// subtracted: a huge number leaves no trace when the window has passed it.</remarks>
    public static double[] MovingMean(IReadOnlyList<double> values, int window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        var (toEnd, countToEnd) = (new double[values.Count], new int[values.Count]);
        for (var index = values.Count - 1; index >= 0; index--)
        {
            var isLast = (index + 1) % window == 0 || index + 1 == values.Count;
            var (sum, count) = isLast ? (0.0, 0) : (toEnd[index + 1], countToEnd[index + 1]);
            (toEnd[index], countToEnd[index]) = Add(sum, count, values[index]);
        }

        var means = new double[values.Count];
        var (fromStart, countFromStart) = (0.0, 0);
        for (var index = 0; index < means.Length; index++)
        {
            if (index % window == 0)
            {
                (fromStart, countFromStart) = (0.0, 0);
            }

            (fromStart, countFromStart) = Add(fromStart, countFromStart, values[index]);
            var first = index - window + 1;
            var (sum, count) = first > 0 && first % window != 0
                ? (fromStart + toEnd[first], countFromStart + countToEnd[first])
                : (fromStart, countFromStart);
            means[index] = count == 0 ? double.NaN : sum / count;
        }

        return means;
    }

    private static (double Sum, int Count) Add(double sum, int count, double value) =>
        double.IsFinite(value) ? (sum + value, count + 1) : (sum, count);

    /// <summary>The least and the greatest number of each of equally long pieces, and both ends.</summary>
    private static int[] Kept(IReadOnlyList<double> values, int most)
    {
        if (values.Count <= most)
        {
            return [.. Enumerable.Range(0, values.Count)];
        }

        var pieces = (most - 2) / 2;
        var kept = new SortedSet<int> { 0, values.Count - 1 };
        for (var piece = 0; piece < pieces; piece++)
        {
            var first = (int)((long)values.Count * piece / pieces);
            var end = (int)((long)values.Count * (piece + 1) / pieces);
            var (least, greatest) = (first, first);
            for (var index = first + 1; index < end; index++)
            {
                least = values[index] < values[least] || double.IsNaN(values[least]) ? index : least;
                greatest = values[index] > values[greatest] || double.IsNaN(values[greatest]) ? index : greatest;
            }

            kept.Add(least);
            kept.Add(greatest);
        }

        return [.. kept];
    }
}
