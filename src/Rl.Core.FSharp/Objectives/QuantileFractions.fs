/// Learning where quantiles are taken: fractions of [0, 1] whose middles approximate a quantile function best.
namespace Rl.Core.Objectives

open Rl.Core.Autodiff

/// A quantile function F is approximated by F(τ̂ᵢ) between the bounds τᵢ and τᵢ₊₁ of fractions, τ̂ᵢ in their middle,
/// with the error W₁ = Σ ∫ |F(ω) − F(τ̂ᵢ)| dω. Places F(τ) at the bounds τ₁ … τ_{N−1} are [..., N − 1], F(τ̂) at the
/// middles [..., N]; both are constant to derivatives (Yang et al., "Fully parameterized quantile function for
/// distributional reinforcement learning", 2019).
[<RequireQualifiedAccess>]
module QuantileFractions =

    let private part first last (x: Expr) = Expr.slice -1 first last (Expr.stopGradient x)

    /// The middles before and after each bound.
    let private around (middles: Expr) =
        let count = middles.Shape[middles.Rank - 1]
        struct (part 0 (count - 1) middles, part 1 count middles)

    /// ∂W₁/∂τᵢ = 2 F(τᵢ) − F(τ̂ᵢ) − F(τ̂ᵢ₋₁) [..., N − 1] of a quantile function that nowhere falls (Yang et al. 2019,
    /// proposition 1).
    let slope (bounds: Expr) (middles: Expr) : Expr =
        let struct (before, after) = around middles
        2.0 * Expr.stopGradient bounds - after - before

    /// The same of a function that may fall, as that of a network may: each of the two differences changes its sign
    /// where F(τᵢ) is on the wrong side of its neighbour, F(τᵢ₋₁) before it (at the first bound F(τ̂₀)), F(τᵢ₊₁) after
    /// it (at the last one F(τ̂_{N−1})), as in tianshou's code.
    let signedSlope (bounds: Expr) (middles: Expr) : Expr =
        let struct (before, after) = around middles
        let own, count = Expr.stopGradient bounds, middles.Shape[middles.Rank - 1]
        let left = Expr.concat -1 [ part 0 1 middles; part 0 (count - 2) bounds ]
        let right = Expr.concat -1 [ part 1 (count - 1) bounds; part (count - 1) count middles ]
        let signed isRight (difference: Expr) = Expr.select isRight difference -difference
        signed (Expr.greater own left) (own - before) + signed (Expr.less own right) (own - after)

    /// Σ τᵢ · slope [...], whose derivative in the bounds [..., N − 1] is the slope.
    let loss (slope: Expr) (levels: Expr) : Expr = Expr.sumOver [| -1 |] (Expr.stopGradient slope * levels)
