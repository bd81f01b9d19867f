using System;
using System.Linq;
using System.Text.Json;
using Rl.Cli.Bench;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>What a results page says of runs: means, intervals, comparisons, and the file for rliable.</summary>
public sealed class BenchReportTests
{
    [Fact]
    public void The_interquartile_mean_leaves_a_quarter_of_the_weight_out_at_each_end()
    {
        Assert.Equal(2.5, Statistics.InterquartileMean([100, 2, 3, -50]), 12);

        // Of five values the second and the fourth count three quarters each.
        Assert.Equal(((0.75 * 2) + 3 + (0.75 * 7)) / 2.5, Statistics.InterquartileMean([1000, 7, 3, 2, -9]), 12);
        Assert.Equal(4.0, Statistics.InterquartileMean([4]), 12);
    }

    [Fact]
    public void The_standard_error_is_that_of_the_mean()
    {
        Assert.Equal(Math.Sqrt(5.0 / 3 / 4), Statistics.StandardError([1, 2, 3, 4]), 12);
        Assert.Equal(double.NaN, Statistics.StandardError([7]));
    }

    [Fact]
    public void The_probability_of_improvement_counts_pairs_and_equal_ones_by_half()
    {
        Assert.Equal(1.0, Statistics.ProbabilityOfImprovement([5, 6], [1, 2, 3]));
        Assert.Equal(0.0, Statistics.ProbabilityOfImprovement([1, 2, 3], [5, 6]));
        Assert.Equal(0.5, Statistics.ProbabilityOfImprovement([500, 500], [500]));
        Assert.Equal(0.625, Statistics.ProbabilityOfImprovement([1, 4], [1, 2]));
    }

    [Fact]
    public void Intervals_hold_the_value_and_are_the_same_each_time()
    {
        double[] one = [480, 500, 470, 500, 495, 300, 500], other = [450, 500, 400, 380, 500, 100, 470];
        var (low, high) = Statistics.Bootstrap(one, Statistics.InterquartileMean);
        Assert.InRange(Statistics.InterquartileMean(one), low, high);
        Assert.Equal((low, high), Statistics.Bootstrap(one, Statistics.InterquartileMean));
        var (least, most) = Statistics.BootstrapImprovement(one, other);
        Assert.InRange(Statistics.ProbabilityOfImprovement(one, other), least, most);
        Assert.True(least < most && least >= 0 && most <= 1);
    }

    [Fact]
    public void Algorithms_are_compared_where_they_had_one_environment_and_as_many_steps()
    {
        var rows = new[]
        {
            Row("td3", "Pendulum-v1", 20_000, -150, -160), Row("sac", "Pendulum-v1", 20_000, -140, -141),
            Row("sac", "Pendulum-v1", 50_000, -130), Row("dqn", "CartPole-v1", 50_000, 500),
        };

        var comparisons = BenchReport.Comparisons(rows);

        const string Better = "| Pendulum-v1 | 20,000 | sac | td3 | 1.00 [1.00, 1.00] |";
        Assert.Contains(Better, comparisons, StringComparison.Ordinal);
        Assert.DoesNotContain("CartPole", comparisons, StringComparison.Ordinal);
        Assert.DoesNotContain("50,000", comparisons, StringComparison.Ordinal);
        Assert.Empty(BenchReport.Comparisons([Row("dqn", "CartPole-v1", 50_000, 500)]));
    }

    [Fact]
    public void The_file_for_rliable_has_a_matrix_of_runs_for_each_algorithm_of_a_task()
    {
        var rows = new[] { Row("td3", "Pendulum-v1", 20_000, -150, -160.5), Row("sac", "Pendulum-v1", 20_000, -140) };

        using var read = JsonDocument.Parse(BenchReport.Rliable(rows));

        var scores = read.RootElement.GetProperty("Pendulum-v1 20000");
        var td3 = scores.GetProperty("td3").EnumerateArray().Select(run => run[0].GetDouble());
        Assert.Equal([-150, -160.5], td3);
        Assert.Equal(-140, scores.GetProperty("sac")[0][0].GetDouble());
    }

    [Fact]
    public void A_result_is_kept_when_an_option_is_added_and_not_when_one_is_changed()
    {
        var options = new DqnOptions { Discount = 0.98, EnvironmentCopies = 3 };
        var settings = BenchRun.Settings(options);
        Assert.True(BenchRun.IsOf(settings, options));
        var earlier = settings.Replace("Dueling=false;", "", StringComparison.Ordinal);
        Assert.NotEqual(settings, earlier);
        Assert.True(BenchRun.IsOf(earlier, options));
        Assert.False(BenchRun.IsOf(earlier, options with { Dueling = true }));
        Assert.False(BenchRun.IsOf(settings, options with { Discount = 0.99 }));
        Assert.False(BenchRun.IsOf(settings, options with { EnvironmentCopies = 4 }));
        Assert.False(BenchRun.IsOf(settings + ";Forgotten=1", options));
    }

    private static BenchRow Row(string algorithm, string environment, long steps, params double[] evaluations) => new(
        new BenchTask(algorithm, environment, steps, evaluations.Length, 0, "", "", true, 100),
        [.. evaluations.Select((value, index) => new BenchRun((ulong)index, 1, 1, 0, value, []))]);
}
