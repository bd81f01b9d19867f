/// The Beta distribution on (0, 1): a policy for bounded actions without squashing.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// p(x) ∝ x^(α−1) (1 − x)^(β−1); every element is a distribution of its own (Chou, Maturana and Scherer 2017).
type Beta =
    {
        /// α > 0 [...].
        Alpha: Expr
        /// β > 0 [...].
        Beta: Expr
    }

/// Quantities of Beta distributions, element by element.
[<RequireQualifiedAccess>]
module Beta =

    /// From α and β > 0, which must broadcast.
    let create (alpha: Expr) (beta: Expr) : Beta =
        Shape.broadcast "Beta" alpha.Shape beta.Shape |> ignore
        { Alpha = alpha; Beta = beta }

    /// ln B(α, β) = ln Γ(α) + ln Γ(β) − ln Γ(α + β).
    let private logNormaliser (p: Beta) =
        Expr.logGamma p.Alpha + Expr.logGamma p.Beta - Expr.logGamma (p.Alpha + p.Beta)

    /// ln p(x) of x ∈ (0, 1).
    let logProbability (x: Expr) (p: Beta) : Expr =
        (p.Alpha - 1.0) * Expr.log x + (p.Beta - 1.0) * Expr.logOnePlus (-x) - logNormaliser p

    /// ln B − (α − 1) ψ(α) − (β − 1) ψ(β) + (α + β − 2) ψ(α + β), in nats.
    let entropy (p: Beta) : Expr =
        let both = p.Alpha + p.Beta

        logNormaliser p - (p.Alpha - 1.0) * Expr.digamma p.Alpha - (p.Beta - 1.0) * Expr.digamma p.Beta
        + (both - 2.0) * Expr.digamma both

    /// KL(p ‖ q).
    let kl (p: Beta) (q: Beta) : Expr =
        logNormaliser q - logNormaliser p
        + (p.Alpha - q.Alpha) * Expr.digamma p.Alpha
        + (p.Beta - q.Beta) * Expr.digamma p.Beta
        + (q.Alpha - p.Alpha + q.Beta - p.Beta) * Expr.digamma (p.Alpha + p.Beta)

    /// α / (α + β).
    let mean (p: Beta) : Expr = p.Alpha / (p.Alpha + p.Beta)

    /// αβ / ((α + β)² (α + β + 1)).
    let variance (p: Beta) : Expr =
        let both = p.Alpha + p.Beta
        p.Alpha * p.Beta / (Expr.square both * (both + 1.0))

    /// (α − 1)/(α + β − 2) where α, β > 1; elsewhere the end with the infinite or larger density (½ if α = β ≤ 1).
    let mode (p: Beta) : Expr =
        let one = Expr.number 1.0
        let inside = Expr.greater p.Alpha one * Expr.greater p.Beta one
        let ends = 0.5 * (Expr.greater p.Alpha p.Beta + Expr.greaterOrEqual p.Alpha p.Beta)
        let safe = Expr.select inside (p.Alpha + p.Beta - 2.0) one
        Expr.select inside ((p.Alpha - 1.0) / safe) ends

    /// Draws ln x with x from Gamma(shape, 1), shape > 0 (Marsaglia and Tsang 2000): struct (ln x, the generator that follows). Small shapes draw x
    /// that are too small for any number; their logarithms are not.
    let rec internal sampleLogGamma (shape: float) (rng: Rng) : struct (float * Rng) =
        Guard.positiveNumber (nameof shape) shape

        if shape < 1.0 then
            // x·U^(1/shape) with x from Gamma(shape + 1).
            let struct (logX, rng) = sampleLogGamma (shape + 1.0) rng
            let struct (u, rng) = Rng.uniform rng
            struct (logX + Math.Log(1.0 - u) / shape, rng)
        else
            let d = shape - 1.0 / 3.0
            let c = 1.0 / Math.Sqrt(9.0 * d)
            let mutable rng = rng
            let mutable drawn = -1.0

            while drawn < 0.0 do
                let struct (noise, afterNoise) = Rng.normal rng
                let struct (u, afterUniform) = Rng.uniform afterNoise
                rng <- afterUniform
                let v = Math.Pow(1.0 + c * noise, 3.0)

                if v > 0.0 && Math.Log(1.0 - u) < 0.5 * noise * noise + d - d * v + d * Math.Log v then
                    drawn <- d * v

            struct (Math.Log drawn, rng)

    /// Draws x ∈ (0, 1) from α, β > 0: struct (x, the generator that follows).
    let sample (alpha: float) (beta: float) (rng: Rng) : struct (float * Rng) =
        let struct (logA, rng) = sampleLogGamma alpha rng
        let struct (logB, rng) = sampleLogGamma beta rng
        // a/(a + b), within the open interval where it rounds to an end.
        let share = 1.0 / (1.0 + Math.Exp(logB - logA))
        struct (Math.Clamp(share, Double.Epsilon, Math.BitDecrement 1.0), rng)
