using System;
using System.Collections.Generic;

namespace Rl.Internal;

/// <summary>Intervals of statistics by the percentile bootstrap (Efron 1979); the same for the same values.</summary>
internal static class Bootstrap
{
    private const int Resamples = 2_000;

    /// <summary>The middle of a statistic over samples, each as large as what it was drawn from.</summary>
    /// <param name="level">The share of the middle, in (0, 1).</param>
    /// <param name="sample">The statistic of one sample, by the random numbers that draw it.</param>
    public static (double Low, double High) Middle(double level, Func<Random, double> sample)
    {
        var random = new Random(1);
        var results = new double[Resamples];
        for (var index = 0; index < Resamples; index++)
        {
            results[index] = sample(random);
        }

        Array.Sort(results);
        var tail = (1 - level) / 2;
        return (results[(int)(Resamples * tail)], results[(int)(Resamples * (1 - tail))]);
    }

    /// <summary>Draws values with replacement.</summary>
    public static void Draw(Random random, IReadOnlyList<double> values, double[] drawn)
    {
        for (var index = 0; index < drawn.Length; index++)
        {
            drawn[index] = values[random.Next(values.Count)];
        }
    }
}
