using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Internal;

namespace Rl;

/// <summary>An episode of an evaluation.</summary>
/// <param name="Return">The undiscounted sum of its rewards.</param>
/// <param name="Length">The number of its steps.</param>
/// <param name="IsTerminated">Whether it ended by itself, by reaching a goal or by failing; else its time was
/// over.</param>
public readonly record struct EvaluatedEpisode(double Return, int Length, bool IsTerminated);

/// <summary>The returns of whole episodes, and their statistics.</summary>
public sealed class EvaluationResult
{
    internal EvaluationResult(Core.Training.Evaluation evaluation)
    {
        Returns = Array.AsReadOnly(evaluation.Returns);
        Lengths = Array.AsReadOnly(evaluation.Lengths);
        EachEpisode = Array.AsReadOnly(Enumerable.Range(0, evaluation.Returns.Length)
            .Select(number => new EvaluatedEpisode(
                evaluation.Returns[number], evaluation.Lengths[number], evaluation.Terminated[number]))
            .ToArray());
        Mean = evaluation.Mean;
        StandardDeviation = evaluation.StandardDeviation;
        StandardError = evaluation.StandardError;
        SuccessRate = evaluation.SuccessRate;
    }

    /// <summary>The number of episodes.</summary>
    public int Episodes => Returns.Count;

    /// <summary>The undiscounted return of each episode.</summary>
    public IReadOnlyList<double> Returns { get; }

    /// <summary>The number of steps of each episode.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>Return, length and end of each episode.</summary>
    public IReadOnlyList<EvaluatedEpisode> EachEpisode { get; }

    /// <summary>The mean return.</summary>
    public double Mean { get; }

    /// <summary>The standard deviation of the returns, √(Σ (R − mean)² / (n − 1)); NaN for a single episode,
    /// of which nothing follows about others.</summary>
    public double StandardDeviation { get; }

    /// <summary>The standard error of the mean, the standard deviation divided by √n; NaN for a single
    /// episode.</summary>
    public double StandardError { get; }

    /// <summary>The share of episodes that had reached their goal in their last state, in [0, 1], where the environment
    /// tells it (<c>is_success</c> in <see cref="BuiltInEnvironment.Info"/>); NaN elsewhere.</summary>
    public double SuccessRate { get; }

    /// <summary>An interval that holds the true mean return with about the given probability, by the percentile
    /// bootstrap over the episodes; narrower than it should be for fewer than about 20. Of a
    /// single episode it has no ends: (−∞, ∞).</summary>
    /// <param name="level">The probability, between 0 and 1, neither included.</param>
    /// <exception cref="ArgumentOutOfRangeException">The level is not between 0 and 1.</exception>
    public (double Low, double High) ConfidenceInterval(double level = 0.95)
    {
        if (!(level > 0 && level < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(level), level, $"level is {level}; it must be between 0 and 1, for example 0.95.");
        }

        if (Returns.Count == 1)
        {
            return (double.NegativeInfinity, double.PositiveInfinity);
        }

        var drawn = new double[Returns.Count];
        return Bootstrap.Middle(level, random =>
        {
            Bootstrap.Draw(random, Returns, drawn);
            return drawn.Average();
        });
    }

    /// <summary>The mean and its standard error, for example <c>498.2 ± 1.3 (100 episodes)</c>: with two digits of the
    /// error, at least one after the point. A single episode has no error: <c>498.0 (1 episode)</c>. Where goals can
    /// be reached, the share follows: <c>-9.2 ± 0.5 (100 episodes, 98 % succeeded)</c>.</summary>
    public override string ToString()
    {
        var success = double.IsNaN(SuccessRate)
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $", {100 * SuccessRate:0.#} % succeeded");
        if (Episodes == 1)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{Mean:0.0###} (1 episode{success})");
        }

        var digits = StandardError > 1e-9 * Math.Abs(Mean)
            ? "0." + new string('0', Math.Clamp(1 - (int)Math.Floor(Math.Log10(StandardError)), 1, 8))
            : "0.0###";
        var (mean, error) = (
            Mean.ToString(digits, CultureInfo.InvariantCulture),
            StandardError.ToString(digits, CultureInfo.InvariantCulture));
        return string.Create(
            CultureInfo.InvariantCulture, $"{mean} ± {error} ({Episodes} episodes{success})");
    }
}
