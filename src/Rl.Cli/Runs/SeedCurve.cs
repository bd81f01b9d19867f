using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Cli.Bench;

namespace Rl.Cli.Runs;

/// <summary>The mean of several smoothed curves over the steps that all of them have, with its standard
/// error.</summary>
/// <param name="Steps">Equally spaced environment steps.</param>
/// <param name="Mean">The mean over the curves there.</param>
/// <param name="Error">Its standard error; 0 for a single curve.</param>
internal sealed record SeedCurve(double[] Steps, double[] Mean, double[] Error)
{
    private const int Places = 400;

    /// <summary>The curves must have a point each; null if there is no step that all of them have.</summary>
    public static SeedCurve? Of(
        IReadOnlyList<IReadOnlyList<(double Steps, double Return)>> curves, int places = Places)
    {
        var (first, last) = (curves.Max(curve => curve[0].Steps), curves.Min(curve => curve[^1].Steps));
        if (first > last)
        {
            return null;
        }

        var steps = first == last
            ? [first]
            : Enumerable.Range(0, places).Select(place => first + ((last - first) * place / (places - 1))).ToArray();
        var values = curves.Select(curve => At(curve, steps)).ToArray();
        var columns = Enumerable.Range(0, steps.Length)
            .Select(place => Array.ConvertAll(values, curve => curve[place]))
            .ToArray();
        return new(
            steps,
            Array.ConvertAll(columns, column => column.Average()),
            Array.ConvertAll(columns, column => column.Length > 1 ? Statistics.StandardError(column) : 0));
    }

    /// <summary>Each return replaced by the mean of it and of those before it, <paramref name="window"/> of them at
    /// most.</summary>
    public static IReadOnlyList<(double Steps, double Return)> Smoothed(
        IReadOnlyList<(double Steps, double Return)> episodes, int window)
    {
        var smoothed = new (double Steps, double Return)[episodes.Count];
        var sum = 0.0;
        for (var index = 0; index < smoothed.Length; index++)
        {
            sum += episodes[index].Return;
            if (index >= window)
            {
                sum -= episodes[index - window].Return;
            }

            smoothed[index] = (episodes[index].Steps, sum / Math.Min(window, index + 1));
        }

        return smoothed;
    }

    /// <summary>The curve at increasing steps within it, straight between its points.</summary>
    private static double[] At(IReadOnlyList<(double Steps, double Return)> curve, double[] steps)
    {
        var values = new double[steps.Length];
        var next = 0;
        for (var place = 0; place < values.Length; place++)
        {
            while (next < curve.Count - 1 && curve[next].Steps < steps[place])
            {
                next++;
            }

            var (high, low) = (curve[next], curve[Math.Max(0, next - 1)]);
            var share = high.Steps > low.Steps ? (steps[place] - low.Steps) / (high.Steps - low.Steps) : 1;
            values[place] = low.Return + (Math.Clamp(share, 0, 1) * (high.Return - low.Return));
        }

        return values;
    }
}
