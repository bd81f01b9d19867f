/// Losses of predictions against targets, element by element.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Predictions and targets broadcast; results have their shape, to be averaged by the caller. Derivatives flow into
/// both: stop the target's where it is a bootstrap.
[<RequireQualifiedAccess>]
module Losses =

    /// ½ (x − y)².
    let squared (prediction: Expr) (target: Expr) : Expr = 0.5 * Expr.square (prediction - target)

    /// ½ e² where |e| ≤ δ, δ (|e| − ½ δ) elsewhere, of an error e; δ > 0 (Huber 1964).
    let huber (delta: float) (error: Expr) : Expr =
        Guard.positiveNumber (nameof delta) delta
        let size = Expr.abs error
        let quadratic = Expr.clamp -infinity delta size
        0.5 * Expr.square quadratic + delta * (size - quadratic)

    /// |τ − 1[u < 0]| u² with u = y − x: its minimiser is the τ-expectile of y; τ ∈ [0, 1] (Newey and Powell 1987).
    let expectile (level: float) (prediction: Expr) (target: Expr) : Expr =
        Guard.inRange (nameof level) 0.0 1.0 level
        let error = target - prediction
        let weight = Expr.abs (level - Expr.less error (Expr.number 0.0))
        weight * Expr.square error

    /// |τ − 1[u < 0]| |u| with u = y − x: its minimiser is the τ-quantile of y (Koenker and Bassett 1978).
    let quantile (level: Expr) (prediction: Expr) (target: Expr) : Expr =
        let error = target - prediction
        Expr.abs (level - Expr.less error (Expr.number 0.0)) * Expr.abs error

    /// −ln(1 − |x − y|): the log loss of a probability x ∈ [0, 1] for y ∈ [0, 1]; −ln x for y = 1 and −ln(1 − x) for y
    /// = 0, at the ends too.
    let logLoss (probability: Expr) (target: Expr) : Expr =
        let above = probability - target
        // No probability lies below 0 or above 1, so that the distance has a slope there, which |·| at 0 has not.
        let isLeast = Expr.lessOrEqual target (Expr.number 0.0)
        let isMost = Expr.greaterOrEqual target (Expr.number 1.0)
        let distance = Expr.select isLeast above (Expr.select isMost (-above) (Expr.abs above))
        -(Expr.logOnePlus (-distance))

    /// −Σ pᵢ ln softmax(l)ᵢ over the last axis [...], for labels p and logits l [..., K].
    let crossEntropy (labels: Expr) (logits: Expr) : Expr =
        -(Expr.sumOver [| -1 |] (labels * Expr.logSoftmax -1 logits))

    /// ln(1 + e⁻ˡ) for y = 1, ln(1 + eˡ) for y = 0, of log-odds l: what a discriminator minimises.
    let binaryCrossEntropy (logits: Expr) (target: Expr) : Expr = Expr.softplus logits - target * logits
