/// How fully parameterised quantile networks share the interval [0, 1] out: fractions that follow from features.
namespace Rl.Core.Networks

open Rl.Core.Autodiff
open Rl.Core.Foundations

/// The shares softmax(W ψ(s) + b) of [0, 1] (Yang et al. 2019, section 3.3).
type FractionProposal =
    {
        /// The width of the features ψ.
        Features: int
        /// N ≥ 2, the number of fractions.
        Count: int
        /// The start of W.
        Weight: Initialiser
    }

/// Fractions of [0, 1] in some states: τ₀ = 0 < τ₁ < … < τ_N = 1.
type Fractions =
    {
        /// ln(τᵢ₊₁ − τᵢ), i = 0 … N − 1 [..., N].
        LogSizes: Expr
        /// τᵢ₊₁ − τᵢ [..., N].
        Sizes: Expr
        /// The levels between fractions, τ₁ … τ_{N−1} [..., N − 1].
        Bounds: Expr
        /// The levels in the middle of fractions, (τᵢ + τᵢ₊₁)/2 [..., N].
        Middles: Expr
    }

    /// −Σ (τᵢ₊₁ − τᵢ) ln(τᵢ₊₁ − τᵢ) [...].
    member this.Entropy: Expr = -(Expr.sumOver [| -1 |] (this.Sizes * this.LogSizes))

/// The blocks are "output/weight" and "output/bias": the only layer is the last one.
[<RequireQualifiedAccess>]
module FractionProposal =

    /// Fractions that start nearly equal, whatever the features.
    let create (features: int) (count: int) : FractionProposal =
        Guard.inIntRange (nameof count) 2 System.Int32.MaxValue count
        { Features = features; Count = count; Weight = Initialiser.XavierUniform 0.01 }

    /// The parameters.
    let layout (proposal: FractionProposal) : Layout =
        Dense.layout
            {
                Inputs = proposal.Features
                Outputs = proposal.Count
                Weight = proposal.Weight
                Bias = Initialiser.Constant 0.0
            }
        |> Layout.under "output"

    /// Sums of columns i with the weights of each column j: [count, columns].
    let private sums (count: int) (columns: int) (weight: int -> int -> float) : Expr =
        Expr.constant (Tensor.init [| count; columns |] (fun place -> weight (place / columns) (place % columns)))

    /// The fractions of features [..., features].
    let apply (proposal: FractionProposal) (parameters: Parameters) (features: Expr) : Fractions =
        let count = proposal.Count
        let logSizes = Dense.apply (Parameters.at "output" parameters) features |> Expr.logSoftmax -1
        let sizes = Expr.exp logSizes

        let half i j =
            if i < j then 1.0
            elif i = j then 0.5
            else 0.0

        {
            LogSizes = logSizes
            Sizes = sizes
            Bounds = Expr.matmul sizes (sums count (count - 1) (fun i j -> if i <= j then 1.0 else 0.0))
            Middles = Expr.matmul sizes (sums count count half)
        }
