/// Embeddings of states and of states with actions that predict each other, and the bounded targets of critics that
/// read them: TD7's.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// An encoder f gives z_s = f(s) and z_sa = g(z_s, a); z_sa is to be z of the next state. What reads embeddings gets
/// them from encoders that stand still between copies (Fujimoto et al. 2023, "For SALE: state-action representation
/// learning for deep reinforcement learning").
[<RequireQualifiedAccess>]
module StateActionEmbeddings =

    /// x / max(mean |x|, ε) over the last axis, ε > 0 (else `ArgumentOutOfRangeException`): no embedding collapses to
    /// zeros or grows without bound, whatever its predictor would like. The scale of x changes nothing where its mean
    /// size exceeds ε.
    let normalise (epsilon: float) (x: Expr) : Expr =
        Guard.positiveNumber (nameof epsilon) epsilon
        x / Expr.maximum (Expr.meanKeep [| -1 |] (Expr.abs x)) (Expr.number epsilon)

    /// The mean over elements of (z_sa − z_s′)² [M], for embeddings [M, n]; z_s′ is constant to derivatives.
    let loss (prediction: Expr) (next: Expr) : Expr =
        Expr.meanOver [| -1 |] (Expr.square (prediction - Expr.stopGradient next))

    /// r + γ clip(q′, low, high) [M]: values of next states stay within what targets have been so far, so that no
    /// extrapolation feeds on itself; low ≤ high, else `ArgumentException`. Constant to derivatives.
    let boundedTarget (low: float) (high: float) (reward: Expr) (discount: Expr) (nextValue: Expr) : Expr =
        OffPolicy.target reward discount (Expr.clamp low high nextValue)
