/// Multi-head self-attention.
namespace Rl.Core.Networks

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Scaled dot-product attention of a sequence to itself, in `Heads` parallel parts of Embedding / Heads features each
/// (Vaswani et al. 2017): head = softmax(Q Kᵀ / √d) V with Q, K, V = x W + b; the heads side by side go through a last
/// product.
type Attention =
    {
        /// The number of features of each position.
        Embedding: int
        /// Divides the embedding.
        Heads: int
    }

/// The layer's blocks are "inputWeight" [E, 3E] (Q, K and V side by side), "inputBias", "outputWeight" [E, E],
/// "outputBias".
[<RequireQualifiedAccess>]
module Attention =

    /// The layer's parameters, starting as in PyTorch: Xavier-uniform input weights, uniform ±1/√E output weights,
    /// biases 0.
    let layout (layer: Attention) =
        Guard.positive (nameof layer.Embedding) layer.Embedding
        Guard.positive (nameof layer.Heads) layer.Heads

        if layer.Embedding % layer.Heads <> 0 then
            Guard.fail
                (nameof layer.Heads)
                $"{layer.Heads} heads do not divide an embedding of {layer.Embedding} features."

        let size = layer.Embedding

        Layout.empty
        |> Layout.add "inputWeight" [| size; 3 * size |] (Initialiser.XavierUniform 1.0)
        |> Layout.add "inputBias" [| 3 * size |] (Initialiser.Constant 0.0)
        |> Layout.add "outputWeight" [| size; size |] (Initialiser.TorchLinear size)
        |> Layout.add "outputBias" [| size |] (Initialiser.Constant 0.0)

    /// A mask [length, length] for `apply` under which a position sees itself and what came before it.
    let causalMask (length: int) : Expr =
        Tensor.init [| length; length |] (fun i -> if i % length <= i / length then 1.0 else 0.0)
        |> Expr.constant

    /// Scores, where the mask is not 0; elsewhere what the softmax makes 0 of.
    let masked (mask: Expr) (scores: Expr) : Expr = Expr.select mask scores (Expr.number -1e8)

    /// `apply` with scores and weights, both [batch, heads, length, length], as `mask` and `drop` make them.
    let applyWith
        (mask: Expr -> Expr)
        (drop: Expr -> Expr)
        (layer: Attention)
        (parameters: Parameters)
        (x: Expr)
        : Expr =
        if x.Rank <> 3 || x.Shape[2] <> layer.Embedding then
            Guard.fail (nameof x) $"x has shape {Shape.print x.Shape}; it must be [batch, length, {layer.Embedding}]."

        let batch, length, size = x.Shape[0], x.Shape[1], layer.Embedding
        let width = size / layer.Heads

        let projected =
            Expr.matmul x (Parameters.block "inputWeight" parameters) + Parameters.block "inputBias" parameters

        // [batch, heads, length, width]
        let part index =
            Expr.slice -1 (index * size) ((index + 1) * size) projected
            |> Expr.reshape [| batch; length; layer.Heads; width |]
            |> Expr.permute [| 0; 2; 1; 3 |]

        let scores = Expr.matmul (part 0) (Expr.transpose (part 1)) * (1.0 / Math.Sqrt(float width)) |> mask

        let joined =
            Expr.matmul (drop (Expr.softmax -1 scores)) (part 2)
            |> Expr.permute [| 0; 2; 1; 3 |]
            |> Expr.reshape x.Shape

        Expr.matmul joined (Parameters.block "outputWeight" parameters)
        + Parameters.block "outputBias" parameters

    /// x [batch, length, E] to y of the same shape. A position attends only to positions where the mask, which
    /// broadcasts to [batch, heads, length, length] (query before key), is not 0; None: to all.
    let apply (layer: Attention) (parameters: Parameters) (mask: Expr option) (x: Expr) : Expr =
        let masked = mask |> Option.map masked |> Option.defaultValue id
        applyWith masked id layer parameters x
