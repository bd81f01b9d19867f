using System;
using System.Collections.Generic;
using System.Linq;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;

namespace Rl.Cli.Tuning;

/// <summary>
/// Proposes points by <see cref="CovarianceAdaptation"/>. Numbers are its coordinates; those of whole numbers keep a
/// margin of probability for leaving the number that the mean rounds to (CMA-ES with margin: Hamano et al. 2022), so
/// that none is given up for good. Choices have probabilities that move to those of the better half, with a margin too
/// (as CatCMA: Hamano et al. 2024). A generation has whole brackets, whose trials are ranked by how far they got and
/// their scores. What is proposed follows from the plan and the trials alone.
/// </summary>
internal sealed class CmaSampler
{
    /// <summary>σ at the beginning, where every range is from 0 to 1.</summary>
    private const double FirstStep = 0.3;

    /// <summary>More would put most draws beyond the bounds, where they tell nothing.</summary>
    private const double MostDeviation = 1.0 / 3;

    /// <summary>Draws for a point within the bounds before it is cut at them.</summary>
    private const int MostDraws = 100;

    private readonly StudyPlan plan;
    private readonly int[] numbers;
    private readonly int[] choices;
    private readonly double[][] probabilities;
    private readonly double[] stretch;
    private readonly int population;
    private readonly CovarianceAdaptation? numeric;

    /// <summary>Takes up all whole generations of the trials.</summary>
    /// <param name="plan">What is sought.</param>
    /// <param name="trials">The trials so far, in the order of their numbers.</param>
    public CmaSampler(StudyPlan plan, IReadOnlyList<Trial> trials)
    {
        this.plan = plan;
        var dimensions = plan.Space.Dimensions;
        numbers = Indices(dimension => dimension is NumberDimension);
        choices = Indices(dimension => dimension is ChoiceDimension);
        population = Population(plan);
        probabilities = Array.ConvertAll(choices, index =>
        {
            var count = ((ChoiceDimension)dimensions[index]).Choices.Count;
            return Enumerable.Repeat(1.0 / count, count).ToArray();
        });
        stretch = Array.ConvertAll(numbers, _ => 1.0);
        if (numbers.Length > 0)
        {
            double[] mean = Array.ConvertAll(
                numbers, index => plan.Known?[index] is { } known && !double.IsNaN(known) ? known : 0.5);
            numeric = new(mean, FirstStep, population);
            KeepNumbersOpen();
        }

        foreach (var generation in trials.Chunk(population).Where(one => one.Length == population))
        {
            // The candidates follow from the distribution that they were drawn from, more exactly than from their
            // rounded coordinates.
            var candidates = generation.ToDictionary(trial => trial.Number, trial => Candidate(trial.Number));
            TakeUp([.. Trial.Ranked(generation).Select(trial => candidates[trial.Number])]);
        }

        int[] Indices(Func<Dimension, bool> isOne) =>
            [.. Enumerable.Range(0, dimensions.Count).Where(index => isOne(dimensions[index]))];
    }

    /// <summary>The trials of a generation: whole brackets, at least the usual number for as many dimensions.</summary>
    public static int Population(StudyPlan plan)
    {
        var bracket = plan.Halving.BracketSize;
        var usual = CovarianceAdaptation.UsualPopulation(plan.Space.Dimensions.Count);
        return (usual + bracket - 1) / bracket * bracket;
    }

    /// <summary>The point of a trial of the generation that comes.</summary>
    public double[] Propose(int number)
    {
        var (steps, drawn) = Candidate(number);
        var coordinates = new double[plan.Space.Dimensions.Count];
        for (var place = 0; place < numbers.Length; place++)
        {
            coordinates[numbers[place]] = Number(place).Rounded(At(steps!, place));
        }

        for (var place = 0; place < choices.Length; place++)
        {
            coordinates[choices[place]] = drawn[place];
        }

        return plan.Space.Fill(index => coordinates[index]);
    }

    private NumberDimension Number(int place) => (NumberDimension)plan.Space.Dimensions[numbers[place]];

    /// <summary>What is drawn for a trial: the steps of its numbers, and its choices.</summary>
    private (Vector<double>? Steps, int[] Choices) Candidate(int number)
    {
        var draws = new Draws(plan.Seed, number);
        int[] drawn = Array.ConvertAll(probabilities, one => Choice(one, draws));
        if (numeric is null)
        {
            return (null, drawn);
        }

        if (number == 0 && plan.Known is { } known)
        {
            for (var place = 0; place < choices.Length; place++)
            {
                drawn[place] = double.IsNaN(known[choices[place]]) ? drawn[place] : (int)known[choices[place]];
            }

            return (Vector<double>.Build.Dense(numbers.Length), drawn);
        }

        var steps = numeric.Draw(draws);
        for (var draw = 1; draw < MostDraws && !IsInside(steps); draw++)
        {
            steps = numeric.Draw(draws);
        }

        for (var place = 0; place < numbers.Length; place++)
        {
            if (!Number(place).IsWhole)
            {
                steps[place] = Math.Clamp(At(steps, place), 0, 1) - numeric.Mean[place];
            }
        }

        return (steps, drawn);
    }

    /// <summary>Where a step leads to. Whole numbers are stretched by their margin.</summary>
    private double At(Vector<double> steps, int place) => numeric!.Mean[place] + (stretch[place] * steps[place]);

    /// <summary>Whether numbers that are not whole lie within their bounds; whole ones are cut there.</summary>
    private bool IsInside(Vector<double> steps) =>
        Enumerable.Range(0, numbers.Length).All(place => Number(place).IsWhole || At(steps, place) is >= 0 and <= 1);

    private void TakeUp(IReadOnlyList<(Vector<double>? Steps, int[] Choices)> ranked)
    {
        double[] weights = numeric is null ? Weights(population) : [.. numeric.PositiveWeights];
        if (numeric is not null)
        {
            numeric.Update([.. ranked.Select(one => one.Steps!)]);
            numeric.Limit(MostDeviation);
            KeepNumbersOpen();
        }

        var freedom = probabilities.Sum(one => one.Length - 1);
        var effective = 1 / weights.Sum(weight => weight * weight);
        var rate = effective / (effective + freedom);
        for (var place = 0; place < choices.Length; place++)
        {
            var own = probabilities[place];
            for (var choice = 0; choice < own.Length; choice++)
            {
                var share = weights.Select((weight, rank) => ranked[rank].Choices[place] == choice ? weight : 0).Sum();
                own[choice] += rate * (share - own[choice]);
            }

            KeepChoicesOpen(own);
        }
    }

    private static double[] Weights(int population) =>
        [.. new CovarianceAdaptation([0], 1, population).PositiveWeights];

    /// <summary>No choice becomes less probable than (1 − 0.73^(1/N)) / (K − 1), of N choices of K each.</summary>
    private void KeepChoicesOpen(double[] own)
    {
        var margin = 1 - Math.Pow(0.73, 1.0 / choices.Length);
        var least = Math.Min(1.0 / own.Length, margin / Math.Max(1, own.Length - 1));
        for (var choice = 0; choice < own.Length; choice++)
        {
            own[choice] = Math.Max(own[choice], least);
        }

        // What was added is taken from what lies above the least.
        var (sum, above) = (own.Sum(), own.Sum(probability => probability - least));
        for (var choice = 0; choice < own.Length && above > 0; choice++)
        {
            own[choice] -= (sum - 1) * (own[choice] - least) / above;
        }
    }

    /// <summary>Lets whole numbers leave what the mean rounds to with probability 1 / (λ n) at least, half of it to
    /// either side.</summary>
    private void KeepNumbersOpen()
    {
        var least = 1.0 / (population * numbers.Length);
        for (var place = 0; place < numbers.Length; place++)
        {
            var dimension = Number(place);
            if (!dimension.IsWhole)
            {
                numeric!.MoveMean(place, Math.Clamp(numeric.Mean[place], 0, 1));
                continue;
            }

            var mean = Math.Clamp(numeric!.Mean[place], 0, 1);
            var (deviation, value) = (numeric.Deviation(place), dimension.Value(mean));
            var (from, to) = dimension.Cell(mean);
            if (value <= dimension.Low || value >= dimension.High)
            {
                // At an end there is one way out.
                var reach = stretch[place] * deviation * Normal.InvCDF(0, 1, 1 - least);
                mean = value <= dimension.Low ? Math.Max(mean, to - reach) : Math.Min(mean, from + reach);
            }
            else
            {
                var (below, above) = Opened(
                    Normal.CDF(mean, stretch[place] * deviation, from),
                    1 - Normal.CDF(mean, stretch[place] * deviation, to), least / 2);
                var (left, right) = (Normal.InvCDF(0, 1, 1 - below), Normal.InvCDF(0, 1, 1 - above));
                stretch[place] = (to - from) / (deviation * (left + right));
                mean = ((from * right) + (to * left)) / (left + right);
            }

            numeric.MoveMean(place, mean);
        }
    }

    /// <summary>The probabilities below and above a number, each made at least so much; what that adds is taken from
    /// all three parts that lie above it.</summary>
    private static (double Below, double Above) Opened(double below, double above, double least)
    {
        var middle = 1 - below - above;
        (below, above) = (Math.Max(below, least), Math.Max(above, least));
        var sum = below + above + middle;
        var share = sum > 3 * least ? (1 - sum) / (sum - (3 * least)) : 0;
        return (Kept(below), Kept(above));

        double Kept(double probability) =>
            Math.Clamp(probability + (share * (probability - least)), 1e-10, 0.5 - 1e-10);
    }

    private static int Choice(double[] probabilities, Draws draws)
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
}
