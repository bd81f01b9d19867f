namespace Rl.Tutorial;

/// <summary>What the loss of a minibatch is made of: vectors over its M samples.</summary>
/// <param name="LogProbability">log π(a|s; θ) by the policy that is being changed.</param>
/// <param name="OldLogProbability">log π(a|s; θ_old) by the policy that acted.</param>
/// <param name="Advantage">A, standardised already.</param>
/// <param name="Value">V(s; θ).</param>
/// <param name="Return">R, what the value is to become.</param>
/// <param name="Entropy">H(π(·|s; θ)).</param>
internal sealed record LossInputs(
    Expr LogProbability, Expr OldLogProbability, Expr Advantage, Expr Value, Expr Return, Expr Entropy);
