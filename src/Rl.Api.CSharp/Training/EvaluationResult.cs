using System;
using System.Collections.Generic;
using System.Globalization;

namespace Rl;

/// <summary>The returns of whole episodes, and their statistics.</summary>
public sealed class EvaluationResult
{
    internal EvaluationResult(Core.Training.Evaluation evaluation)
    {
        Returns = Array.AsReadOnly(evaluation.Returns);
        Lengths = Array.AsReadOnly(evaluation.Lengths);
        Mean = evaluation.Mean;
        StandardDeviation = evaluation.StandardDeviation;
        StandardError = evaluation.StandardError;
    }

    /// <summary>The number of episodes.</summary>
    public int Episodes => Returns.Count;

    /// <summary>The undiscounted return of each episode.</summary>
    public IReadOnlyList<double> Returns { get; }

    /// <summary>The number of steps of each episode.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>The mean return.</summary>
    public double Mean { get; }

    /// <summary>The standard deviation of the returns, √(Σ (R − mean)² / (n − 1)); 0 for a single episode.</summary>
    public double StandardDeviation { get; }

    /// <summary>The standard error of the mean, the standard deviation divided by √n.</summary>
    public double StandardError { get; }

    /// <summary>The mean and its standard error, for example <c>498.2 ± 1.3 (100 episodes)</c>: with two digits of the
    /// error, at least one after the point.</summary>
    public override string ToString()
    {
        var digits = StandardError > 1e-9 * Math.Abs(Mean)
            ? "0." + new string('0', Math.Clamp(1 - (int)Math.Floor(Math.Log10(StandardError)), 1, 8))
            : "0.0###";
        var (mean, error) = (
            Mean.ToString(digits, CultureInfo.InvariantCulture),
            StandardError.ToString(digits, CultureInfo.InvariantCulture));
        return string.Create(
            CultureInfo.InvariantCulture, $"{mean} ± {error} ({Episodes} {(Episodes == 1 ? "episode" : "episodes")})");
    }
}
