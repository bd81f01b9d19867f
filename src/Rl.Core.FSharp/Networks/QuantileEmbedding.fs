/// How implicit quantile networks take in the levels of quantiles: as cosines, through a dense layer, times features.
namespace Rl.Core.Networks

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations

/// ψ(s) ∘ σ(W cos(π i τ) + b), i = 1 … n (Dabney et al. 2018b, equation 4).
type QuantileEmbedding =
    {
        /// n.
        Cosines: int
        /// The width of the features ψ that it multiplies.
        Features: int
        /// K: actors take the mean over the levels (k + ½)/K, k = 0 … K − 1.
        Levels: int
        Activation: Activation
        /// The start of W.
        Weight: Initialiser
    }

/// The blocks are "weight" and "bias".
[<RequireQualifiedAccess>]
module QuantileEmbedding =

    /// cos(π i τ), i = 1 … n, of levels τ [..., K]: [..., K, n].
    let cosines (count: int) (levels: Expr) : Expr =
        Guard.positive (nameof count) count
        Expr.cos (Expr.expandAxis -1 levels * Expr.vector [ for i in 1..count -> Math.PI * float i ])

    /// The levels (k + ½)/K, k = 0 … K − 1.
    let midpoints (count: int) : Expr =
        Guard.positive (nameof count) count
        Expr.vector [ for k in 0 .. count - 1 -> (float k + 0.5) / float count ]

    /// The parameters.
    let layout (embedding: QuantileEmbedding) : Layout =
        Guard.positive (nameof embedding.Levels) embedding.Levels

        Dense.layout
            {
                Inputs = embedding.Cosines
                Outputs = embedding.Features
                Weight = embedding.Weight
                Bias = Initialiser.Constant 0.0
            }

    /// Features ψ [..., features] and levels τ [..., K], or [K] for all, to [..., K, features].
    let apply (embedding: QuantileEmbedding) (parameters: Parameters) (levels: Expr) (features: Expr) : Expr =
        let embedded = cosines embedding.Cosines levels |> Dense.apply parameters
        Expr.expandAxis -2 features * Activation.apply embedding.Activation embedded
