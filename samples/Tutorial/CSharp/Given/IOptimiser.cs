using System;

namespace Rl.Tutorial;

/// <summary>What makes a step of a gradient.</summary>
internal interface IOptimiser
{
    /// <summary>Moves θ down the gradient.</summary>
    void Step(Span<float> theta, ReadOnlySpan<float> gradient);
}
