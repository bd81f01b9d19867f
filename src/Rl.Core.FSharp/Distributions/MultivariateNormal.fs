/// The normal distribution with a full covariance, given by its Cholesky factor.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// x = μ + L z with standard normal z, so the covariance is LLᵀ.
type MultivariateNormal =
    {
        /// μ [..., n].
        Mean: Expr
        /// L [..., n, n], lower triangular with a positive diagonal; entries above the diagonal are not read.
        Scale: Expr
    }

/// Quantities of multivariate normal distributions. Triangular systems are solved by substitution, unrolled over n:
/// meant for the sizes of actions, not of images.
[<RequireQualifiedAccess>]
module MultivariateNormal =

    let private logRootTwoPi = 0.5 * Math.Log(2.0 * Math.PI)

    let private size (p: MultivariateNormal) = p.Mean.Shape[p.Mean.Rank - 1]

    /// From μ [..., n] and L [..., n, n].
    let create (mean: Expr) (scale: Expr) : MultivariateNormal =
        if mean.Rank = 0 || scale.Shape <> Array.append mean.Shape [| mean.Shape[mean.Rank - 1] |] then
            Guard.fail
                (nameof scale)
                ($"The scale has shape {Shape.print scale.Shape}; for the mean {Shape.print mean.Shape} it must be "
                 + "that with the last length repeated.")

        { Mean = mean; Scale = scale }

    let private entry (row: int) (column: int) (matrix: Expr) =
        matrix |> Expr.slice -2 row (row + 1) |> Expr.slice -1 column (column + 1)

    /// L⁻¹ B by forward substitution; B [..., n, k].
    let private solveLower (n: int) (lower: Expr) (right: Expr) : Expr =
        let solved = Collections.Generic.List<Expr>()

        for row in 0 .. n - 1 do
            let mutable rest = Expr.slice -2 row (row + 1) right

            for column in 0 .. row - 1 do
                rest <- rest - entry row column lower * solved[column]

            solved.Add(rest / entry row row lower)

        Expr.concat -2 solved

    let private sumLast (count: int) (x: Expr) = Expr.sumOver [| for axis in 1..count -> -axis |] x

    /// ln det L = Σ ln Lᵢᵢ [...].
    let private logDeterminant (p: MultivariateNormal) =
        [ for i in 0 .. size p - 1 -> Expr.log (entry i i p.Scale) ]
        |> List.reduce (+)
        |> Expr.squeeze -1
        |> Expr.squeeze -1

    /// L with zeros above the diagonal.
    let private lowerTriangle (p: MultivariateNormal) =
        let n = size p

        Expr.select
            (Expr.constant (Tensor.init [| n; n |] (fun i -> if i % n <= i / n then 1.0 else 0.0)))
            p.Scale
            (Expr.number 0.0)

    /// ln p(x) = −½ ‖L⁻¹(x − μ)‖² − Σ ln Lᵢᵢ − n/2 ln 2π; x [..., n] to [...].
    let logProbability (x: Expr) (p: MultivariateNormal) : Expr =
        let z = solveLower (size p) p.Scale (Expr.expandAxis -1 (x - p.Mean))
        -0.5 * sumLast 2 (Expr.square z) - logDeterminant p - float (size p) * logRootTwoPi

    /// Σ ln Lᵢᵢ + n/2 ln 2πe [...], in nats.
    let entropy (p: MultivariateNormal) : Expr = logDeterminant p + float (size p) * (0.5 + logRootTwoPi)

    /// KL(p ‖ q) = ln det L_q − ln det L_p + ½ (‖L_q⁻¹ L_p‖² + ‖L_q⁻¹(μ_p − μ_q)‖² − n) [...].
    let kl (p: MultivariateNormal) (q: MultivariateNormal) : Expr =
        let spread = solveLower (size q) q.Scale (lowerTriangle p)
        let shift = solveLower (size q) q.Scale (Expr.expandAxis -1 (p.Mean - q.Mean))

        logDeterminant q - logDeterminant p
        + 0.5 * (sumLast 2 (Expr.square spread) + sumLast 2 (Expr.square shift) - float (size p))

    /// The covariance LLᵀ [..., n, n].
    let covariance (p: MultivariateNormal) : Expr =
        let lower = lowerTriangle p
        Expr.matmul lower (Expr.transpose lower)

    /// μ [..., n].
    let mode (p: MultivariateNormal) : Expr = p.Mean

    /// μ + L · noise: a differentiable sample from standard normal noise [..., n].
    let reparameterise (noise: Expr) (p: MultivariateNormal) : Expr =
        p.Mean + Expr.squeeze -1 (Expr.matmul (lowerTriangle p) (Expr.expandAxis -1 noise))

    /// Draws x [n] into `destination` from μ [n] and L [n, n]; returns the generator that follows.
    let sample (mean: ReadOnlySpan<float>) (scale: ReadOnlySpan<float>) (destination: Span<float>) (rng: Rng) : Rng =
        let n = mean.Length
        Guard.length (nameof scale) (n * n) scale.Length
        Guard.length (nameof destination) n destination.Length
        let mutable rng = rng

        for i in 0 .. n - 1 do
            let struct (noise, next) = Rng.normal rng
            rng <- next
            destination[i] <- noise

        // From the last row up, so that the noise that a row needs is still there.
        for row in n - 1 .. -1 .. 0 do
            let mutable total = mean[row]

            for column in 0..row do
                total <- total + scale[row * n + column] * destination[column]

            destination[row] <- total

        rng
