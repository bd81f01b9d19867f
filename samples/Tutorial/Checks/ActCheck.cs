using System;
using System.Linq;

namespace Rl.Tutorial;

/// <summary>TODO 2: whether the action is drawn from the policy, and its log-probability is that of the draw.</summary>
internal static class ActCheck
{
    private static readonly float[] Mean = [0.5f, -1];
    private static readonly float[] LogDeviation = [-0.7f, 0.3f];
    private static readonly float[] Noise = [1.3f, -0.4f];

    private static double HalfLogTwoPi => 0.5 * Math.Log(2 * Math.PI);

    public static string? Run(IExercise exercise)
    {
        var action = new float[Mean.Length];
        var logProbability = exercise.Act([.. Mean], [.. LogDeviation], [.. Noise], action);
        return Mistake.Explain(
                "The action",
                Each((mean, log, noise) => mean + Math.Exp(log) * noise),
                [.. action.Select(number => (double)number)],
                new("The action is never written.", Each((_, _, _) => 0)),
                new(
                    "The action is the mean: nothing is explored. Add σ times the noise.",
                    Each((mean, _, _) => mean)),
                new(
                    "The noise is multiplied with ln σ. What is given is the logarithm: σ is its exponential.",
                    Each((mean, log, noise) => mean + log * noise)),
                new(
                    "The noise is multiplied with σ², the variance. It is to have the deviation σ.",
                    Each((mean, log, noise) => mean + Math.Exp(2 * log) * noise)),
                new("The action is noise alone: the mean is missing.", Each((_, log, noise) => Math.Exp(log) * noise)),
                new("The noise has a deviation of 1: multiply it with σ.", Each((mean, _, noise) => mean + noise)))
            ?? Mistake.Explain(
                "The log-probability",
                [Each(LogDensity).Sum()],
                [logProbability],
                new(
                    "The log-probability is that of the first number of the action alone: the logarithms of "
                    + "independent numbers are added.",
                    [Each(LogDensity)[0]]),
                new(
                    "The log-probability is the mean over the numbers of the action: logarithms of independent "
                    + "numbers are added.",
                    [Each(LogDensity).Average()]),
                new(
                    "The log-probability lacks −½ ln 2π for each number of the action.",
                    [Each((mean, log, noise) => LogDensity(mean, log, noise) + HalfLogTwoPi).Sum()]),
                new(
                    "The log-probability lacks −ln σ: wide policies would seem as sure as narrow ones.",
                    [Each((mean, log, noise) => LogDensity(mean, log, noise) + log).Sum()]),
                new(
                    "The log-probability has +ln σ, and should have −ln σ.",
                    [Each((mean, log, noise) => LogDensity(mean, log, noise) + 2 * log).Sum()]),
                new("The log-probability has the wrong sign.", [-Each(LogDensity).Sum()]),
                new("That is the probability density; its logarithm is asked for.", [Math.Exp(Each(LogDensity).Sum())]),
                new(
                    "The noise counts with a weight of 1: the exponent of the normal density is −½ noise².",
                    [Each((mean, log, noise) => LogDensity(mean, log, noise) - 0.5 * noise * noise).Sum()]),
                new(
                    "The distance to the mean is squared without dividing it by σ: −½ ((a − µ) / σ)².",
                    [Each((_, log, noise) => -0.5 * Math.Pow(Math.Exp(log) * noise, 2) - log - HalfLogTwoPi).Sum()]),
                new("The log-probability is never computed.", [0]));
    }

    private static double LogDensity(double mean, double log, double noise) =>
        -0.5 * noise * noise - log - HalfLogTwoPi;

    private static double[] Each(Func<double, double, double, double> number) =>
        [.. Enumerable.Range(0, Mean.Length).Select(i => number(Mean[i], LogDeviation[i], Noise[i]))];
}
