using System;
using System.Collections.Generic;
using System.Linq;
using MathNet.Numerics.LinearAlgebra;
using Rl.Cli.Tuning;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>CMA-ES: on functions whose minimum is known, and as the sampler of a study with whole numbers and
/// choices.</summary>
public sealed class CmaTests
{
    private const int Size = 8;

    /// <summary>On each function the distance to the minimum falls by many orders of magnitude, in a number of
    /// evaluations in which steps of one length in all directions come nowhere near.</summary>
    [Theory]
    [InlineData("sphere", 2_500, 1e-12)]
    [InlineData("ellipsoid", 8_000, 1e-10)]
    [InlineData("Rosenbrock", 12_000, 1e-10)]
    public void The_minimum_is_found(string name, int evaluations, double reached)
    {
        for (var seed = 1UL; seed <= 3; seed++)
        {
            Assert.InRange(Minimised(Function(name), evaluations, seed), 0, reached);
        }
    }

    /// <summary>Order and scale of the values do not matter, only their ranks.</summary>
    [Fact]
    public void What_is_proposed_depends_on_ranks_alone()
    {
        var sphere = Function("sphere");
        Assert.Equal(
            Math.Exp(Math.Min(700, Minimised(sphere, 400, 5))),
            Minimised(x => Math.Exp(Math.Min(700, sphere(x))), 400, 5));
    }

    /// <summary>Without selection log σ is a martingale up to the constant of its path: ranks by chance neither shrink
    /// nor widen it much.</summary>
    [Fact]
    public void Without_selection_the_step_neither_explodes_nor_vanishes()
    {
        double[] ends =
        [
            .. Enumerable.Range(0, 20).Select(run =>
            {
                var strategy = new CovarianceAdaptation(new double[Size], 1, 10);
                var draws = new Draws(9, run);
                for (var generation = 0; generation < 50; generation++)
                {
                    strategy.Update([.. Enumerable.Range(0, 10).Select(_ => strategy.Draw(draws))]);
                }

                return Math.Log(strategy.Step);
            }),
        ];
        Assert.InRange(ends.Average(), -1, 1);
    }

    [Fact]
    public void The_covariance_takes_the_shape_of_the_level_lines()
    {
        // Of x² + 10⁴ y² the deviations of the two coordinates become as 100 to 1.
        var strategy = new CovarianceAdaptation([3, 3], 1, 8);
        var draws = new Draws(2, 0);
        for (var generation = 0; generation < 120; generation++)
        {
            Step(strategy, draws, x => (x[0] * x[0]) + (1e4 * x[1] * x[1]));
        }

        Assert.InRange(strategy.Deviation(0) / strategy.Deviation(1), 30, 300);
    }

    /// <summary>20 studies of 81 points each: the best is better than that of as many random points in most of
    /// them.</summary>
    [Theory]
    [InlineData("numbers")]
    [InlineData("mixed")]
    public void A_study_finds_better_points_than_random_search(string name)
    {
        var (space, score) = Problem(name);
        var wins = 0;
        for (var seed = 1UL; seed <= 20; seed++)
        {
            double Best(TuningMethod method) =>
                Searched(space, score, method, seed, 81, null).Max(trial => trial.Score);
            wins += Best(TuningMethod.Cma) > Best(TuningMethod.Random) ? 1 : 0;
        }

        // By chance 16 of 20 or more are won once in 170 times.
        Assert.True(wins >= 16, $"{wins} of 20");
    }

    /// <summary>The optimum is a whole number far from the first mean, which rounding would hide.</summary>
    [Fact]
    public void Whole_numbers_and_choices_are_never_given_up()
    {
        var space = TuningTests.Space("""
            {
              "N": { "type": "int", "low": 1, "high": 12 },
              "Kind": ["a", "b", "c"],
              "X": { "type": "float", "low": 0, "high": 1 }
            }
            """);

        // What is good changes after 15 generations: everything must still be reachable.
        var count = 0;
        double Score(Dictionary<string, string> at)
        {
            var late = count++ > 15 * CmaSampler.Population(Plan(space, TuningMethod.Cma, 1, null));
            return -Math.Abs(Number(at["N"]) - (late ? 11 : 3)) - (at["Kind"] == (late ? "c" : "a") ? 0 : 2)
                - (0.01 * Math.Abs(Number(at["X"]) - 0.5));
        }

        var trials = Searched(space, Score, TuningMethod.Cma, 1, 540, null);
        var last = trials.TakeLast(60).ToArray();
        Assert.True(last.Count(trial => trial.Settings.ToDictionary()["Kind"] == "c") > 40);
        Assert.Contains(last, trial => trial.Settings.ToDictionary()["N"] == "11");
        Assert.All(trials, trial => Assert.Equal(trial.Settings, space.Settings(trial.Point)));
    }

    [Fact]
    public void A_study_is_the_same_again_and_in_one_or_two_calls()
    {
        var (space, score) = Problem("mixed");
        double[] known = KnownPoint.Of(space, [new("Rate", "0.5"), new("Kind", "b"), new("Size", "7")]);
        var first = Searched(space, score, TuningMethod.Cma, 4, 54, known);
        var again = Searched(space, score, TuningMethod.Cma, 4, 81, known);
        Assert.Equal(first.Select(trial => trial.Point), again.Take(54).Select(trial => trial.Point));
        Assert.Empty(first[0].Settings);
        Assert.Equal(known, first[0].Point);
    }

    [Fact]
    public void The_options_without_a_search_have_a_place_in_the_space()
    {
        var space = TuningTests.Space("""
            {
              "$rate": { "type": "logFloat", "low": 1e-4, "high": 1e-2 },
              "LearningRate": ["$rate", "linear($rate, 0)"],
              "Hidden": ["32", "64x64"],
              "Epochs": { "type": "int", "low": 1, "high": 9 },
              "Depth": { "type": "int", "low": 1, "high": 3, "when": { "Hidden": "32" } },
              "@NormalizeObservation": { "type": "flag" },
              "@FrameStackObservation": ["none", "2", "4"]
            }
            """);
        var point = KnownPoint.Of(
            space, [new("LearningRate", "linear(0.001,0)"), new("Hidden", "64x64"), new("Epochs", "20")]);
        Assert.Equal(0.5, point[0], 9);
        Assert.Equal([1.0, 1], point[1..3]);
        Assert.Equal("9", space.Dimensions[3].Text(point[3]));
        Assert.True(double.IsNaN(point[4]));
        Assert.Equal([0.0, 0], point[5..]);
        Assert.True(double.IsNaN(KnownPoint.Of(space, [new("Hidden", "128")])[2]));
    }

    private static IReadOnlyList<Trial> Searched(
        SearchSpace space, Func<Dictionary<string, string>, double> score, TuningMethod method, ulong seed, int count,
        double[]? known)
    {
        var study = new Study(Plan(space, method, seed, known), units =>
        [
            .. units.Select(one => new TrialScore(
                one.Settings.Count == 0 ? -100 : score(one.Settings.ToDictionary()), null, 0)),
        ]);
        study.Run(count, () => true);
        return study.Trials;
    }

    private static StudyPlan Plan(SearchSpace space, TuningMethod method, ulong seed, double[]? known) => new()
    {
        Space = space,
        Method = method,
        Seed = seed,
        Steps = 900,
        Seeds = 1,
        Halving = new(1, 3),
        Known = known,
    };

    private static (SearchSpace Space, Func<Dictionary<string, string>, double> Score) Problem(string name) =>
        name == "numbers"
            ? (TuningTests.Space("""
                {
                  "X": { "type": "float", "low": -2, "high": 2 },
                  "Y": { "type": "float", "low": -2, "high": 2 },
                  "Z": { "type": "float", "low": -2, "high": 2 }
                }
                """),
                at => -Math.Pow(Number(at["X"]) - Number(at["Y"]), 2) - Math.Pow(Number(at["Y"]) - Number(at["Z"]), 2)
                    - Math.Pow(Number(at["X"]) + Number(at["Z"]) - 2.4, 2))
            : (TuningTests.Space("""
                {
                  "Rate": { "type": "logFloat", "low": 1e-6, "high": 1 },
                  "Size": { "type": "logInt", "low": 1, "high": 1000 },
                  "Share": { "type": "complementLogFloat", "low": 0, "high": 0.999 },
                  "Kind": ["a", "b", "c", "d"],
                  "Flag": { "type": "flag" }
                }
                """),
                at => -Math.Abs(Math.Log10(Number(at["Rate"])) + 3)
                    - Math.Abs(Math.Log10(Number(at["Size"]) / 64)) - Math.Abs(Number(at["Share"]) - 0.9)
                    - (at["Kind"] == "c" ? 0 : 0.5) - (at["Flag"] == "true" ? 0 : 0.2));

    private static double Number(string text) =>
        double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static double Minimised(Func<Vector<double>, double> function, int evaluations, ulong seed)
    {
        var strategy = new CovarianceAdaptation(
            Enumerable.Repeat(2.0, Size).ToArray(), 1, CovarianceAdaptation.UsualPopulation(Size));
        var draws = new Draws(seed, 0);
        var best = double.PositiveInfinity;
        for (var done = 0; done < evaluations; done += strategy.Population)
        {
            best = Math.Min(best, Step(strategy, draws, function));
        }

        return best;
    }

    private static double Step(CovarianceAdaptation strategy, Draws draws, Func<Vector<double>, double> function)
    {
        var mean = strategy.Mean.Clone();
        (Vector<double> Step, double Value)[] ranked =
        [
            .. Enumerable.Range(0, strategy.Population)
                .Select(_ => strategy.Draw(draws))
                .Select(step => (step, function(mean + step)))
                .OrderBy(one => one.Item2),
        ];
        strategy.Update([.. ranked.Select(one => one.Step)]);
        return ranked[0].Value;
    }

    /// <summary>The ellipsoid has semi-axes as 1 to 1000, in directions that are no coordinates.</summary>
    private static Func<Vector<double>, double> Function(string name)
    {
        var draws = new Draws(77, 0);
        var rotation = Matrix<double>.Build.Dense(Size, Size, (_, _) => draws.Normal()).GramSchmidt().Q;
        return name switch
        {
            "sphere" => x => x.DotProduct(x),
            "ellipsoid" => x =>
            {
                var y = rotation * x;
                return Enumerable.Range(0, Size).Sum(i => Math.Pow(1e6, i / (Size - 1.0)) * y[i] * y[i]);
            }
            ,
            _ => x => Enumerable.Range(0, Size - 1).Sum(
                i => (100 * Math.Pow(x[i + 1] - (x[i] * x[i]), 2)) + Math.Pow(1 - x[i], 2)),
        };
    }
}
