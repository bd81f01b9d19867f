using System;

namespace Rl.Logging.Internal;

/// <summary>How numbers are spread: how many fall in each of equally wide buckets from the least to the greatest.
/// Numbers that are not finite fall in none.</summary>
internal sealed class Histogram
{
    /// <summary>As many as TensorBoard draws.</summary>
    private const int MostBuckets = 30;

    private Histogram(double[] limits, double[] counts)
    {
        Limits = limits;
        Counts = counts;
    }

    /// <summary>The upper bound of each bucket; the last one is the greatest number.</summary>
    public double[] Limits { get; }

    /// <summary>The numbers in each bucket: from the bound before it, which belongs to it, to its own, which belongs to
    /// the next one, except the last.</summary>
    public double[] Counts { get; }

    /// <summary>How many finite numbers there are.</summary>
    public long Count { get; private init; }

    public double Least { get; private init; }

    public double Greatest { get; private init; }

    /// <summary>Σ x.</summary>
    public double Sum { get; private init; }

    /// <summary>Σ x².</summary>
    public double SumOfSquares { get; private init; }

    /// <summary>That of these numbers; null if none is finite.</summary>
    public static Histogram? Of(ReadOnlySpan<float> values)
    {
        var (count, sum, squares) = (0L, 0.0, 0.0);
        var (least, greatest) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (var value in values)
        {
            if (float.IsFinite(value))
            {
                count++;
                sum += value;
                squares += (double)value * value;
                least = Math.Min(least, value);
                greatest = Math.Max(greatest, value);
            }
        }

        if (count == 0)
        {
            return null;
        }

        var buckets = least == greatest ? 1 : MostBuckets;
        var counts = new double[buckets];
        var width = ((double)greatest - least) / buckets;
        var share = width > 0 ? 1 / width : 0;
        foreach (var value in values)
        {
            if (float.IsFinite(value))
            {
                // ⌊(x − least) / width⌋; the greatest number falls in the last bucket.
                counts[Math.Min((int)(((double)value - least) * share), buckets - 1)]++;
            }
        }

        var limits = new double[buckets];
        for (var bucket = 0; bucket < buckets - 1; bucket++)
        {
            limits[bucket] = least + ((bucket + 1) * width);
        }

        limits[^1] = greatest;
        return new(limits, counts)
        {
            Count = count,
            Least = least,
            Greatest = greatest,
            Sum = sum,
            SumOfSquares = squares,
        };
    }
}
