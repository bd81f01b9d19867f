/// The normal distribution with independent coordinates.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// xᵢ = μᵢ + σᵢ zᵢ with standard normal z; the last axis is that of the event, all others are the batch. A
/// state-independent deviation is a vector [n] beside a mean [..., n].
type DiagonalNormal =
    {
        /// μ [..., n].
        Mean: Expr
        /// ln σ, of a shape that broadcasts to the mean's.
        LogStandardDeviation: Expr
    }

/// Quantities of a diagonal normal distribution as expressions, and sampling on spans.
[<RequireQualifiedAccess>]
module DiagonalNormal =

    let private logRootTwoPi = 0.5 * Math.Log(2.0 * Math.PI)

    /// From μ [..., n] and ln σ, which must broadcast to μ's shape.
    let create (mean: Expr) (logStandardDeviation: Expr) =
        if
            mean.Rank = 0
            || Shape.broadcast "DiagonalNormal" mean.Shape logStandardDeviation.Shape <> mean.Shape
        then
            Guard.fail
                (nameof logStandardDeviation)
                ($"The log standard deviation {Shape.print logStandardDeviation.Shape} must broadcast to the mean "
                 + $"{Shape.print mean.Shape}, which must have at least one axis.")

        { Mean = mean; LogStandardDeviation = logStandardDeviation }

    /// The batch shape [...].
    let batchShape (p: DiagonalNormal) = p.Mean.Shape[.. p.Mean.Rank - 2]

    let private length (p: DiagonalNormal) = float p.Mean.Shape[p.Mean.Rank - 1]

    /// Σ ln σᵢ over the event, computed on the deviation's own shape.
    let private sumOfLogarithms (p: DiagonalNormal) =
        let deviation = p.LogStandardDeviation
        let last = p.Mean.Shape[p.Mean.Rank - 1]

        if deviation.Rank > 0 && deviation.Shape[deviation.Rank - 1] = last then
            Expr.sumOver [| -1 |] deviation
        else
            let deviation = if deviation.Rank = 0 then deviation else Expr.squeeze -1 deviation
            float last * deviation

    /// ln p(x) = −½ Σ ((xᵢ − μᵢ)/σᵢ)² − Σ ln σᵢ − n/2 ln 2π; x [..., n] to [...].
    let logProbability (x: Expr) (p: DiagonalNormal) : Expr =
        if x.Rank = 0 || x.Shape[x.Rank - 1] <> p.Mean.Shape[p.Mean.Rank - 1] then
            Guard.fail
                (nameof x)
                $"x has shape {Shape.print x.Shape}; the last axis must be that of the mean {Shape.print p.Mean.Shape}."

        let z = (x - p.Mean) * Expr.exp (-p.LogStandardDeviation)

        -0.5 * Expr.sumOver [| -1 |] (Expr.square z) - (sumOfLogarithms p + length p * logRootTwoPi)

    /// Σ (ln σᵢ + ½ ln 2πe) [...], in nats.
    let entropy (p: DiagonalNormal) : Expr =
        sumOfLogarithms p + length p * (0.5 + logRootTwoPi) |> Expr.broadcastTo (batchShape p)

    /// KL(p ‖ q) = Σ ln σ_q − ln σ_p + (σ_p² + (μ_p − μ_q)²) / 2σ_q² − ½ [...].
    let kl (p: DiagonalNormal) (q: DiagonalNormal) : Expr =
        let ratio = Expr.exp (2.0 * (p.LogStandardDeviation - q.LogStandardDeviation))
        let distance = (p.Mean - q.Mean) * Expr.exp (-q.LogStandardDeviation)
        let moments = 0.5 * (ratio + Expr.square distance)
        Expr.sumOver [| -1 |] (q.LogStandardDeviation - p.LogStandardDeviation + moments - 0.5)

    /// μ [..., n].
    let mode (p: DiagonalNormal) : Expr = p.Mean

    /// σ, in the shape of ln σ.
    let standardDeviation (p: DiagonalNormal) : Expr = Expr.exp p.LogStandardDeviation

    /// μ + σ · noise: a differentiable sample from standard normal noise [..., n] (Kingma and Welling 2014).
    let reparameterise (noise: Expr) (p: DiagonalNormal) : Expr = p.Mean + standardDeviation p * noise

    /// Draws x [n] into `destination` from μ [n] and ln σ [n]: struct (ln p(x), the generator that follows). Allocates
    /// nothing.
    let sample
        (mean: ReadOnlySpan<float32>)
        (logStandardDeviation: ReadOnlySpan<float32>)
        (destination: Span<float32>)
        (rng: Rng)
        : struct (float32 * Rng) =
        Guard.length (nameof logStandardDeviation) mean.Length logStandardDeviation.Length
        Guard.length (nameof destination) mean.Length destination.Length
        let mutable rng = rng
        let mutable logProbability = 0.0

        for i in 0 .. mean.Length - 1 do
            let struct (noise, next) = Rng.normal rng
            rng <- next
            let logDeviation = float logStandardDeviation[i]
            destination[i] <- float32 (float mean[i] + Math.Exp logDeviation * noise)
            logProbability <- logProbability - 0.5 * noise * noise - logDeviation - logRootTwoPi

        struct (float32 logProbability, rng)
