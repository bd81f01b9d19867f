using System;

namespace Rl.Tutorial;

/// <summary>θ ← θ − α g.</summary>
internal sealed class GradientDescent(double learningRate) : IOptimiser
{
    /// <inheritdoc/>
    public void Step(Span<float> theta, ReadOnlySpan<float> gradient)
    {
        for (var i = 0; i < theta.Length; i++)
        {
            theta[i] -= (float)(learningRate * gradient[i]);
        }
    }
}
