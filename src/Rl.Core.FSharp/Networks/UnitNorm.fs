/// Vectors and weights on the unit sphere.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Layers whose weights have length 1 keep the effective learning rate from shrinking as weights grow (Lee et al. 2025,
/// "Hyperspherical normalization for scalable deep reinforcement learning").
[<RequireQualifiedAccess>]
module UnitNorm =

    /// x / √(‖x‖² + ε²) over an axis, ε > 0: of length 1 up to ε, and 0 at 0 with a finite derivative.
    let over (axis: int) (epsilon: float) (x: Expr) : Expr =
        Guard.positiveNumber (nameof epsilon) epsilon
        x / Expr.sqrt (Expr.sumKeep [| axis |] (Expr.square x) + epsilon * epsilon)

    /// `over` the last axis.
    let normalise (epsilon: float) (x: Expr) : Expr = over -1 epsilon x

    /// θ with every matrix [inputs, outputs] named "weight" projected to columns of length 1, everything else as it is:
    /// what follows an optimiser's step.
    let project (epsilon: float) (layout: Layout) (theta: Expr) : Expr =
        let isWeight (block: Block) = block.Shape.Length = 2 && (block.Name = "weight" || block.Name.EndsWith "/weight")

        if layout.Blocks.Count = 0 then
            theta
        else
            layout.Blocks
            |> Seq.map (fun block ->
                let values = Layout.block block.Name layout theta
                Expr.reshape [| block.Count |] (if isWeight block then over 0 epsilon values else values))
            |> Expr.concat 0
