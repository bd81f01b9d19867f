/// Policy search as (weighted) regression, and learning from demonstrations.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Losses are [M], one a sample, to be averaged by the caller; weights are constant to derivatives.
[<RequireQualifiedAccess>]
module Regression =

    /// −ln π(a|s): behaviour cloning (Pomerleau 1989; slide 1).
    let behaviourCloning (logProbability: Expr) : Expr = -logProbability

    let private weighted (weight: Expr) (logProbability: Expr) : Expr = -(Expr.stopGradient weight * logProbability)

    /// −exp((R − max R)/β) ln π(a|s): reward-weighted regression with the temperature β > 0; the maximum over the
    /// samples only scales the loss (Peters and Schaal 2007).
    let rewardWeighted (temperature: float) (returns: Expr) (logProbability: Expr) : Expr =
        Guard.positiveNumber (nameof temperature) temperature
        weighted (Expr.exp ((returns - Expr.max returns) / temperature)) logProbability

    /// min(exp(A/β), w): the weight of an action by its advantage, with the temperature β > 0 and the largest weight w
    /// > 0 (Peng et al. 2019).
    let advantageWeight (temperature: float) (largestWeight: float) (advantage: Expr) : Expr =
        Guard.positiveNumber (nameof temperature) temperature
        Guard.positiveNumber (nameof largestWeight) largestWeight
        // The exponent is bounded, not its exponential, so that nothing overflows.
        Expr.exp (Expr.clamp -infinity (Math.Log largestWeight) (advantage / temperature))

    /// −min(exp(A/β), w) ln π(a|s): advantage-weighted regression (Peng et al. 2019).
    let advantageWeighted (temperature: float) (largestWeight: float) (advantage: Expr) (logProbability: Expr) : Expr =
        weighted (advantageWeight temperature largestWeight advantage) logProbability

    /// βᵢ = decayⁱ: the probability that the expert, not the learner, acts in round i ≥ 0 of DAgger; decay ∈ [0, 1], 1
    /// in round 0 (Ross, Gordon and Bagnell 2011).
    let daggerMixing (decay: float) (round: int) : float =
        Guard.inRange (nameof decay) 0.0 1.0 decay
        Guard.notNegative (nameof round) round
        Math.Pow(decay, float round)

    /// βᵢ = max(0, 1 − i/rounds): as `daggerMixing`, in a line that reaches 0 after `rounds` ≥ 1 rounds.
    let daggerRampdown (rounds: int) (round: int) : float =
        Guard.positive (nameof rounds) rounds
        Guard.notNegative (nameof round) round
        Math.Max(0.0, 1.0 - float round / float rounds)

    /// The discriminator's loss of GAIL from log-odds D that a pair is the expert's: ln(1 + e⁻ᴰ) on expert pairs, ln(1
    /// + eᴰ) on the policy's; [M] each (Ho and Ermon 2016).
    let gailDiscriminator (expertLogits: Expr) (policyLogits: Expr) : struct (Expr * Expr) =
        struct (Expr.softplus (-expertLogits), Expr.softplus policyLogits)

    /// −ln(1 − D) = ln(1 + eˡ): GAIL's reward of log-odds l; never negative.
    let gailReward (logits: Expr) : Expr = Expr.softplus logits

    /// f(s, a, s′) = g(s, a) + γ h(s′) − h(s), where γ is 0 at a terminal s′: AIRL's shaped reward (Fu, Luo and Levine
    /// 2018).
    let airlReward (reward: Expr) (discount: Expr) (potential: Expr) (nextPotential: Expr) : Expr =
        reward + discount * nextPotential - potential

    /// AIRL's log-odds f(s, a, s′) − ln π(a|s).
    let airlLogits
        (reward: Expr)
        (discount: Expr)
        (potential: Expr)
        (nextPotential: Expr)
        (logProbability: Expr)
        : Expr =
        airlReward reward discount potential nextPotential - logProbability
