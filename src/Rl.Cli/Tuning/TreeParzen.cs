using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>
/// The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011): the best 15 % of the points so far
/// give a density l, the others g; of 24 values drawn from l the one with the greatest l / g is taken, whose expected
/// improvement is the greatest. Each dimension has densities of its own, of the points in which it has a say.
/// </summary>
internal static class TreeParzen
{
    /// <summary>The share of points that count as good.</summary>
    private const double GoodShare = 0.15;

    private const int MostGood = 25;
    private const int Candidates = 24;

    /// <summary>Points that are drawn without knowledge before the first that is not.</summary>
    public const int DefaultStart = 10;

    /// <summary>The next point.</summary>
    /// <param name="space">Where it lies.</param>
    /// <param name="ranked">The points so far, the best first.</param>
    /// <param name="draws">What randomness it takes.</param>
    /// <param name="start">With fewer points it is drawn without knowledge.</param>
    public static double[] Propose(
        SearchSpace space, IReadOnlyList<double[]> ranked, Draws draws, int start = DefaultStart)
    {
        if (ranked.Count < Math.Max(start, 2))
        {
            return space.Draw(draws);
        }

        var good = Good(ranked.Count);
        return space.Fill(index =>
        {
            var dimension = space.Dimensions[index];
            var better = dimension.Fit(Known(ranked.Take(good), index));
            var worse = dimension.Fit(Known(ranked.Skip(good), index));
            return Enumerable.Range(0, Candidates)
                .Select(_ => better.Draw(draws))
                .MaxBy(at => better.Log(at) - worse.Log(at));
        });
    }

    /// <summary>How many of so many points count as good.</summary>
    public static int Good(int points) => Math.Min(MostGood, (int)Math.Ceiling(GoodShare * points));

    private static double[] Known(IEnumerable<double[]> points, int index) =>
        [.. points.Select(point => point[index]).Where(at => !double.IsNaN(at))];
}
