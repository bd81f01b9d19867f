/// The normal distribution squashed by tanh into an interval: what SAC's policies are.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// x = low + (high − low)(tanh u + 1)/2 with u from a diagonal normal distribution.
type SquashedNormal =
    {
        /// The distribution of u [..., n].
        Base: DiagonalNormal
        /// The lower bound, of a shape that broadcasts to [..., n].
        Low: Expr
        /// The upper bound.
        High: Expr
    }

/// Quantities of squashed normal distributions (Haarnoja et al. 2018, appendix C). Use `logProbabilityOf` with the u
/// that x came from wherever it is known: it is exact however close tanh u is to ±1. A memory of transitions stores u
/// beside x, or instead of it.
[<RequireQualifiedAccess>]
module SquashedNormal =

    /// From the distribution of u and the interval.
    let create (low: Expr) (high: Expr) (normal: DiagonalNormal) : SquashedNormal =
        for name, bound in [ nameof low, low; nameof high, high ] do
            if Shape.broadcast name normal.Mean.Shape bound.Shape <> normal.Mean.Shape then
                Guard.fail
                    name
                    ($"{name} has shape {Shape.print bound.Shape}; it must broadcast to the mean "
                     + $"{Shape.print normal.Mean.Shape}.")

        { Base = normal; Low = low; High = high }

    let private half (p: SquashedNormal) = 0.5 * (p.High - p.Low)

    /// x of u.
    let squash (u: Expr) (p: SquashedNormal) : Expr = 0.5 * (p.High + p.Low) + half p * Expr.tanh u

    /// u of x: ½ ln((x − low)/(high − x)). A distance to a bound below half a step of the program's numbers there
    /// counts as that, so that x on a bound has the least u whose x rounds to it: for the bounds ±1, about ±9 at
    /// float32 and ±18.4 at float64.
    let unsquash (x: Expr) (p: SquashedNormal) : Expr =
        // A change that float32 does not see and float64 does.
        let isSingle = Expr.equal (x * (1.0 + Math.ScaleB(1.0, -30)) - x) (Expr.number 0.0)

        let distance (bound: Expr) (away: Expr) =
            let step = Expr.select isSingle (Math.ScaleB(1.0, -25) * Expr.abs bound) (Expr.number 0.0)
            let least = Expr.maximum step (2e-16 * half p)
            Expr.log (Expr.select (Expr.less away least) least away)

        0.5 * (distance p.Low (x - p.Low) - distance p.High (p.High - x))

    /// Σ ln(1 − tanh² u) = Σ 2 (ln 2 − u − ln(1 + e⁻²ᵘ)) [...], without cancellation for large |u|.
    let logSlope (u: Expr) : Expr = Expr.sumOver [| -1 |] (2.0 * (Math.Log 2.0 - u - Expr.softplus (-2.0 * u)))

    /// ln p of the x that u gives: ln N(u) − Σ ln(1 − tanh² u) − Σ ln((high − low)/2); u [..., n] to [...].
    let logProbabilityOf (u: Expr) (p: SquashedNormal) : Expr =
        let stretch = Expr.sumOver [| -1 |] (Expr.log (half p) |> Expr.broadcastTo p.Base.Mean.Shape)
        DiagonalNormal.logProbability u p.Base - logSlope u - stretch

    /// ln p(x) [...] of x [..., n] inside the interval.
    let logProbability (x: Expr) (p: SquashedNormal) : Expr = logProbabilityOf (unsquash x p) p

    let private requireSame (name: string) (own: Expr) (other: Expr) =
        if not (obj.ReferenceEquals(own, other)) then
            if not (Graph.isConstant own && Graph.isConstant other) then
                Guard.fail
                    name
                    ($"{name} of the two distributions are different expressions, which need not be equal; use the "
                     + "same one for both, or constants.")

            Shape.broadcast name own.Shape other.Shape |> ignore
            let difference = Reference.evaluate (Expr.max (Expr.abs (own - other)))

            if not (difference.Scalar = 0.0) then
                Guard.fail
                    name
                    $"{name} of the two distributions differ, by up to {difference.Scalar}; they must be the same."

    /// KL(p ‖ q): that of the distributions of u, as both are squashed alike. The bounds must be the same: equal
    /// constants or the same expressions.
    let kl (p: SquashedNormal) (q: SquashedNormal) : Expr =
        requireSame (nameof p.Low) p.Low q.Low
        requireSame (nameof p.High) p.High q.High
        DiagonalNormal.kl p.Base q.Base

    /// A differentiable sample from standard normal noise [..., n]: struct (u, x).
    let reparameterise (noise: Expr) (p: SquashedNormal) : struct (Expr * Expr) =
        let u = DiagonalNormal.reparameterise noise p.Base
        struct (u, squash u p)

    /// A one-sample estimate of the entropy from standard normal noise: −ln p(x(noise)) [...]. There is no closed form.
    let entropyEstimate (noise: Expr) (p: SquashedNormal) : Expr =
        -(logProbabilityOf (DiagonalNormal.reparameterise noise p.Base) p)

    /// The squashed mean of u (the median of x), which agents act with when they do not explore.
    let mode (p: SquashedNormal) : Expr = squash p.Base.Mean p

    /// Draws x [n] into `destination` from μ, ln σ of u and one interval: struct (ln p(x), the generator that follows).
    /// The log-probability is computed from u.
    let sample
        (low: float32)
        (high: float32)
        (mean: ReadOnlySpan<float32>)
        (logStandardDeviation: ReadOnlySpan<float32>)
        (destination: Span<float32>)
        (rng: Rng)
        : struct (float32 * Rng) =
        if not (low < high) then
            Guard.fail (nameof low) $"The interval [{low}, {high}] is empty; low must be less than high."

        let struct (logProbability, rng) = DiagonalNormal.sample mean logStandardDeviation destination rng
        let half = 0.5 * (float high - float low)
        let mutable total = float logProbability

        for index in 0 .. destination.Length - 1 do
            let u = float destination[index]
            let softplus = Math.Max(-2.0 * u, 0.0) + Math.Log(1.0 + Math.Exp(-2.0 * Math.Abs u))
            total <- total - 2.0 * (Math.Log 2.0 - u - softplus) - Math.Log half
            destination[index] <- float32 (0.5 * (float high + float low) + half * Math.Tanh u)

        struct (float32 total, rng)
