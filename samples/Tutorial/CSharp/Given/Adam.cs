using System;

namespace Rl.Tutorial;

/// <summary>Adam (Kingma and Ba 2015): θ ← θ − α m̂ / (√v̂ + ε).</summary>
internal sealed class Adam(int parameters, double learningRate) : IOptimiser
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-5;
    private readonly double[] first = new double[parameters];
    private readonly double[] second = new double[parameters];
    private int steps;

    /// <inheritdoc/>
    public void Step(Span<float> theta, ReadOnlySpan<float> gradient)
    {
        steps++;
        var (left1, left2) = (1 - Math.Pow(Beta1, steps), 1 - Math.Pow(Beta2, steps));
        for (var i = 0; i < theta.Length; i++)
        {
            first[i] = (Beta1 * first[i]) + ((1 - Beta1) * gradient[i]);
            second[i] = (Beta2 * second[i]) + ((1 - Beta2) * gradient[i] * gradient[i]);
            theta[i] -= (float)(learningRate * (first[i] / left1) / (Math.Sqrt(second[i] / left2) + Epsilon));
        }
    }
}
