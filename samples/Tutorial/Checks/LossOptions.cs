namespace Rl.Tutorial;

/// <summary>The constants of PPO's loss.</summary>
/// <param name="ClipRange">ε: how far the ratio of probabilities may go from 1 before it counts no more.</param>
/// <param name="ValueCoefficient">c₁: the weight of the value's loss.</param>
/// <param name="EntropyCoefficient">c₂: the weight of the entropy bonus.</param>
public sealed record LossOptions(double ClipRange, double ValueCoefficient, double EntropyCoefficient);
