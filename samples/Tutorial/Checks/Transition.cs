using System;

namespace Rl.Tutorial;

/// <summary>One step of one copy of the environment.</summary>
public sealed record Transition
{
    /// <summary>sₜ, what the policy saw.</summary>
    public required ReadOnlyMemory<float> Observation { get; init; }

    /// <summary>aₜ, what it did.</summary>
    public required ReadOnlyMemory<float> Action { get; init; }

    /// <summary>log π(aₜ|sₜ) by the policy that did it.</summary>
    public required float LogProbability { get; init; }

    /// <summary>V(sₜ).</summary>
    public required float Value { get; init; }

    /// <summary>rₜ.</summary>
    public required float Reward { get; init; }

    /// <summary>V(sₜ₊₁) of the state that the step led to, also where the episode is over.</summary>
    public required float NextValue { get; init; }

    /// <summary>Whether the task itself ended here: nothing can be earned any more.</summary>
    public required bool Terminated { get; init; }

    /// <summary>Whether the episode is over, because it terminated or because its time was up.</summary>
    public required bool Over { get; init; }
}
