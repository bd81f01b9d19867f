/// The fully connected layer.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// y = x W + b with W [inputs, outputs] and b [outputs].
type Dense =
    {
        Inputs: int
        Outputs: int
        /// The start of W.
        Weight: Initialiser
        /// The start of b.
        Bias: Initialiser
    }

/// The layer's blocks are "weight" and "bias".
[<RequireQualifiedAccess>]
module Dense =

    /// An orthogonal weight of the given gain and a bias of 0.
    let create (gain: float) (inputs: int) (outputs: int) =
        {
            Inputs = inputs
            Outputs = outputs
            Weight = Initialiser.Orthogonal gain
            Bias = Initialiser.Constant 0.0
        }

    /// PyTorch's default start: weight and bias uniform in ±1/√inputs.
    let torch (inputs: int) (outputs: int) =
        {
            Inputs = inputs
            Outputs = outputs
            Weight = Initialiser.TorchLinear inputs
            Bias = Initialiser.TorchLinear inputs
        }

    /// The weights alone, of a layer without biases.
    let weights (layer: Dense) =
        Guard.positive (nameof layer.Inputs) layer.Inputs
        Guard.positive (nameof layer.Outputs) layer.Outputs
        Layout.add "weight" [| layer.Inputs; layer.Outputs |] layer.Weight Layout.empty

    /// x W of x [..., inputs]: a layer without biases.
    let linear (parameters: Parameters) (x: Expr) : Expr = Expr.matmul x (Parameters.block "weight" parameters)

    /// The layer's parameters.
    let layout (layer: Dense) = weights layer |> Layout.add "bias" [| layer.Outputs |] layer.Bias

    /// x [..., inputs] to y [..., outputs].
    let apply (parameters: Parameters) (x: Expr) : Expr = linear parameters x + Parameters.block "bias" parameters
