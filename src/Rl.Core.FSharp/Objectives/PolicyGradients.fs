/// Surrogate losses whose gradients are policy gradients; all take one number a sample and are to be minimised.
namespace Rl.Core.Objectives

open Rl.Core.Autodiff

/// Arguments are vectors over samples, [M]; results are [M] too, to be averaged (or weighted) by the caller. Advantages, returns
/// and old log-probabilities are data: no derivative flows into them.
[<RequireQualifiedAccess>]
module PolicyGradients =

    /// −log π(a|s) · A: its gradient is the score-function estimator −∇log π(a|s) A (Williams 1992; slides 8 and 15).
    let score (logProbability: Expr) (advantage: Expr) : Expr = -(logProbability * Expr.stopGradient advantage)

    /// The importance ratio π(a|s) / π_old(a|s) = exp(log π − log π_old).
    let ratio (logProbability: Expr) (oldLogProbability: Expr) : Expr =
        Expr.exp (logProbability - Expr.stopGradient oldLogProbability)

    /// −min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) with the ratio ρ and ε > 0, a scalar expression (Schulman et al. 2017, eq. 7).
    let clippedSurrogate (range: Expr) (ratio: Expr) (advantage: Expr) : Expr =
        let advantage = Expr.stopGradient advantage
        let low, high = 1.0 - range, 1.0 + range
        let clipped = Expr.select (Expr.less ratio low) low (Expr.select (Expr.less high ratio) high ratio)
        -(Expr.minimum (ratio * advantage) (clipped * advantage))

    /// ½ (V − R)²: half the squared error of a value against a return.
    let valueLoss (value: Expr) (target: Expr) : Expr = 0.5 * Expr.square (value - Expr.stopGradient target)

    /// ½ max((V − R)², (clip(V, V_old − ε, V_old + ε) − R)²): the clipped value loss of the original implementation of PPO
    /// (Engstrom et al. 2020, section 3).
    let clippedValueLoss (range: Expr) (value: Expr) (oldValue: Expr) (target: Expr) : Expr =
        let target, oldValue = Expr.stopGradient target, Expr.stopGradient oldValue
        let change = value - oldValue
        let clipped = oldValue + Expr.maximum (-range) (Expr.minimum range change)
        0.5 * Expr.maximum (Expr.square (value - target)) (Expr.square (clipped - target))

    /// (ρ − 1) − log ρ: an unbiased estimate of KL(π_old ‖ π) that is never negative (Schulman 2020, "Approximating KL
    /// divergence").
    let approximateKl (logProbability: Expr) (oldLogProbability: Expr) : Expr =
        let logRatio = logProbability - oldLogProbability
        Expr.expMinusOne logRatio - logRatio

    /// 1 where the ratio lies outside [1 − ε, 1 + ε], else 0.
    let isClipped (range: Expr) (ratio: Expr) : Expr = Expr.less range (Expr.abs (ratio - 1.0))

    /// (A − mean A) / (std A + 10⁻⁸) with the unbiased standard deviation, over all samples; M ≥ 2.
    let standardise (advantage: Expr) : Expr =
        let count = float advantage.Count
        let centred = advantage - Expr.mean advantage
        let variance = Expr.sum (Expr.square centred) * (1.0 / (count - 1.0))
        centred / (Expr.sqrt variance + 1e-8)
