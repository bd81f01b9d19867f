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

    /// −min(exp(A/β), w) ln π(a|s): advantage-weighted regression with the temperature β > 0 and the largest weight w >
    /// 0 (Peng et al. 2019).
    let advantageWeighted (temperature: float) (largestWeight: float) (advantage: Expr) (logProbability: Expr) : Expr =
        Guard.positiveNumber (nameof temperature) temperature
        Guard.positiveNumber (nameof largestWeight) largestWeight
        // The exponent is bounded, not its exponential, so that nothing overflows.
        let exponent = Expr.clamp -infinity (Math.Log largestWeight) (advantage / temperature)
        weighted (Expr.exp exponent) logProbability

    /// βᵢ = decayⁱ: the probability that the expert, not the learner, acts in round i ≥ 0 of DAgger; decay ∈ [0, 1], 1
    /// in round 0 (Ross, Gordon and Bagnell 2011).
    let daggerMixing (decay: float) (round: int) : float =
        Guard.inRange (nameof decay) 0.0 1.0 decay
        Guard.notNegative (nameof round) round
        Math.Pow(decay, float round)

    /// The discriminator's loss of GAIL from log-odds D that a pair is the expert's: ln(1 + e⁻ᴰ) on expert pairs, ln(1
    /// + eᴰ) on the policy's; [M] each (Ho and Ermon 2016).
    let gailDiscriminator (expertLogits: Expr) (policyLogits: Expr) : struct (Expr * Expr) =
        struct (Expr.softplus (-expertLogits), Expr.softplus policyLogits)

    /// −ln(1 − D) = ln(1 + eˡ): GAIL's reward of log-odds l; never negative.
    let gailReward (logits: Expr) : Expr = Expr.softplus logits

    /// AIRL's log-odds f(s, a, s′) − ln π(a|s) with f = g(s, a) + γ h(s′) − h(s); they are its reward too (Fu, Luo and
    /// Levine 2018).
    let airlLogits
        (reward: Expr)
        (discount: Expr)
        (potential: Expr)
        (nextPotential: Expr)
        (logProbability: Expr)
        : Expr =
        reward + discount * nextPotential - potential - logProbability
