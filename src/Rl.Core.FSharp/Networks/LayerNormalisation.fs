/// Layer normalisation.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// The layer's blocks are "scale" and "shift" (Ba, Kiros and Hinton 2016).
[<RequireQualifiedAccess>]
module LayerNormalisation =

    /// PyTorch's ε.
    let defaultEpsilon = 1e-5

    /// Scale 1 and shift 0 for each of `features` elements.
    let layout (features: int) =
        Guard.positive (nameof features) features

        Layout.empty
        |> Layout.add "scale" [| features |] (Initialiser.Constant 1.0)
        |> Layout.add "shift" [| features |] (Initialiser.Constant 0.0)

    let private over axis (epsilon: float) (x: Expr) =
        let centred = Expr.centre [| axis |] x
        centred / Expr.sqrt (Expr.meanKeep [| axis |] (Expr.square centred) + epsilon)

    /// (x − mean x) / √(var x + ε) over the last axis, without parameters; the variance is the biased one.
    let normalise (epsilon: float) (x: Expr) = over -1 epsilon x

    /// scale · (x − mean x) / √(var x + ε) + shift over the last axis; x [..., features].
    let apply (epsilon: float) (parameters: Parameters) (x: Expr) : Expr =
        normalise epsilon x * Parameters.block "scale" parameters + Parameters.block "shift" parameters

    /// The same over the channels of images x [n, channels, h, w], at each place of its own.
    let applyToChannels (epsilon: float) (parameters: Parameters) (x: Expr) : Expr =
        let ofChannel name = Parameters.block name parameters |> Expr.reshape [| x.Shape[1]; 1; 1 |]
        over 1 epsilon x * ofChannel "scale" + ofChannel "shift"
