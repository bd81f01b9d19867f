/// Rewards from preferences between pieces of behaviour.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// The model of Bradley and Terry on returns (Christiano et al. 2017). Rewards are those of pieces, [..., T].
[<RequireQualifiedAccess>]
module Preferences =

    /// P(the first is preferred) = ½ ε + (1 − ε) σ(G₁ − G₂) of the discounted returns G; their difference is clipped to
    /// ± `threshold` > 0, and in a share `noise` ∈ [0, 1] of cases somebody prefers either alike.
    let probability (discount: float) (noise: float) (threshold: float) (first: Expr) (second: Expr) : Expr =
        Guard.inRange (nameof discount) 0.0 1.0 discount
        Guard.inRange (nameof noise) 0.0 1.0 noise
        Guard.positiveNumber (nameof threshold) threshold
        let steps = first.Shape[first.Rank - 1]

        let difference =
            if discount = 1.0 then
                Expr.sumOver [| -1 |] (first - second)
            else
                let weights = Array.init steps (fun step -> discount ** float step)
                Expr.sumOver [| -1 |] (Expr.vector weights * (first - second))

        0.5 * noise + (1.0 - noise) * Expr.sigmoid (Expr.clamp -threshold threshold difference)

    /// A logarithm, −100 at least: what is certain is finite where it does not count.
    let private logOf (x: Expr) : Expr = Expr.clamp -100.0 infinity x

    /// −y ln p − (1 − y) ln(1 − p) of the probability p that the first is preferred, for y ∈ [0, 1]: 1 where it was, ½
    /// where neither. Logarithms are −100 at least.
    let loss (preferred: Expr) (probability: Expr) : Expr =
        let yes, no = logOf (Expr.log probability), logOf (Expr.logOnePlus (-probability))
        -(preferred * yes) - (1.0 - preferred) * no
