namespace Rl.Tutorial;

/// <summary>What the loss of a minibatch of M samples is made of, as numbers.</summary>
/// <param name="LogProbabilities">log π(a|s; θ) by the policy that is being changed.</param>
/// <param name="OldLogProbabilities">log π(a|s; θ_old) by the policy that acted.</param>
/// <param name="Advantages">A, standardised already.</param>
/// <param name="Values">V(s; θ).</param>
/// <param name="Returns">R = A + V_old, what the value is to become.</param>
/// <param name="Entropies">H(π(·|s; θ)).</param>
public sealed record LossBatch(
    float[] LogProbabilities,
    float[] OldLogProbabilities,
    float[] Advantages,
    float[] Values,
    float[] Returns,
    float[] Entropies);
