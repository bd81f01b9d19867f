using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Bench;

/// <summary>Statistics over seeds (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
/// precipice").</summary>
internal static class Statistics
{
    private const double Level = 0.95;

    /// <summary>√(Σ (x − mean)² / (n − 1)) / √n; NaN for a single value, of which nothing follows about
    /// others.</summary>
    public static double StandardError(IReadOnlyList<double> values)
    {
        if (values.Count < 2)
        {
            return double.NaN;
        }

        var mean = values.Average();
        return Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count);
    }

    /// <summary>The mean of the middle half: a quarter of the weight is cut at each end, values at the cut in
    /// part.</summary>
    public static double InterquartileMean(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToArray();
        var (low, high) = (sorted.Length / 4.0, sorted.Length * 3 / 4.0);
        var sum = 0.0;
        for (var index = 0; index < sorted.Length; index++)
        {
            sum += sorted[index] * Math.Max(0, Math.Min(high, index + 1) - Math.Max(low, index));
        }

        return sum / (high - low);
    }

    /// <summary>The probability that a run of the one is better than a run of the other, equal ones counting half: Σ [x
    /// &gt; y] + ½ [x = y] over all pairs, by their number.</summary>
    public static double ProbabilityOfImprovement(IReadOnlyList<double> one, IReadOnlyList<double> other) =>
        one.Average(x => other.Average(y => x > y ? 1.0 : x == y ? 0.5 : 0.0));

    /// <summary>The middle 95 % of that probability over samples of both, drawn with replacement; the same for the same
    /// values. Where either has a single run nothing is known: (0, 1).</summary>
    public static (double Low, double High) BootstrapImprovement(
        IReadOnlyList<double> one, IReadOnlyList<double> other)
    {
        if (one.Count < 2 || other.Count < 2)
        {
            return (0, 1);
        }

        var (first, second) = (new double[one.Count], new double[other.Count]);
        return Internal.Bootstrap.Middle(Level, random =>
        {
            Internal.Bootstrap.Draw(random, one, first);
            Internal.Bootstrap.Draw(random, other, second);
            return ProbabilityOfImprovement(first, second);
        });
    }

    /// <summary>The middle 95 % of the statistic over samples drawn with replacement; the same for the same
    /// values. Of a single value it has no ends: (−∞, ∞).</summary>
    public static (double Low, double High) Bootstrap(
        IReadOnlyList<double> values, Func<IReadOnlyList<double>, double> statistic)
    {
        if (values.Count < 2)
        {
            return (double.NegativeInfinity, double.PositiveInfinity);
        }

        var drawn = new double[values.Count];
        return Internal.Bootstrap.Middle(Level, random =>
        {
            Internal.Bootstrap.Draw(random, values, drawn);
            return statistic(drawn);
        });
    }
}
