/// Encodings and auxiliary tasks: one-hot inputs, pixel and feature control, windows of trajectories.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Functions over expressions; time is the first axis where there is one.
[<RequireQualifiedAccess>]
module Auxiliary =

    /// 1 at the index, 0 elsewhere: [...] to [..., count]; an index outside gives zeros.
    let oneHot (count: int) (indices: Expr) : Expr =
        Guard.positive (nameof count) count
        Expr.equal (Expr.expandAxis -1 indices) (Expr.vector [ for i in 0 .. count - 1 -> float i ])

    /// `replacement` where mask is not 0, x elsewhere; the mask [n, ...] is stretched over the last axes of x.
    let replaceMasked (mask: Expr) (replacement: Expr) (x: Expr) : Expr =
        if mask.Rank > x.Rank || mask.Shape <> x.Shape[.. mask.Rank - 1] then
            Guard.fail
                (nameof mask)
                $"mask has shape {Shape.print mask.Shape}; it must be the first axes of x, {Shape.print x.Shape}."

        let stretched = Expr.reshape (Array.append mask.Shape (Array.create (x.Rank - mask.Rank) 1)) mask
        Expr.select stretched replacement x

    /// [features, one-hot of the last action, tanh of the last reward]: the input of a recurrent agent [..., n + A +
    /// 1].
    let observationActionReward (actions: int) (features: Expr) (action: Expr) (reward: Expr) : Expr =
        Expr.concat -1 [ features; oneHot actions action; Expr.tanh (Expr.expandAxis -1 reward) ]

    let private later (x: Expr) = Expr.slice 0 1 x.Shape[0] x
    let private earlier (x: Expr) = Expr.slice 0 0 (x.Shape[0] - 1) x

    /// Pixel control: the mean absolute change of each cell × cell square between successive images [T + 1, ..., H, W,
    /// C]: [T, ..., H/cell, W/cell] (Jaderberg et al. 2017, section 3.1).
    let pixelControlRewards (cell: int) (images: Expr) : Expr =
        Guard.positive (nameof cell) cell

        let fits axis = images.Shape[images.Rank + axis] % cell = 0

        if images.Rank < 4 || not (fits -3 && fits -2) || images.Shape[0] < 2 then
            Guard.fail
                (nameof images)
                ($"images have shape {Shape.print images.Shape}; it must be [T + 1, ..., H, W, C] with T ≥ 1 and H "
                 + $"and W multiples of the cell, {cell}.")

        let change = Expr.abs (later images - earlier images)
        let size axis = images.Shape[images.Rank + axis]
        let height, width = size -3 / cell, size -2 / cell

        change
        |> Expr.reshape [| -1; height; cell; width; cell; size -1 |]
        |> Expr.meanOver [| 2; 4; 5 |]
        |> Expr.reshape (Array.append change.Shape[.. change.Rank - 4] [| height; width |])

    /// Feature control rewards of features [T + 1, ...]: the later features themselves.
    let featureRewards (features: Expr) : Expr = later features

    /// The increase of each feature f′ − f.
    let featureIncrease (features: Expr) : Expr = later features - earlier features

    /// The absolute change |f′ − f|.
    let featureChange (features: Expr) : Expr = Expr.abs (featureIncrease features)

    /// Potential-based rewards γ f′ − f (Ng, Harada and Russell 1999); γ [T] broadcasts from the front.
    let featurePotential (discount: Expr) (features: Expr) : Expr =
        let stretched = Expr.reshape (Array.append discount.Shape (Array.create (features.Rank - 1) 1)) discount
        stretched * later features - earlier features

    /// `pixelControlLoss` with a discount γ for all steps, a scalar, or one a step, [T].
    let pixelControlLossWith (cell: int) (discount: Expr) (images: Expr) (actions: Expr) (values: Expr) : Expr =
        let rewards = pixelControlRewards cell images

        if discount.Count <> 1 && discount.Shape <> [| rewards.Shape[0] |] then
            Guard.fail
                (nameof discount)
                ($"discount has shape {Shape.print discount.Shape}; it must be a scalar or one number for each of "
                 + $"{rewards.Shape[0]} steps.")

        let steps = rewards.Shape[0]
        let best = Expr.maxOver [| -1 |] (later values)
        let last = best |> Expr.slice 0 (steps - 1) steps |> Expr.squeeze 0
        let discounts = Expr.reshape [| discount.Count; 1; 1 |] discount |> Expr.broadcastTo rewards.Shape
        let target = Unrolled.lambda rewards discounts best (Expr.ones rewards.Shape) last
        let taken = Expr.reshape [| steps; 1; 1 |] actions |> Expr.broadcastTo rewards.Shape
        0.5 * Expr.square (ValueLearning.error (ValueLearning.chosen taken (earlier values)) target)

    /// Pixel control's loss ½ δ² [T, h, w] of action values [T + 1, h, w, A] over the cells: n-step Q-learning to the
    /// end of the sequence, where it bootstraps from the largest value (Jaderberg et al. 2017).
    let pixelControlLoss (cell: int) (discount: float) (images: Expr) (actions: Expr) (values: Expr) : Expr =
        Guard.inRange (nameof discount) 0.0 1.0 discount
        pixelControlLossWith cell (Expr.number discount) images actions values

    /// Windows of `length` steps of trajectories [T, B, ...] from starts [B, m]: [length, B, m, ...], constant indices.
    let windows (length: int) (starts: Expr) (trajectories: Expr) : Expr =
        Guard.inIntRange (nameof length) 1 trajectories.Shape[0] length

        if starts.Rank <> 2 || trajectories.Rank < 2 || starts.Shape[0] <> trajectories.Shape[1] then
            Guard.fail
                (nameof starts)
                ($"starts have shape {Shape.print starts.Shape}; they must be [B, m] for the trajectories "
                 + $"{Shape.print trajectories.Shape}, [T, B, ...].")

        let rest = trajectories.Shape[2..]
        let b, m = starts.Shape[0], starts.Shape[1]

        [
            for offset in 0 .. length - 1 do
                // [m, B, ...] indices into time.
                let index =
                    Expr.transpose (starts + float offset)
                    |> Expr.reshape (Array.append [| m; b |] (Array.create rest.Length 1))
                    |> Expr.broadcastTo (Array.append [| m; b |] rest)

                let order = [| 1; 0; yield! [| 2 .. rest.Length + 1 |] |]
                Expr.gather 0 index trajectories |> Expr.permute order
        ]
        |> Expr.stack 0
