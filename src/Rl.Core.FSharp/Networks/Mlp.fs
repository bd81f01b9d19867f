/// The multilayer perceptron.
namespace Rl.Core.Networks

open Rl.Core.Autodiff

/// Dense layers with an activation after each hidden one:
/// h₀ = x, hᵢ = σ(hᵢ₋₁ Wᵢ + bᵢ), y = σₒ(h W + b).
type Mlp =
    {
        Inputs: int
        /// The width of each hidden layer, first to last; may be empty.
        Hidden: int list
        Outputs: int
        Activation: Activation
        /// After the output layer.
        OutputActivation: Activation
        /// The start of the hidden weights.
        HiddenWeight: Initialiser
        /// The start of the output weight.
        OutputWeight: Initialiser
        /// Normalise each hidden layer before its activation.
        LayerNormalisation: bool
    }

/// Hidden layers are named "0", "1", …, the last layer "output"; normalisations are "0/normalisation", ….
[<RequireQualifiedAccess>]
module Mlp =

    /// Orthogonal starts: gain √2 in hidden layers (with tanh), `outputGain` in the last; biases 0 (Andrychowicz et al.
    /// 2021, "What matters for on-policy deep actor-critic methods?").
    let create (outputGain: float) (inputs: int) (hidden: int list) (outputs: int) =
        {
            Inputs = inputs
            Hidden = hidden
            Outputs = outputs
            Activation = Activation.Tanh
            OutputActivation = Activation.Identity
            HiddenWeight = Initialiser.Orthogonal Initialiser.rootTwo
            OutputWeight = Initialiser.Orthogonal outputGain
            LayerNormalisation = false
        }

    /// A feature extractor: the last width is the number of outputs, activated like the others. `hidden` must not be
    /// empty.
    let trunk (activation: Activation) (inputs: int) (hidden: int list) =
        match List.rev hidden with
        | [] ->
            Rl.Core.Foundations.Guard.fail (nameof hidden) "A trunk needs at least one hidden layer; hidden is empty."
        | last :: rest ->
            { create Initialiser.rootTwo inputs (List.rev rest) last with
                Activation = activation
                OutputActivation = activation
            }

    let private widths (mlp: Mlp) = List.pairwise (mlp.Inputs :: mlp.Hidden)

    let private dense weight inputs outputs : Dense =
        { Inputs = inputs; Outputs = outputs; Weight = weight; Bias = Initialiser.Constant 0.0 }

    /// Hidden layers of the deepest network.
    [<Literal>]
    let DeepestNetwork = 1024

    /// The network's parameters. Fails where it has more than `DeepestNetwork` hidden layers.
    let layout (mlp: Mlp) =
        if mlp.Hidden.Length > DeepestNetwork then
            Rl.Core.Foundations.Guard.fail
                "Hidden"
                $"Hidden has {mlp.Hidden.Length} layers; it must have at most {DeepestNetwork}."

        let hidden =
            widths mlp
            |> List.mapi (fun index (inputs, outputs) ->
                let layer = Dense.layout (dense mlp.HiddenWeight inputs outputs)

                if mlp.LayerNormalisation then
                    Layout.append layer (LayerNormalisation.layout outputs |> Layout.under "normalisation")
                else
                    layer
                |> Layout.under (string index))

        let output = dense mlp.OutputWeight (List.last (mlp.Inputs :: mlp.Hidden)) mlp.Outputs
        Layout.concat (hidden @ [ Dense.layout output |> Layout.under "output" ])

    /// x [..., inputs] to the last hidden layer h [..., width]; x itself if there is none.
    let hidden (mlp: Mlp) (parameters: Parameters) (x: Expr) : Expr =
        let hidden (x: Expr) index =
            let layer = Parameters.at (string index) parameters
            let y = Dense.apply layer x

            let y =
                if mlp.LayerNormalisation then
                    LayerNormalisation.apply LayerNormalisation.defaultEpsilon (Parameters.at "normalisation" layer) y
                else
                    y

            Activation.apply mlp.Activation y

        List.fold hidden x [ 0 .. mlp.Hidden.Length - 1 ]

    /// The last hidden layer h [..., width] to y [..., outputs].
    let output (mlp: Mlp) (parameters: Parameters) (h: Expr) : Expr =
        h |> Dense.apply (Parameters.at "output" parameters) |> Activation.apply mlp.OutputActivation

    /// x [..., inputs] to y [..., outputs].
    let apply (mlp: Mlp) (parameters: Parameters) (x: Expr) : Expr = hidden mlp parameters x |> output mlp parameters
