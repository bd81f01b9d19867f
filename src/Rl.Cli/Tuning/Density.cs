using System;
using System.Collections.Generic;
using System.Linq;
using MathNet.Numerics.Distributions;

namespace Rl.Cli.Tuning;

/// <summary>A density over the coordinates of a dimension, fitted to some of them (Bergstra, Bardenet, Bengio and Kégl
/// 2011, "Algorithms for hyper-parameter optimization", section 4).</summary>
internal abstract class Density
{
    /// <summary>A coordinate with this density.</summary>
    public abstract double Draw(Draws draws);

    /// <summary>ln of the density, or of the probability, at a coordinate.</summary>
    public abstract double Log(double coordinate);

    /// <summary>Coordinates that stand for all, each for as much as the others.</summary>
    public abstract IReadOnlyList<double> Grid { get; }
}

/// <summary>Probabilities of choices: (C + 1) / (n + k) for a choice that C of n have, of k choices.</summary>
internal sealed class ChoiceDensity : Density
{
    private readonly double[] probabilities;

    public ChoiceDensity(int choices, IReadOnlyList<double> coordinates)
    {
        probabilities = new double[choices];
        Array.Fill(probabilities, 1.0 / (coordinates.Count + choices));
        foreach (var choice in coordinates)
        {
            probabilities[(int)choice] += 1.0 / (coordinates.Count + choices);
        }
    }

    public override IReadOnlyList<double> Grid =>
        [.. Enumerable.Range(0, probabilities.Length).Select(choice => (double)choice)];

    public override double Draw(Draws draws)
    {
        var left = draws.Uniform();
        for (var choice = 0; choice < probabilities.Length - 1; choice++)
        {
            left -= probabilities[choice];
            if (left < 0)
            {
                return choice;
            }
        }

        return probabilities.Length - 1;
    }

    public override double Log(double coordinate) => Math.Log(probabilities[(int)coordinate]);
}

/// <summary>
/// A mixture in equal parts of the uniform density and of a normal density around each coordinate, cut at 0 and 1. Its
/// deviation is the distance to the farther of the two neighbours, of which the bounds are the outermost; at least 1 /
/// min(100, n + 2), and 1 at most. Of a whole number the probability is that of all that is rounded to it.
/// </summary>
internal sealed class NumberDensity : Density
{
    private const int GridPoints = 100;

    private readonly NumberDimension dimension;
    private readonly double[] centres;
    private readonly double[] deviations;

    public NumberDensity(NumberDimension dimension, IReadOnlyList<double> coordinates)
    {
        this.dimension = dimension;
        centres = [.. coordinates.Order()];
        var least = 1.0 / Math.Min(100, centres.Length + 2);
        deviations = [.. centres.Select((centre, index) =>
        {
            var left = centre - (index == 0 ? 0 : centres[index - 1]);
            var right = (index == centres.Length - 1 ? 1 : centres[index + 1]) - centre;
            return Math.Clamp(Math.Max(left, right), least, 1);
        })];
    }

    public override IReadOnlyList<double> Grid =>
        [.. Enumerable.Range(0, GridPoints).Select(point => (point + 0.5) / GridPoints)];

    public override double Draw(Draws draws)
    {
        var part = draws.Below(centres.Length + 1);
        if (part == centres.Length)
        {
            return dimension.Rounded(draws.Uniform());
        }

        // A third of the draws at least lie between the bounds.
        while (true)
        {
            var drawn = centres[part] + (deviations[part] * draws.Normal());
            if (drawn is >= 0 and <= 1)
            {
                return dimension.Rounded(drawn);
            }
        }
    }

    public override double Log(double coordinate)
    {
        var (from, to) = dimension.IsWhole ? dimension.Cell(coordinate) : (coordinate, coordinate);
        var sum = dimension.IsWhole ? to - from : 1;
        for (var part = 0; part < centres.Length; part++)
        {
            var (centre, deviation) = (centres[part], deviations[part]);
            var inside = Normal.CDF(centre, deviation, 1) - Normal.CDF(centre, deviation, 0);
            var here = dimension.IsWhole
                ? Normal.CDF(centre, deviation, to) - Normal.CDF(centre, deviation, from)
                : Normal.PDF(centre, deviation, coordinate);
            sum += here / inside;
        }

        return Math.Log(sum / (centres.Length + 1));
    }
}
