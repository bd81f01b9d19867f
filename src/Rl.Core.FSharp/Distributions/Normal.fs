/// The normal distribution of one number, element by element.
namespace Rl.Core.Distributions

open System
open MathNet.Numerics
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// x = μ + σ z with standard normal z; every element is a distribution of its own. `DiagonalNormal` sums over a last
/// event axis.
type Normal =
    {
        /// μ [...].
        Mean: Expr
        /// ln σ, of a shape that broadcasts with the mean's.
        LogStandardDeviation: Expr
    }

/// Quantities of normal distributions, element by element.
[<RequireQualifiedAccess>]
module Normal =

    let private logRootTwoPi = 0.5 * Math.Log(2.0 * Math.PI)

    /// From μ and ln σ, which must broadcast.
    let create (mean: Expr) (logStandardDeviation: Expr) : Normal =
        Shape.broadcast "Normal" mean.Shape logStandardDeviation.Shape |> ignore
        { Mean = mean; LogStandardDeviation = logStandardDeviation }

    /// (x − μ) / σ.
    let standardise (x: Expr) (p: Normal) : Expr = (x - p.Mean) * Expr.exp (-p.LogStandardDeviation)

    /// ln p(x) = −½ ((x − μ)/σ)² − ln σ − ½ ln 2π.
    let logProbability (x: Expr) (p: Normal) : Expr =
        -0.5 * Expr.square (standardise x p) - p.LogStandardDeviation - logRootTwoPi

    /// ln σ + ½ ln 2πe, in nats, in the shape of μ and σ together.
    let entropy (p: Normal) : Expr =
        let shape = Shape.broadcast "Normal" p.Mean.Shape p.LogStandardDeviation.Shape
        Expr.broadcastTo shape (p.LogStandardDeviation + (0.5 + logRootTwoPi))

    /// KL(p ‖ q) = ln σ_q − ln σ_p + (σ_p² + (μ_p − μ_q)²) / 2σ_q² − ½.
    let kl (p: Normal) (q: Normal) : Expr =
        let ratio = Expr.exp (2.0 * (p.LogStandardDeviation - q.LogStandardDeviation))
        let distance = (p.Mean - q.Mean) * Expr.exp (-q.LogStandardDeviation)
        q.LogStandardDeviation - p.LogStandardDeviation + 0.5 * (ratio + Expr.square distance) - 0.5

    /// The two parts that KL(p ‖ q) is the sum of: what the means contribute, (μ_p − μ_q)² / 2σ_q², and what the
    /// deviations do (Abdolmaleki et al. 2018, section 4.2): struct (of the means, of the deviations).
    let klParts (p: Normal) (q: Normal) : struct (Expr * Expr) =
        let centred = { p with Mean = q.Mean }
        struct (kl { q with Mean = p.Mean } q, kl centred q)

    /// P(X ≤ x) = ½ (1 + erf((x − μ) / σ√2)).
    let distributionFunction (x: Expr) (p: Normal) : Expr = 0.5 * (1.0 + Expr.erf (standardise x p * Math.Sqrt 0.5))

    /// The x with P(X ≤ x) = u, for numbers: μ + σ √2 erf⁻¹(2u − 1); u ∈ [0, 1].
    let quantile (mean: float) (standardDeviation: float) (u: float) : float =
        Guard.positiveNumber (nameof standardDeviation) standardDeviation
        Guard.inRange (nameof u) 0.0 1.0 u
        // The inverse of the complement keeps the digits of small u.
        mean - standardDeviation * Math.Sqrt 2.0 * SpecialFunctions.ErfcInv(2.0 * u)

    /// σ.
    let standardDeviation (p: Normal) : Expr = Expr.exp p.LogStandardDeviation

    /// μ.
    let mode (p: Normal) : Expr = p.Mean

    /// Draws x from μ and σ > 0: struct (x, the generator that follows).
    let sample (mean: float) (standardDeviation: float) (rng: Rng) : struct (float * Rng) =
        Guard.notNegativeNumber (nameof standardDeviation) standardDeviation
        let struct (noise, rng) = Rng.normal rng
        struct (mean + standardDeviation * noise, rng)
