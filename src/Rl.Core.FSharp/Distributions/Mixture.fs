/// Mixtures of diagonal normal distributions.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// p(x) = Σₖ wₖ pₖ(x).
type Mixture =
    {
        /// The weights [..., K].
        Weights: Categorical
        /// The components, with means [..., K, n].
        Components: DiagonalNormal
    }

/// Quantities of mixtures. Neither entropy nor divergence has a closed form; estimate them from `logProbability`.
[<RequireQualifiedAccess>]
module Mixture =

    /// From weights [..., K] and components with means [..., K, n].
    let create (weights: Categorical) (components: DiagonalNormal) : Mixture =
        if weights.LogProbabilities.Shape <> DiagonalNormal.batchShape components then
            Guard.fail
                (nameof weights)
                ($"The weights have shape {Shape.print weights.LogProbabilities.Shape}; the components' batch is "
                 + $"{Shape.print (DiagonalNormal.batchShape components)}, and they must be equal.")

        { Weights = weights; Components = components }

    /// ln Σ wₖ pₖ(x) [...] of x [..., n].
    let logProbability (x: Expr) (p: Mixture) : Expr =
        let each = DiagonalNormal.logProbability (Expr.expandAxis -2 x) p.Components
        Expr.logSumExp -1 (p.Weights.LogProbabilities + each)

    /// P(k | x) = wₖ pₖ(x) / p(x) [..., K].
    let responsibilities (x: Expr) (p: Mixture) : Expr =
        let each = DiagonalNormal.logProbability (Expr.expandAxis -2 x) p.Components
        Expr.softmax -1 (p.Weights.LogProbabilities + each)

    /// Σ wₖ μₖ [..., n].
    let mean (p: Mixture) : Expr =
        Expr.sumOver [| -2 |] (Expr.expandAxis -1 (Categorical.probabilities p.Weights) * p.Components.Mean)

    /// The mean of the component of the largest weight [..., n]; no derivative in the weights.
    let mode (p: Mixture) : Expr =
        let best = Categorical.mode p.Weights |> Expr.expandAxis -1 |> Expr.expandAxis -1
        let shape = Array.copy p.Components.Mean.Shape
        shape[shape.Length - 2] <- 1
        Expr.gather -2 (Expr.broadcastTo shape best) p.Components.Mean |> Expr.squeeze -2

    /// Draws a component from logits [K], then x [n] into `destination` from its row of μ [K, n] and ln σ [K, n]:
    /// struct (the component, the generator that follows).
    let sample
        (logits: ReadOnlySpan<float32>)
        (means: ReadOnlySpan<float32>)
        (logStandardDeviations: ReadOnlySpan<float32>)
        (destination: Span<float32>)
        (rng: Rng)
        : struct (int * Rng) =
        let n = destination.Length
        Guard.length (nameof means) (logits.Length * n) means.Length
        Guard.length (nameof logStandardDeviations) (logits.Length * n) logStandardDeviations.Length
        let struct (chosen, _, rng) = Categorical.sample logits rng

        let struct (_, rng) =
            DiagonalNormal.sample
                (means.Slice(chosen * n, n))
                (logStandardDeviations.Slice(chosen * n, n))
                destination
                rng

        struct (chosen, rng)
