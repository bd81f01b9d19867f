/// Learning from the lower part of a distribution of returns: truncated quantiles.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Distributions are atoms z [..., K], in any order; what is left out are the largest, where errors of critics gather.
[<RequireQualifiedAccess>]
module TruncatedQuantiles =

    let private last (x: Expr) = if x.Rank = 0 then 0 else x.Shape[x.Rank - 1]

    /// 1 for the `count` least numbers along the last axis of x [..., K], of equal ones those that come first, and 0
    /// for the others; `count` in [1, K].
    let least (count: int) (x: Expr) : Expr =
        let k = last x
        Guard.inIntRange (nameof count) 1 k count
        let own, other = Expr.expandAxis -1 x, Expr.expandAxis -2 x
        // Whether the other, by its column, comes before the own, by its row, in x.
        let isEarlier = Tensor.init [| k; k |] (fun place -> if place % k < place / k then 1.0 else 0.0)
        let isBelow = Expr.select (Expr.constant isEarlier) (Expr.lessOrEqual other own) (Expr.less other own)
        Expr.less (Expr.sumOver [| -1 |] isBelow) (Expr.number (float count))

    /// Meanᵢⱼ |τᵢ − 1[uᵢⱼ < 0]| L(uᵢⱼ) with u = yⱼ − θᵢ and L the Huber loss of 1, over the locations θ [..., K] at
    /// levels τ and those targets y [..., J] for which `kept` [..., J], `count` ones and else zeros, is 1; constant to
    /// derivatives by targets (Kuznetsov et al. 2020, equations 11 to 13).
    let regression (locations: Expr) (levels: Expr) (targets: Expr) (kept: Expr) (count: int) : Expr =
        Guard.inIntRange (nameof count) 1 (last kept) count

        if kept.Shape <> targets.Shape then
            Guard.fail
                (nameof kept)
                $"kept has the shape {Shape.print kept.Shape}; it needs that of targets, {Shape.print targets.Shape}."

        let error = Expr.expandAxis -2 (Expr.stopGradient targets) - Expr.expandAxis -1 locations
        // |τ − 1[u < 0]|.
        let level = Expr.expandAxis -1 levels
        let slope = Expr.select (Expr.less error (Expr.number 0.0)) (1.0 - level) level
        let weight = Expr.stopGradient (slope * Expr.expandAxis -2 kept)
        // L(u) = c (u − c/2) with c = clip(u, ±1), which is L's slope: constant, it leaves the right derivative.
        let bounded = Expr.stopGradient (Expr.clamp -1.0 1.0 error)
        let total = Expr.sumOver [| -1 |] (Expr.sumOver [| -1 |] (weight * bounded * (error - 0.5 * bounded)))
        total * (1.0 / float (last locations * count))
