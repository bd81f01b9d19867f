using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using MathNet.Numerics.Distributions;
using Rl.Cli.Tuning;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>The mathematics of <c>rl tune</c>: numbers, densities, proposals, halving and importance.</summary>
public sealed class TuningTests
{
    /// <summary>Kolmogorov's statistic of n values is above 1.95 / √n once in a thousand times.</summary>
    private const double Kolmogorov = 1.95;

    [Theory]
    [InlineData(nameof(NumberScale.Linear))]
    [InlineData(nameof(NumberScale.Log))]
    [InlineData(nameof(NumberScale.LogComplement))]
    public void Numbers_are_drawn_evenly_on_their_scale(string name)
    {
        const int Count = 4_000;
        var scale = Enum.Parse<NumberScale>(name);
        var dimension = new NumberDimension("x", 1e-4, 0.9, scale, false, null);
        double On(double x) => scale switch
        {
            NumberScale.Linear => x,
            NumberScale.Log => Math.Log(x),
            _ => -Math.Log(1 - x),
        };
        var draws = new Draws(3, 0);
        double[] places =
        [
            .. Enumerable.Range(0, Count)
                .Select(_ => On(dimension.Value(dimension.Draw(draws))))
                .Select(place => (place - On(1e-4)) / (On(0.9) - On(1e-4)))
                .Order()];
        Assert.InRange(places[0], 0, 1);
        Assert.InRange(places[^1], 0, 1);
        var distance = places.Select((place, index) => Math.Abs(place - ((index + 0.5) / Count))).Max();
        Assert.True(distance < Kolmogorov / Math.Sqrt(Count), $"{distance}");
    }

    [Theory]
    [InlineData(nameof(NumberScale.Linear))]
    [InlineData(nameof(NumberScale.Log))]
    public void Whole_numbers_have_bounds_that_can_be_drawn_and_round_to_themselves(string name)
    {
        var scale = Enum.Parse<NumberScale>(name);
        var dimension = new NumberDimension("n", 2, 6, scale, true, null);
        var draws = new Draws(5, 0);
        var counts = Enumerable.Range(0, 20_000).Select(_ => dimension.Value(dimension.Draw(draws)))
            .CountBy(value => value).ToDictionary();
        Assert.Equal([2.0, 3, 4, 5, 6], counts.Keys.Order());
        double Weight(double n) => scale == NumberScale.Linear ? 1 : Math.Log((n + 0.5) / (n - 0.5));
        var sum = counts.Keys.Sum(Weight);
        var chi = counts.Sum(one =>
        {
            var expected = 20_000 * Weight(one.Key) / sum;
            return (one.Value - expected) * (one.Value - expected) / expected;
        });
        Assert.True(chi < ChiSquared.InvCDF(4, 0.999), $"{chi}");
        Assert.All(counts.Keys, value => Assert.Equal(value, dimension.Value(dimension.Coordinate(value))));
    }

    [Fact]
    public void Densities_have_the_mass_1_and_are_what_their_draws_have()
    {
        Dimension[] dimensions =
        [
            new NumberDimension("x", 0, 1, NumberScale.Linear, false, null),
            new NumberDimension("n", 1, 9, NumberScale.Log, true, null),
            new ChoiceDimension("c", ["a", "b", "c"], null),
        ];
        double[][] fitted = [[0.1, 0.15, 0.8], [0.2, 0.9], [0, 2, 2]];
        for (var index = 0; index < dimensions.Length; index++)
        {
            var (dimension, density) = (dimensions[index], dimensions[index].Fit(fitted[index]));
            if (dimension is NumberDimension { IsWhole: false })
            {
                const int Points = 20_000;
                var mass = Enumerable.Range(0, Points)
                    .Average(point => Math.Exp(density.Log((point + 0.5) / Points)));
                Assert.Equal(1, mass, 4);
                continue;
            }

            var draws = new Draws(7, index);
            var counts = Enumerable.Range(0, 20_000).Select(_ => density.Draw(draws)).CountBy(at => at).ToDictionary();
            Assert.Equal(1, counts.Keys.Sum(at => Math.Exp(density.Log(at))), 2);
            Assert.All(
                counts,
                one => Assert.Equal(Math.Exp(density.Log(one.Key)), one.Value / 20_000.0, 0.02));
        }
    }

    [Fact]
    public void A_density_is_greatest_where_most_of_its_values_lie()
    {
        var density = new NumberDimension("x", 0, 1, NumberScale.Linear, false, null).Fit([0.7, 0.71, 0.72, 0.69, 0.2]);
        Assert.True(density.Log(0.705) > density.Log(0.6) && density.Log(0.6) > density.Log(0.98));
        Assert.Equal(Math.Log(3.0 / 7), new ChoiceDimension("c", ["a", "b"], null).Fit([0, 0, 1, 1, 1]).Log(0), 9);
    }

    /// <summary>On three functions, of numbers, of choices and with conditions, 20 studies of 60 points each: the
    /// estimator's best is better than the best of as many random points in most of them.</summary>
    [Theory]
    [InlineData("sphere")]
    [InlineData("logarithm")]
    [InlineData("conditional")]
    public void The_estimator_finds_better_points_than_random_search(string name)
    {
        const int Studies = 20;
        const int Points = 60;
        var (space, function) = Problem(name);
        var wins = 0;
        var gain = 0.0;
        for (var study = 0; study < Studies; study++)
        {
            var known = new List<(double[] Point, double Score)>();
            var random = double.NegativeInfinity;
            for (var number = 0; number < Points; number++)
            {
                double[][] ranked = [.. known.OrderByDescending(one => one.Score).Select(one => one.Point)];
                var point = TreeParzen.Propose(space, ranked, new Draws((ulong)study, number));
                known.Add((point, function(space.Settings(point).ToDictionary())));
                random = Math.Max(
                    random,
                    function(space.Settings(space.Draw(new Draws((ulong)study + 1_000, number))).ToDictionary()));
            }

            wins += known.Max(one => one.Score) > random ? 1 : 0;
            gain += known.Max(one => one.Score) - random;
        }

        // By chance 16 of 20 or more are won once in 170 times.
        Assert.True(wins >= 16 && gain > 0, $"{wins} of {Studies}, {gain}");
    }

    [Fact]
    public void Halving_keeps_the_best_of_a_rung_and_a_whole_bracket_ends_with_one()
    {
        var halving = new Halving(3, 3);
        Assert.Equal(9, halving.BracketSize);
        Assert.Equal([1_000L, 3_000, 9_000], Enumerable.Range(0, 3).Select(rung => halving.Steps(9_000, rung)));
        Assert.Equal((3, 1, 1, 1, 2), (
            halving.Kept(9), halving.Kept(3), halving.Kept(2), halving.Kept(1), halving.Kept(8)));
        Assert.Equal(
            [4, 1, 6],
            halving.GoOn([(0, 1), (1, 5), (2, double.NaN), (3, 2), (4, 7), (5, 4), (6, 5), (7, 0), (8, -3)]));
        Assert.Empty(halving.GoOn([(0, double.NaN), (1, double.NaN)]));
        Assert.Equal(1, new Halving(1, 3).BracketSize);
        Assert.Equal(500, new Halving(1, 3).Steps(500, 0));
    }

    [Fact]
    public void A_study_trains_the_right_number_of_trials_at_each_rung_and_does_not_depend_on_when_scores_come()
    {
        var counts = new Dictionary<int, int>();
        var first = Searched(27, unit =>
            counts[unit.Rung] = counts.GetValueOrDefault(unit.Rung) + 1);
        Assert.Equal((54, 18, 6), (counts[0], counts[1], counts[2]));
        Assert.Equal(3, first.Count(trial => trial.Scores.Count == 3));
        Assert.Equal(Enumerable.Range(0, 27), first.Select(trial => trial.Number));
        Assert.Equal(first.Select(trial => trial.Point), Searched(27, _ => { }).Select(trial => trial.Point));

        // More trials are a continuation.
        Assert.Equal(first.Select(trial => trial.Point), Searched(36, _ => { }).Take(27).Select(trial => trial.Point));
    }

    [Fact]
    public void What_decides_the_score_is_most_important_and_what_does_not_is_chance()
    {
        var space = Space("""
            {
              "Decides": { "type": "float", "low": 0, "high": 1 },
              "Helps": ["a", "b"],
              "Idle": { "type": "float", "low": 0, "high": 1 }
            }
            """);
        double[][] ranked =
        [
            .. Enumerable.Range(0, 120)
                .Select(number => space.Draw(new Draws(9, number)))
                .OrderByDescending(point => (4 * -Math.Abs(point[0] - 0.3)) + (0.3 * point[1]))];
        var importance = Importance.Of(space, ranked);
        Assert.Equal("Decides", importance[0].Name);
        Assert.True(importance[0].Share > 0.6, $"{importance[0].Share}");
        Assert.Equal(1, importance.Sum(one => one.Share), 9);
        Assert.True(importance[0].Chance < 0.01);
        Assert.True(importance.Single(one => one.Name == "Idle").Chance > 0.05);
        Assert.Empty(Importance.Of(space, ranked[..7]));
    }

    private static IReadOnlyList<Trial> Searched(int trials, Action<TrialUnit> told)
    {
        var (space, function) = Problem("conditional");
        var plan = new StudyPlan
        {
            Space = space,
            Method = TuningMethod.Tpe,
            Seed = 4,
            Steps = 900,
            Seeds = 2,
            Halving = new(3, 3),
        };
        var study = new Study(plan, units =>
        {
            foreach (var (unit, _) in units)
            {
                told(unit);
            }

            return [.. units.Select(one => new TrialScore(function(one.Settings.ToDictionary()), null, 0))];
        });
        study.Run(trials, () => true);
        return study.Trials;
    }

    private static (SearchSpace Space, Func<Dictionary<string, string>, double> Score) Problem(string name) =>
        name switch
        {
            "sphere" => (
                Space("""
                {
                  "X": { "type": "float", "low": -5, "high": 5 },
                  "Y": { "type": "float", "low": -5, "high": 5 },
                  "Z": { "type": "float", "low": -5, "high": 5 }
                }
                """),
                at => -at.Values.Sum(value => Math.Pow(Number(value) - 1, 2))),
            "logarithm" => (
                Space("""
                {
                  "Rate": { "type": "logFloat", "low": 1e-6, "high": 1 },
                  "Size": { "type": "logInt", "low": 1, "high": 1000 },
                  "Kind": ["a", "b", "c", "d"],
                  "Flag": { "type": "flag" }
                }
                """),
                at => -Math.Abs(Math.Log10(Number(at["Rate"])) + 3)
                    - Math.Abs(Math.Log10(Number(at["Size"]) / 64)) - (at["Kind"] == "c" ? 0 : 0.5)
                    - (at["Flag"] == "true" ? 0 : 0.2)),
            _ => (
                Space("""
                {
                  "Kind": ["a", "b"],
                  "OfA": { "type": "float", "low": 0, "high": 1, "when": { "Kind": "a" } },
                  "OfB": { "type": "float", "low": 0, "high": 1, "when": { "Kind": "b" } },
                  "All": { "type": "float", "low": 0, "high": 1 }
                }
                """),
                at => at["Kind"] == "a"
                    ? -Math.Pow(Number(at["OfA"]) - 0.8, 2) - Math.Pow(Number(at["All"]) - 0.1, 2)
                    : -0.5 - Math.Pow(Number(at["OfB"]) - 0.2, 2) - Math.Pow(Number(at["All"]) - 0.9, 2)),
        };

    private static double Number(string text) =>
        double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    internal static SearchSpace Space(string text)
    {
        using var document = JsonDocument.Parse(text);
        return SearchSpaceFile.Read(document.RootElement);
    }
}
