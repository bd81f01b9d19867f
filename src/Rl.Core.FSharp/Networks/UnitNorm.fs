/// Vectors and weights on the unit sphere.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Layers whose weights have length 1 keep the effective learning rate from shrinking as weights grow (Lee et al. 2025,
/// "Hyperspherical normalization for scalable deep reinforcement learning").
[<RequireQualifiedAccess>]
module UnitNorm =

    let private along (axis: int) (epsilon: float) (x: Expr) =
        Guard.positiveNumber (nameof epsilon) epsilon
        x / Expr.sqrt (Expr.sumKeep [| axis |] (Expr.square x) + epsilon * epsilon)

    /// x / √(‖x‖² + ε²) over the last axis, ε > 0: of length 1 up to ε, and 0 at 0 with a finite derivative.
    let normalise (epsilon: float) (x: Expr) : Expr = along -1 epsilon x

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
                Expr.reshape [| block.Count |] (if isWeight block then along 0 epsilon values else values))
            |> Expr.concat 0
