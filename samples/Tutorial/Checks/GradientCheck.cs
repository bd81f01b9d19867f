using System;
using System.Linq;

namespace Rl.Tutorial;

/// <summary>TODO 4: whether a step goes down the gradient, no farther than the largest norm allows.</summary>
internal static class GradientCheck
{
    private const double Rate = 0.1;
    private const double Wide = 100;
    private const double Narrow = 1;
    private static readonly float[] Theta = [3, -2, 1];
    private static readonly float[] Target = [0, 0, 0.5f];

    private static double[] Gradient => [.. Theta.Zip(Target, (theta, target) => (double)theta - target)];

    private static double Norm => Math.Sqrt(Gradient.Sum(slope => slope * slope));

    public static string? Run(IExercise exercise)
    {
        double[] got = [.. new[] { Wide, Narrow }
            .SelectMany(norm => exercise.Descend([.. Theta], [.. Target], Rate, norm))
            .Select(number => (double)number)];
        return Mistake.Explain(
            "θ after the step",
            Both(norm => Step(-Rate * Math.Min(1, norm / Norm))),
            got,
            new("θ does not move.", Both(_ => Step(0))),
            new(
                "θ goes up the gradient: the loss is to become smaller.",
                Both(norm => Step(Rate * Math.Min(1, norm / Norm)))),
            new(
                "The gradient is not scaled down: multiply it with min(1, maxGradientNorm / ‖g‖).",
                Both(_ => Step(-Rate))),
            new(
                "The gradient is scaled to the largest norm also where it is smaller: multiply it with "
                + "min(1, maxGradientNorm / ‖g‖).",
                Both(norm => Step(-Rate * norm / Norm))),
            new(
                "Each number of the gradient is cut by itself, which changes its direction: scale the whole of it.",
                Both(norm =>
                    [.. Theta.Zip(Gradient, (theta, slope) => theta - Rate * Math.Clamp(slope, -norm, norm))])),
            new(
                "The gradient is divided by the square of its norm: take the root of the sum of squares.",
                Both(norm => Step(-Rate * Math.Min(1, norm / (Norm * Norm))))));
    }

    private static double[] Step(double along) => [.. Theta.Zip(Gradient, (theta, slope) => theta + along * slope)];

    private static double[] Both(Func<double, double[]> after) => [.. after(Wide), .. after(Narrow)];
}
