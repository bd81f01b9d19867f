/// Convolution layers and stacks of them, from images to features.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// y[n, o] = b[o] + Σ_c x[n, c] ⋆ W[o, c], a cross-correlation with zero padding on all sides.
type ConvolutionLayer =
    {
        InputChannels: int
        OutputChannels: int
        KernelHeight: int
        KernelWidth: int
        Stride: int
        Padding: int
        /// The start of W [o, c, kh, kw].
        Weight: Initialiser
        /// The start of b [o].
        Bias: Initialiser
    }

/// The layer's blocks are "weight" and "bias".
[<RequireQualifiedAccess>]
module ConvolutionLayer =

    /// A square kernel without padding, an orthogonal weight of gain √2 and a bias of 0.
    let create (inputChannels: int) (outputChannels: int) (kernel: int) (stride: int) =
        {
            InputChannels = inputChannels
            OutputChannels = outputChannels
            KernelHeight = kernel
            KernelWidth = kernel
            Stride = stride
            Padding = 0
            Weight = Initialiser.Orthogonal Initialiser.rootTwo
            Bias = Initialiser.Constant 0.0
        }

    /// The layer's parameters.
    let layout (layer: ConvolutionLayer) =
        Guard.positive (nameof layer.InputChannels) layer.InputChannels
        Guard.positive (nameof layer.OutputChannels) layer.OutputChannels
        Guard.positive (nameof layer.KernelHeight) layer.KernelHeight
        Guard.positive (nameof layer.KernelWidth) layer.KernelWidth
        let weight = [| layer.OutputChannels; layer.InputChannels; layer.KernelHeight; layer.KernelWidth |]

        Layout.empty
        |> Layout.add "weight" weight layer.Weight
        |> Layout.add "bias" [| layer.OutputChannels |] layer.Bias

    /// x [n, c, h, w] to y [n, o, (h + 2·padding − kh)/stride + 1, (w + 2·padding − kw)/stride + 1].
    let apply (layer: ConvolutionLayer) (parameters: Parameters) (x: Expr) : Expr =
        let bias = Parameters.block "bias" parameters |> Expr.reshape [| layer.OutputChannels; 1; 1 |]

        Expr.convolve layer.Stride layer.Padding (Parameters.block "weight" parameters) x + bias

    /// The shape [o, oh, ow] that an image [c, h, w] becomes.
    let outputShape (layer: ConvolutionLayer) (image: Shape) : Shape =
        if image.Length <> 3 || image[0] <> layer.InputChannels then
            Guard.fail
                (nameof image)
                $"The image has shape {Shape.print image}; it must be [{layer.InputChannels}, height, width]."

        let length size kernel =
            if size + 2 * layer.Padding < kernel then
                Guard.fail
                    (nameof image)
                    ($"The image {Shape.print image} with padding {layer.Padding} is "
                     + $"smaller than the kernel [{layer.KernelHeight}, {layer.KernelWidth}].")

            (size + 2 * layer.Padding - kernel) / layer.Stride + 1

        [| layer.OutputChannels; length image[1] layer.KernelHeight; length image[2] layer.KernelWidth |]

/// Convolution layers one after the other, an activation after each, flattened at the end.
type ConvolutionStack =
    {
        Layers: ConvolutionLayer list
        Activation: Activation
        /// Normalise the channels of each place before the activation.
        LayerNormalisation: bool
    }

/// The layers' blocks lie under "0", "1", …; normalisations under "0/normalisation", ….
[<RequireQualifiedAccess>]
module ConvolutionStack =

    /// Rectified layers given as (output channels, kernel, stride).
    let create (inputChannels: int) (layers: (int * int * int) list) =
        let channels = inputChannels :: List.map (fun (outputs, _, _) -> outputs) layers

        {
            Layers =
                List.map2
                    (fun inputs (outputs, kernel, stride) -> ConvolutionLayer.create inputs outputs kernel stride)
                    (List.take layers.Length channels)
                    layers
            Activation = Activation.Relu
            LayerNormalisation = false
        }

    /// The three layers of the DQN for Atari: 32 of 8×8 by 4, 64 of 4×4 by 2, 64 of 3×3 by 1 (Mnih et al. 2015).
    let nature (inputChannels: int) = create inputChannels [ 32, 8, 4; 64, 4, 2; 64, 3, 1 ]

    /// The one layer of MinAtar's networks: 16 of 3×3 by 1 (Young and Tian 2019).
    let minAtar (inputChannels: int) = create inputChannels [ 16, 3, 1 ]

    /// The stack's parameters.
    let layout (stack: ConvolutionStack) =
        stack.Layers
        |> List.mapi (fun index layer ->
            let own = ConvolutionLayer.layout layer

            if stack.LayerNormalisation then
                let normalisation = LayerNormalisation.layout layer.OutputChannels
                string index, Layout.append own (Layout.under "normalisation" normalisation)
            else
                string index, own)
        |> Layout.merge

    /// The number of features that an image [c, h, w] becomes.
    let features (stack: ConvolutionStack) (image: Shape) =
        stack.Layers
        |> List.fold (fun shape layer -> ConvolutionLayer.outputShape layer shape) image
        |> Shape.count

    /// Images [n, c, h, w] to features [n, count], channel by channel.
    let apply (stack: ConvolutionStack) (parameters: Parameters) (x: Expr) : Expr =
        let through (x: Expr) (index, layer) =
            let own = Parameters.at (string index) parameters
            let y = ConvolutionLayer.apply layer own x

            if stack.LayerNormalisation then
                let normalisation = Parameters.at "normalisation" own
                LayerNormalisation.applyToChannels LayerNormalisation.defaultEpsilon normalisation y
            else
                y
            |> Activation.apply stack.Activation

        let y = stack.Layers |> List.indexed |> List.fold through x

        Expr.reshape [| y.Shape[0]; Shape.count y.Shape[1..] |] y
