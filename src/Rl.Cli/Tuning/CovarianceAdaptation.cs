using System;
using System.Collections.Generic;
using System.Linq;
using MathNet.Numerics.LinearAlgebra;

namespace Rl.Cli.Tuning;

/// <summary>
/// The evolution strategy CMA-ES (Hansen and Ostermeier 2001; the constants are those of Hansen's tutorial,
/// arXiv:1604.00772, table 1): candidates m + σ y with y ~ N(0, C); their ranks move m to the weighted mean of the
/// better half, C by the path of m (rank one) and by all candidates (rank µ, the worse ones with negative weights), and
/// σ by how long the path of m is beside that of a random walk.
/// </summary>
internal sealed class CovarianceAdaptation
{
    private readonly int size;
    private readonly double[] weights;
    private readonly double effective;
    private readonly double pathRate;
    private readonly double rankOneRate;
    private readonly double rankMuRate;
    private readonly double stepRate;
    private readonly double stepDamping;
    private readonly double expectedLength;
    private Matrix<double> covariance;
    private Matrix<double> root;
    private Matrix<double> inverseRoot;
    private Vector<double> path;
    private Vector<double> stepPath;
    private int generation;

    /// <summary>Begins around a mean, with the covariance σ²I.</summary>
    /// <param name="mean">m; one number at least.</param>
    /// <param name="step">σ, above 0.</param>
    /// <param name="population">λ, the candidates of a generation; at least 3.</param>
    public CovarianceAdaptation(IReadOnlyList<double> mean, double step, int population)
    {
        (size, Step, Population) = (mean.Count, step, population);
        Mean = Vector<double>.Build.DenseOfEnumerable(mean);
        covariance = Matrix<double>.Build.DenseIdentity(size);
        (root, inverseRoot) = (covariance, covariance);
        (path, stepPath) = (Vector<double>.Build.Dense(size), Vector<double>.Build.Dense(size));

        double n = size;
        double[] raw =
            [.. Enumerable.Range(1, population).Select(rank => Math.Log((population + 1) / 2.0) - Math.Log(rank))];
        var better = population / 2;
        effective = Effective(raw[..better]);
        pathRate = (4 + (effective / n)) / (n + 4 + (2 * effective / n));
        rankOneRate = 2 / (Math.Pow(n + 1.3, 2) + effective);
        rankMuRate = Math.Min(
            1 - rankOneRate,
            2 * (0.25 + effective + (1 / effective) - 2) / (Math.Pow(n + 2, 2) + effective));
        stepRate = (effective + 2) / (n + effective + 5);
        stepDamping = 1 + (2 * Math.Max(0, Math.Sqrt((effective - 1) / (n + 1)) - 1)) + stepRate;
        expectedLength = Math.Sqrt(n) * (1 - (1 / (4 * n)) + (1 / (21 * n * n)));
        var negative = new[]
        {
            1 + (rankOneRate / rankMuRate),
            1 + (2 * Effective(raw[better..]) / (effective + 2)),
            (1 - rankOneRate - rankMuRate) / (n * rankMuRate),
        }.Min();
        var (above, below) = (raw.Where(w => w >= 0).Sum(), -raw.Where(w => w < 0).Sum());
        weights = Array.ConvertAll(raw, w => w >= 0 ? w / above : negative * w / below);
    }

    /// <summary>λ.</summary>
    public int Population { get; }

    /// <summary>m.</summary>
    public Vector<double> Mean { get; private set; }

    /// <summary>σ.</summary>
    public double Step { get; private set; }

    /// <summary>µ_eff, for how many equal candidates the better half counts.</summary>
    public double Effective() => effective;

    /// <summary>The weights of the better half by rank, the best first; they add up to 1.</summary>
    public IEnumerable<double> PositiveWeights => weights.Take(Population / 2);

    /// <summary>The candidates of a generation of usual size for so many dimensions: 4 + ⌊3 ln n⌋.</summary>
    public static int UsualPopulation(int dimensions) => 4 + (int)(3 * Math.Log(Math.Max(1, dimensions)));

    /// <summary>The standard deviation of a coordinate.</summary>
    public double Deviation(int index) => Step * Math.Sqrt(covariance[index, index]);

    /// <summary>A step σ y to a candidate.</summary>
    public Vector<double> Draw(Draws draws) =>
        root * Vector<double>.Build.Dense(size, _ => draws.Normal()) * Step;

    /// <summary>Moves one coordinate of the mean.</summary>
    public void MoveMean(int index, double value) => Mean[index] = value;

    /// <summary>Makes σ smaller where a coordinate's deviation is greater than this.</summary>
    public void Limit(double deviation)
    {
        var greatest = Enumerable.Range(0, size).Max(Deviation);
        Step *= Math.Min(1, deviation / greatest);
    }

    /// <summary>Takes up a generation.</summary>
    /// <param name="ranked">The steps σ y of its λ candidates, that of the best first.</param>
    public void Update(IReadOnlyList<Vector<double>> ranked)
    {
        if (ranked.Count != Population)
        {
            throw new ArgumentException($"There are {ranked.Count} candidates; a generation has {Population}.");
        }

        generation++;
        Vector<double>[] steps = [.. ranked.Select(step => step / Step)];
        var shift = Vector<double>.Build.Dense(size);
        for (var rank = 0; rank < Population / 2; rank++)
        {
            shift += weights[rank] * steps[rank];
        }

        Mean += Step * shift;
        stepPath = ((1 - stepRate) * stepPath)
            + (Math.Sqrt(stepRate * (2 - stepRate) * effective) * (inverseRoot * shift));
        var length = stepPath.L2Norm();
        var isCalm = length / Math.Sqrt(1 - Math.Pow(1 - stepRate, 2 * generation))
            < (1.4 + (2.0 / (size + 1))) * expectedLength;
        path = (1 - pathRate) * path;
        if (isCalm)
        {
            path += Math.Sqrt(pathRate * (2 - pathRate) * effective) * shift;
        }

        // While the path stands still for the length of the step, its part of C is made up for.
        var standing = isCalm ? 0 : pathRate * (2 - pathRate);
        var next = (1 + (rankOneRate * standing) - rankOneRate - (rankMuRate * weights.Sum())) * covariance;
        next += rankOneRate * path.OuterProduct(path);
        for (var rank = 0; rank < Population; rank++)
        {
            // Negative weights count for steps of the expected length, which keeps C positive definite.
            var weight = weights[rank] >= 0 ? weights[rank]
                : weights[rank] * size / Math.Max(1e-300, Math.Pow((inverseRoot * steps[rank]).L2Norm(), 2));
            next += rankMuRate * weight * steps[rank].OuterProduct(steps[rank]);
        }

        Step *= Math.Exp(stepRate / stepDamping * ((length / expectedLength) - 1));
        Take(next);
    }

    private void Take(Matrix<double> next)
    {
        covariance = (next + next.Transpose()) / 2;
        var parts = covariance.Evd(Symmetricity.Symmetric);
        var vectors = parts.EigenVectors;
        var least = 1e-14 * parts.EigenValues.Max(value => value.Real);
        var roots = parts.EigenValues.Map(value => Math.Sqrt(Math.Max(value.Real, Math.Max(least, 1e-300))));
        root = vectors * Matrix<double>.Build.DiagonalOfDiagonalVector(roots) * vectors.Transpose();
        inverseRoot = vectors * Matrix<double>.Build.DiagonalOfDiagonalVector(1 / roots) * vectors.Transpose();
    }

    private static double Effective(double[] weights) =>
        Math.Pow(weights.Sum(), 2) / weights.Sum(weight => weight * weight);
}
