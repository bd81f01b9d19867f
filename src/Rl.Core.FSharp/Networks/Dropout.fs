/// Dropout.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Randomness is an argument: numbers that the caller draws. Without dropout, as when acting, a network leaves it out.
[<RequireQualifiedAccess>]
module Dropout =

    let private requireRate (rate: float) =
        Guard.inRange (nameof rate) 0.0 1.0 rate

        if rate = 1.0 then
            Guard.fail (nameof rate) "rate is 1, which drops everything; it must be less than 1."

    /// x · 1[u ≥ p] / (1 − p), u uniform in [0, 1) of x's shape and p = `rate` in [0, 1): each element is dropped with
    /// probability p, and the mean over u is x (Srivastava et al. 2014; in DroQ's critics before a layer normalisation:
    /// Hiraoka et al. 2022). u is constant to derivatives.
    let apply (rate: float) (uniforms: Expr) (x: Expr) : Expr =
        requireRate rate

        if uniforms.Shape <> x.Shape then
            Guard.fail
                (nameof uniforms)
                ($"The uniform numbers have the shape {Shape.print uniforms.Shape}; "
                 + $"they need x's, {Shape.print x.Shape}.")

        x * Expr.greaterOrEqual uniforms (Expr.number rate) * (1.0 / (1.0 - rate))
