using System;
using System.Collections.Generic;
using System.Linq;

namespace Rl.Cli.Tuning;

/// <summary>How much an option matters.</summary>
/// <param name="Name">The option.</param>
/// <param name="Share">Its part of all importance; all add up to 1.</param>
/// <param name="Chance">How often as many trials, drawn at random, would show as much: near 0 for what surely matters.
/// </param>
internal sealed record OptionImportance(string Name, double Share, double Chance);

/// <summary>
/// PED-ANOVA (Watanabe, Bansal and Hutter 2023): an option matters as much as its values among the best quarter of the
/// trials are distributed otherwise than among all, by Pearson's divergence Σ p (q / p − 1)² of the densities that
/// <see cref="TreeParzen"/> fits. It knows of no interactions. Trials that were drawn where good ones were expected
/// show less of what the search had found already.
/// </summary>
internal static class Importance
{
    private const double TopShare = 0.25;
    private const int Permutations = 500;

    /// <summary>Fewer trials tell nothing.</summary>
    public const int LeastTrials = 8;

    /// <summary>The importance of each dimension, the greatest first; empty for too few points.</summary>
    /// <param name="space">The dimensions.</param>
    /// <param name="ranked">Points, the best first.</param>
    public static IReadOnlyList<OptionImportance> Of(SearchSpace space, IReadOnlyList<double[]> ranked)
    {
        if (ranked.Count < LeastTrials)
        {
            return [];
        }

        var measured = space.Dimensions.Select((dimension, index) => Measure(dimension, index, ranked)).ToArray();
        var sum = measured.Sum(one => one.Divergence);
        return
        [
            .. measured
                .Select((one, index) => new OptionImportance(
                    space.Dimensions[index].Name, sum > 0 ? one.Divergence / sum : 0, one.Chance))
                .OrderByDescending(one => one.Share),
        ];
    }

    private static (double Divergence, double Chance) Measure(
        Dimension dimension, int index, IReadOnlyList<double[]> ranked)
    {
        double[] known = [.. ranked.Select(point => point[index]).Where(at => !double.IsNaN(at))];
        var top = (int)Math.Ceiling(TopShare * known.Length);
        if (top < 1 || known.Distinct().Count() < 2)
        {
            return (0, 1);
        }

        var all = dimension.Fit(known);
        var observed = Divergence(dimension.Fit(known[..top]), all);

        // Of random subsets of the same size, shuffled by a stream of the option's own.
        var (draws, shuffled, asMuch) = (new Draws(0, index), (double[])[.. known], 0);
        for (var repetition = 0; repetition < Permutations; repetition++)
        {
            for (var place = 0; place < top; place++)
            {
                var other = place + draws.Below(shuffled.Length - place);
                (shuffled[place], shuffled[other]) = (shuffled[other], shuffled[place]);
            }

            asMuch += Divergence(dimension.Fit(shuffled[..top]), all) >= observed ? 1 : 0;
        }

        return (observed, (asMuch + 1.0) / (Permutations + 1));
    }

    /// <summary>Pearson's divergence of q from p: the mean over the grid of p (q / p − 1)², each density made to have
    /// the mean 1 there.</summary>
    private static double Divergence(Density q, Density p)
    {
        var grid = p.Grid;
        var (top, all) = (Normalised(q, grid), Normalised(p, grid));
        return all.Zip(top).Average(at => at.First * Math.Pow((at.Second / at.First) - 1, 2));
    }

    private static double[] Normalised(Density density, IReadOnlyList<double> grid)
    {
        double[] values = [.. grid.Select(at => Math.Exp(density.Log(at)))];
        var mean = values.Average();
        return Array.ConvertAll(values, value => value / mean);
    }
}
