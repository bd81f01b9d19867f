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
        /// Normalise what each dense layer takes, the first and the last too: over the rows of a batch in training, by
        /// running statistics when acting. The settings; each layer has its own features.
        BatchNormalisation: BatchRenormalisation option
    }

/// A perceptron's outputs in training.
type TrainedMlp =
    {
        /// The last hidden layer [rows, width].
        Hidden: Expr
        /// [rows, outputs].
        Output: Expr
        /// The numbers of `Mlp.statistics` after the batch; none without normalisation over batches.
        Statistics: Expr option
    }

/// Hidden layers are named "0", "1", …, the last layer "output"; normalisations are "0/normalisation", …, those of what
/// layers take "0/inputs", …, "output/inputs".
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
            BatchNormalisation = None
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

    /// What normalises the inputs of a layer.
    let private onInputs (mlp: Mlp) (features: int) : BatchRenormalisation option =
        mlp.BatchNormalisation |> Option.map (fun layer -> { layer with Features = features })

    /// What is learned. Fails where it has more than `DeepestNetwork` hidden layers.
    let weights (mlp: Mlp) : Layout =
        if mlp.Hidden.Length > DeepestNetwork then
            Rl.Core.Foundations.Guard.fail
                "Hidden"
                $"Hidden has {mlp.Hidden.Length} layers; it must have at most {DeepestNetwork}."

        let layer isHidden weight (name: string) inputs outputs =
            Layout.concat
                [
                    Dense.layout (dense weight inputs outputs)
                    if isHidden && mlp.LayerNormalisation then
                        LayerNormalisation.layout outputs |> Layout.under "normalisation"
                    match onInputs mlp inputs with
                    | Some normalisation -> BatchRenormalisation.layout normalisation |> Layout.under "inputs"
                    | None -> ()
                ]
            |> Layout.under name

        let hidden =
            widths mlp
            |> List.mapi (fun index (inputs, outputs) -> layer true mlp.HiddenWeight (string index) inputs outputs)

        let last = layer false mlp.OutputWeight "output" (List.last (mlp.Inputs :: mlp.Hidden)) mlp.Outputs
        Layout.concat (hidden @ [ last ])

    /// What normalisations over batches carry; nothing without them.
    let statistics (mlp: Mlp) : Layout =
        let names = [ for index in 0 .. mlp.Hidden.Length - 1 -> string index ] @ [ "output" ]

        List.zip names (mlp.Inputs :: mlp.Hidden)
        |> List.choose (fun (name, inputs) ->
            onInputs mlp inputs
            |> Option.map (fun layer -> BatchRenormalisation.statistics layer |> Layout.under $"{name}/inputs"))
        |> Layout.concat

    /// The network's parameters: `weights`, then `statistics`.
    let layout (mlp: Mlp) : Layout = Layout.append (weights mlp) (statistics mlp)

    /// x to the last hidden layer; `inputs` gets a layer's parameters with what it takes, `between` the number of a
    /// hidden layer with what follows its weights.
    let private hiddenBy inputs (between: int -> Expr -> Expr) (mlp: Mlp) (parameters: Parameters) (x: Expr) : Expr =
        let hidden (x: Expr) index =
            let layer = Parameters.at (string index) parameters
            let y = inputs layer x |> Dense.apply layer |> between index

            let y =
                if mlp.LayerNormalisation then
                    LayerNormalisation.apply LayerNormalisation.defaultEpsilon (Parameters.at "normalisation" layer) y
                else
                    y

            Activation.apply mlp.Activation y

        List.fold hidden x [ 0 .. mlp.Hidden.Length - 1 ]

    let private outputBy inputs (mlp: Mlp) (parameters: Parameters) (h: Expr) : Expr =
        let layer = Parameters.at "output" parameters
        inputs layer h |> Dense.apply layer |> Activation.apply mlp.OutputActivation

    /// What a layer takes, when acting.
    let private acting (mlp: Mlp) (layer: Parameters) (x: Expr) : Expr =
        match onInputs mlp x.Shape[x.Rank - 1] with
        | Some normalisation ->
            let own = Parameters.at "inputs" layer
            BatchRenormalisation.apply normalisation own (BatchRenormalisation.ofBlocks own) x
        | None -> x

    /// x [..., inputs] to the last hidden layer h [..., width]; x itself if there is none.
    let hidden (mlp: Mlp) (parameters: Parameters) (x: Expr) : Expr =
        hiddenBy (acting mlp) (fun _ y -> y) mlp parameters x

    /// The last hidden layer h [..., width] to y [..., outputs].
    let output (mlp: Mlp) (parameters: Parameters) (h: Expr) : Expr = outputBy (acting mlp) mlp parameters h

    /// x [..., inputs] to y [..., outputs].
    let apply (mlp: Mlp) (parameters: Parameters) (x: Expr) : Expr = hidden mlp parameters x |> output mlp parameters

    /// x [rows, inputs] in training: batches are normalised by their own statistics, and `between` gets the number of a
    /// hidden layer with what follows its weights, before its normalisation, for dropout.
    let train (between: int -> Expr -> Expr) (mlp: Mlp) (parameters: Parameters) (x: Expr) : TrainedMlp =
        let after = ResizeArray<Expr>()

        let inputs (layer: Parameters) (x: Expr) =
            match onInputs mlp x.Shape[x.Rank - 1] with
            | Some normalisation ->
                let own = Parameters.at "inputs" layer

                let struct (y, next) =
                    BatchRenormalisation.train normalisation own (BatchRenormalisation.ofBlocks own) x

                after.Add(BatchRenormalisation.toVector next)
                y
            | None -> x

        let h = hiddenBy inputs between mlp parameters x
        let y = outputBy inputs mlp parameters h

        { Hidden = h; Output = y; Statistics = if after.Count = 0 then None else Some(Expr.concat 0 after) }
