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

    /// Below this, ln Γ is small enough to keep its digits beside its leading terms.
    [<Literal>]
    let private Large = 10.0

    /// c₀ z + c₁ z³ + … for z = 1/x, and its derivative in x.
    let private remainders =
        [| 1.0 / 12.0; -1.0 / 360.0; 1.0 / 1260.0; -1.0 / 1680.0; 1.0 / 1188.0; -691.0 / 360360.0; 1.0 / 156.0 |]

    let private series (coefficients: float[]) (z2: Expr) =
        Array.foldBack (fun c rest -> c + z2 * rest) coefficients (Expr.number 0.0)

    /// struct (whether x is large, x where it is, x where it is not), each with another number of its kind elsewhere.
    let private split (x: Expr) =
        let isLarge = Expr.greater x (Expr.number Large)
        struct (isLarge, Expr.select isLarge x (Expr.number Large), Expr.select isLarge (Expr.number 1.0) x)

    /// Stirling's remainder r(x) = ln Γ(x) − (x − ½) ln x + x − ½ ln 2π: what is left of ln Γ without its large terms,
    /// which cancel in ln B.
    let private remainder (x: Expr) =
        let struct (isLarge, large, small) = split x
        let z = Expr.reciprocal large
        let ofLarge = z * series remainders (Expr.square z)
        let ofSmall = Expr.logGamma small - (small - 0.5) * Expr.log small + small - 0.5 * Math.Log(2.0 * Math.PI)
        Expr.select isLarge ofLarge ofSmall

    /// r′(x) = ψ(x) − ln x + 1/(2x).
    let private remainderSlope (x: Expr) =
        let struct (isLarge, large, small) = split x
        let z2 = Expr.square (Expr.reciprocal large)
        let ofLarge = z2 * series (remainders |> Array.mapi (fun k c -> -(float (2 * k + 1)) * c)) z2
        let ofSmall = Expr.digamma small - Expr.log small + 0.5 * Expr.reciprocal small
        Expr.select isLarge ofLarge ofSmall

    let private remaining (p: Beta) = remainder p.Alpha + remainder p.Beta - remainder (p.Alpha + p.Beta)

    /// ln(1 + change), and of the ratio itself where the two are far apart: change = ratio − 1.
    let private logRatio (change: Expr) (ratio: Expr) =
        let isNear = Expr.less (Expr.abs change) (Expr.number 0.5)

        Expr.select
            isNear
            (Expr.logOnePlus (Expr.select isNear change (Expr.number 0.0)))
            (Expr.log (Expr.select isNear (Expr.number 1.0) ratio))

    /// ln p(x) of x ∈ [0, 1]; at an end whose exponent is 0 the density is that beside it. Formed by the ratios of x
    /// and 1 − x to their means α/(α + β) and β/(α + β), so that large α and β cancel nothing: (α − 1) ln(x/x̄) + (β −
    /// 1) ln((1 − x)/(1 − x̄)) + 3/2 ln(α + β) − ½ ln α − ½ ln β − ½ ln 2π − r(α) − r(β) + r(α + β) with Stirling's
    /// remainder r.
    let logProbability (x: Expr) (p: Beta) : Expr =
        let both = p.Alpha + p.Beta
        let distance = (x - p.Alpha / both) * both
        let zero = Expr.number 0.0

        // (c − 1) ln y, 0 for c = 1 even where y is 0.
        let weighted (c: Expr) (logarithm: Expr) (isEnd: Expr) =
            let exponent = c - 1.0
            exponent * Expr.select (isEnd * Expr.equal exponent zero) zero logarithm

        let first = logRatio (distance / p.Alpha) (x * both / p.Alpha)
        let second = logRatio (-(distance / p.Beta)) ((1.0 - x) * both / p.Beta)

        weighted p.Alpha first (Expr.equal x zero)
        + weighted p.Beta second (Expr.equal x (Expr.number 1.0))
        + 1.5 * Expr.log both
        - 0.5 * (Expr.log p.Alpha + Expr.log p.Beta)
        - 0.5 * Math.Log(2.0 * Math.PI)
        - remaining p

    /// ln B − (α − 1) ψ(α) − (β − 1) ψ(β) + (α + β − 2) ψ(α + β), in nats; written without the logarithms that cancel.
    let entropy (p: Beta) : Expr =
        let both = p.Alpha + p.Beta

        0.5 * (Expr.log p.Alpha + Expr.log p.Beta) - 1.5 * Expr.log both
        + 0.5 * Math.Log(2.0 * Math.PI)
        + remaining p
        + 0.5
        - 0.5 * (Expr.reciprocal p.Alpha + Expr.reciprocal p.Beta)
        + Expr.reciprocal both
        - (p.Alpha - 1.0) * remainderSlope p.Alpha
        - (p.Beta - 1.0) * remainderSlope p.Beta
        + (both - 2.0) * remainderSlope both

    /// KL(p ‖ q) = ln B(q) − ln B(p) + (α − α′) ψ(α) + (β − β′) ψ(β) + (α′ + β′ − α − β) ψ(α + β) with α′, β′ those of
    /// q; written by the ratios α′/α, β′/β and (α′ + β′)/(α + β), so that large concentrations cancel nothing.
    let kl (p: Beta) (q: Beta) : Expr =
        let both = p.Alpha + p.Beta
        let alpha, beta = q.Alpha - p.Alpha, q.Beta - p.Beta
        let sum = alpha + beta
        let ofAlpha = logRatio (alpha / p.Alpha) (q.Alpha / p.Alpha)
        let ofBeta = logRatio (beta / p.Beta) (q.Beta / p.Beta)
        let ofSum = logRatio (sum / both) ((q.Alpha + q.Beta) / both)
        // (change of x) · (ψ(x) − ln x).
        let corrected change x = change * (remainderSlope x - 0.5 * Expr.reciprocal x)

        q.Alpha * ofAlpha + q.Beta * ofBeta - (q.Alpha + q.Beta) * ofSum
        + 0.5 * (ofSum - ofAlpha - ofBeta)
        + remaining q
        - remaining p
        - corrected alpha p.Alpha
        - corrected beta p.Beta
        + corrected sum both

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

    /// Draws ln x with x from Gamma(shape, 1), shape > 0 (Marsaglia and Tsang 2000): struct (ln x, the generator that
    /// follows). Small shapes draw x that are too small for any number; their logarithms are not.
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

    /// Draws x ∈ (0, 1) from α, β > 0: struct (x, the generator that follows). x lies within 2⁻¹²⁶ … 1 − 2⁻²⁴, so that
    /// it stays within the open interval as a float32, which actions are.
    let sample (alpha: float) (beta: float) (rng: Rng) : struct (float * Rng) =
        let struct (logA, rng) = sampleLogGamma alpha rng
        let struct (logB, rng) = sampleLogGamma beta rng
        // a/(a + b), within the open interval where it rounds to an end.
        let share = 1.0 / (1.0 + Math.Exp(logB - logA))
        struct (Math.Clamp(share, Math.ScaleB(1.0, -126), 1.0 - Math.ScaleB(1.0, -24)), rng)
