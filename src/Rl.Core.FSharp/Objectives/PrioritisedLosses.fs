/// Losses whose gradients go with drawing by priority: LAP's, and PAL's, which needs no drawing by priority.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Errors δ [M] of transitions, a threshold m > 0 and priorities max(|δ|, m)^α with an exponent α ≥ 0; m or α out of
/// their range are an `ArgumentOutOfRangeException`. Losses are one number a sample (Fujimoto, Meger and Precup 2020,
/// "An equivalence between loss functions and non-uniform sampling in experience replay").
[<RequireQualifiedAccess>]
module PrioritisedLosses =

    let private check (threshold: float) (exponent: float) =
        Guard.positiveNumber (nameof threshold) threshold
        Guard.notNegativeNumber (nameof exponent) exponent

    /// ½ δ² where |δ| < m, m |δ| elsewhere [M]: the loss of transitions that are drawn by their priorities, LAP. Its
    /// derivative is Huber's; there is a step at |δ| = m unless m = 2.
    let lap (threshold: float) (error: Expr) : Expr =
        check threshold 0.0
        let size = Expr.abs error
        Expr.select (Expr.less size (Expr.number threshold)) (0.5 * Expr.square error) (threshold * size)

    /// m^α ½ δ² where |δ| < m, m |δ|^(1 + α) / (1 + α) elsewhere [M]: PAL. Over uniformly drawn transitions its
    /// gradient times `palScale` is the expected one of `lap` over transitions drawn by their priorities.
    let pal (threshold: float) (exponent: float) (error: Expr) : Expr =
        check threshold exponent
        let size = Expr.abs error
        let large = Expr.maximum size (Expr.number threshold)

        Expr.select
            (Expr.less size (Expr.number threshold))
            (0.5 * threshold ** exponent * Expr.square error)
            (threshold / (1.0 + exponent) * Expr.pow (1.0 + exponent) large)

    /// 1 / mean of max(|δ|, m)^α, over all samples: what PAL is multiplied with; constant to derivatives. Of several
    /// critics δ is the largest error.
    let palScale (threshold: float) (exponent: float) (error: Expr) : Expr =
        check threshold exponent
        let priorities = Expr.pow exponent (Expr.maximum (Expr.abs error) (Expr.number threshold))
        Expr.stopGradient (1.0 / Expr.mean priorities)
