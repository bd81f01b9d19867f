/// Discriminators of expert and policy: their loss, the rewards that follow from their log-odds, and how well they
/// tell.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// The reward that a policy gets for a pair with the log-odds l that it is the expert's; D = σ(l).
[<RequireQualifiedAccess>]
type DiscriminatorReward =
    /// −ln(1 − D) = ln(1 + eˡ) > 0: every further step is worth something (GAIL).
    | Surviving
    /// ln D = −ln(1 + e⁻ˡ) < 0: every further step costs something.
    | Ending
    /// ln D − ln(1 − D) = l: of either sign, as AIRL's.
    | LogOdds

/// Log-odds are high for what looks like the expert; [M].
[<RequireQualifiedAccess>]
module Discriminators =

    /// ½ (E_E[ln(1 + e⁻ˡ)] + E_π[ln(1 + eˡ)]): the mean cross entropy over as many pairs of the expert as of the policy
    /// (Goodfellow et al. 2014; Ho and Ermon 2016). Its minimiser is l = ln(d_E/d_π).
    let loss (expertLogits: Expr) (policyLogits: Expr) : Expr =
        let struct (onExpert, onPolicy) = Regression.gailDiscriminator expertLogits policyLogits
        0.5 * (Expr.mean onExpert + Expr.mean onPolicy)

    /// The policy's reward of log-odds.
    let reward (kind: DiscriminatorReward) (logits: Expr) : Expr =
        match kind with
        | DiscriminatorReward.Surviving -> Regression.gailReward logits
        | DiscriminatorReward.Ending -> -(Expr.softplus (-logits))
        | DiscriminatorReward.LogOdds -> logits

    /// 1 where a pair is judged rightly, else 0: the expert's by l ≥ 0, the policy's by l < 0.
    let isRight (isExpert: bool) (logits: Expr) : Expr =
        let looksExpert = Expr.greaterOrEqual logits (Expr.number 0.0)
        if isExpert then looksExpert else 1.0 - looksExpert

    /// −D ln D − (1 − D) ln(1 − D), the entropy of the judgement: softplus(l) − l σ(l).
    let entropy (logits: Expr) : Expr = Expr.softplus logits - logits * Expr.sigmoid logits

    /// (‖∂l/∂x‖ − `target`)² [M] of inputs x [M, n] between the expert's and the policy's: keeps the discriminator from
    /// jumping (Gulrajani et al. 2017, of whom `target` is 1). `logits` must depend on each row by itself.
    let gradientPenalty (target: float) (logits: Expr -> Expr) (inputs: Expr) : Expr =
        Guard.notNegativeNumber (nameof target) target
        let slopes = Diff.grad (fun x -> Expr.sum (logits x)) inputs
        let norm = Expr.sqrt (Expr.sumOver [| -1 |] (Expr.square slopes) + 1e-12)
        Expr.square (norm - target)
