/// The multilayer perceptron.
namespace Rl.Core.Networks

open Rl.Core.Autodiff

/// Where a perceptron's normalisations over batches stand.
[<RequireQualifiedAccess>]
type NormalisationPlace =
    /// Before each dense layer, the first and the last too (Bhatt et al. 2024).
    | Inputs
    /// Before the first dense layer, and between the weights of each hidden one, which has no biases then, and its
    /// activation (Palenicek et al. 2025).
    | Hidden

/// Dense layers with an activation after each hidden one:
/// h₀ = x, hᵢ = σ(hᵢ₋₁ Wᵢ + bᵢ), y = σₒ(h W + b).
type Mlp =
    {
        Inputs: int
        /// Layers of a user's own before the first, under "graph"; the dense ones among them are treated as hidden
        /// layers are, and the convolutions are normalised where hidden layers are.
        Graph: LayerGraph option
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
        /// Normalise over the rows of a batch in training, by running statistics when acting. The settings; each layer
        /// has its own features.
        BatchNormalisation: BatchRenormalisation option
        /// Where that is done.
        NormalisationPlace: NormalisationPlace
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

/// Hidden layers are named "0", "1", …, those of a user's own lie under "graph", the last layer "output";
/// normalisations are "0/normalisation", …, those over batches of what layers take "0/inputs", …, "output/inputs", of
/// what hidden weights give "0/outputs", ….
[<RequireQualifiedAccess>]
module Mlp =

    /// Orthogonal starts: gain √2 in hidden layers (with tanh), `outputGain` in the last; biases 0 (Andrychowicz et al.
    /// 2021, "What matters for on-policy deep actor-critic methods?").
    let create (outputGain: float) (inputs: int) (hidden: int list) (outputs: int) =
        {
            Inputs = inputs
            Graph = None
            Hidden = hidden
            Outputs = outputs
            Activation = Activation.Tanh
            OutputActivation = Activation.Identity
            HiddenWeight = Initialiser.Orthogonal Initialiser.rootTwo
            OutputWeight = Initialiser.Orthogonal outputGain
            LayerNormalisation = false
            BatchNormalisation = None
            NormalisationPlace = NormalisationPlace.Inputs
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

    /// What the first dense layer takes.
    let private first (mlp: Mlp) =
        match mlp.Graph with
        | Some graph -> LayerGraph.outputs graph
        | None -> mlp.Inputs

    let private pairs (mlp: Mlp) = List.pairwise (first mlp :: mlp.Hidden)

    /// The widths of the hidden layers by their numbers: the dense ones of the graph, then those of `Hidden`.
    let widths (mlp: Mlp) : int list =
        (mlp.Graph |> Option.map LayerGraph.widths |> Option.defaultValue []) @ mlp.Hidden

    /// Whether some of what the first of the own layers takes has been through no dense layer.
    let private isRaw (mlp: Mlp) = mlp.Graph |> Option.forall LayerGraph.isRaw

    /// The width of the last hidden layer.
    let features (mlp: Mlp) : int = List.last (first mlp :: mlp.Hidden)

    let private dense weight inputs outputs : Dense =
        { Inputs = inputs; Outputs = outputs; Weight = weight; Bias = Initialiser.Constant 0.0 }

    /// Hidden layers of the deepest network.
    [<Literal>]
    let DeepestNetwork = 1024

    /// What normalises so many features over batches.
    let private over (mlp: Mlp) (features: int) : BatchRenormalisation option =
        mlp.BatchNormalisation |> Option.map (fun layer -> { layer with Features = features })

    /// Whether what a dense layer takes is normalised.
    let private isBefore (mlp: Mlp) (isFirst: bool) =
        mlp.BatchNormalisation.IsSome && (isFirst || mlp.NormalisationPlace.IsInputs)

    /// Whether what the weights of hidden layers give is.
    let private isWithin (mlp: Mlp) = mlp.BatchNormalisation.IsSome && mlp.NormalisationPlace.IsHidden

    /// The normalisations over batches of a layer, each under its name.
    let private batchwise (mlp: Mlp) isFirst isHidden inputs outputs (part: BatchRenormalisation -> Layout) : Layout =
        let named name features = over mlp features |> Option.map (part >> Layout.under name) |> Option.toList

        Layout.concat
            [
                if isBefore mlp isFirst then yield! named "inputs" inputs
                if isHidden && isWithin mlp then yield! named "outputs" outputs
            ]

    /// Each layer's part: its name, whether it is the first, whether it is hidden, inputs and outputs.
    let private layers (mlp: Mlp) part : Layout =
        let isRaw = isRaw mlp

        let hidden =
            pairs mlp
            |> List.mapi (fun index (inputs, outputs) -> part (string index) (isRaw && index = 0) true inputs outputs)

        Layout.concat (hidden @ [ part "output" (isRaw && mlp.Hidden.IsEmpty) false (features mlp) mlp.Outputs ])

    /// What is learned in a hidden layer.
    let private hiddenLayout (mlp: Mlp) isFirst (dense: Dense) : Layout =
        Layout.concat
            [
                // A shift of normalised features is their bias.
                if isWithin mlp then Dense.weights dense else Dense.layout dense
                if mlp.LayerNormalisation then
                    LayerNormalisation.layout dense.Outputs |> Layout.under "normalisation"
                batchwise mlp isFirst true dense.Inputs dense.Outputs BatchRenormalisation.layout
            ]

    /// What is learned in a convolution.
    let private convolutionLayout (mlp: Mlp) (layer: ConvolutionLayer) : Layout =
        let own = ConvolutionLayer.layout layer

        if mlp.LayerNormalisation then
            Layout.append own (Layout.under "normalisation" (LayerNormalisation.layout layer.OutputChannels))
        else
            own

    /// Parts of the layers of the graph, under its name.
    let private graphLayout (mlp: Mlp) (treatment: LayerTreatment) : Layout =
        match mlp.Graph with
        | Some graph -> LayerGraph.layoutOf treatment graph |> Layout.under "graph"
        | None -> Layout.empty

    /// What is learned. Fails where it has more than `DeepestNetwork` hidden layers.
    let weights (mlp: Mlp) : Layout =
        if mlp.Hidden.Length > DeepestNetwork then
            Rl.Core.Foundations.Guard.fail
                "Hidden"
                $"Hidden has {mlp.Hidden.Length} layers; it must have at most {DeepestNetwork}."

        layers mlp (fun name isFirst isHidden inputs outputs ->
            if isHidden then
                hiddenLayout mlp isFirst (dense mlp.HiddenWeight inputs outputs)
            else
                let own = batchwise mlp isFirst false inputs outputs BatchRenormalisation.layout
                Layout.append (Dense.layout (dense mlp.OutputWeight inputs outputs)) own
            |> Layout.under name)
        |> Layout.append (
            graphLayout
                mlp
                { LayerTreatment.plain with
                    DenseLayout = fun place -> hiddenLayout mlp place.IsFirst
                    ConvolutionLayout = convolutionLayout mlp
                }
        )

    /// What normalisations over batches carry; nothing without them.
    let statistics (mlp: Mlp) : Layout =
        let own isFirst isHidden inputs outputs =
            batchwise mlp isFirst isHidden inputs outputs BatchRenormalisation.statistics

        layers mlp (fun name isFirst isHidden inputs outputs ->
            own isFirst isHidden inputs outputs |> Layout.under name)
        |> Layout.append (
            graphLayout
                mlp
                { LayerTreatment.plain with
                    DenseLayout = fun place layer -> own place.IsFirst true layer.Inputs layer.Outputs
                    ConvolutionLayout = fun _ -> Layout.empty
                    NormalisationLayout = fun _ -> Layout.empty
                }
        )

    /// The network's parameters: `weights`, then `statistics`.
    let layout (mlp: Mlp) : Layout =
        if mlp.BatchNormalisation.IsSome then
            Layout.append (weights mlp) (statistics mlp)
        else
            weights mlp

    let private layerNormalised (mlp: Mlp) normalise (layer: Parameters) (y: Expr) : Expr =
        if mlp.LayerNormalisation then
            normalise LayerNormalisation.defaultEpsilon (Parameters.at "normalisation" layer) y
        else
            y

    /// x through one hidden layer.
    let private hiddenLayer normalise between (mlp: Mlp) (place: DensePlace) activation (layer: Parameters) (x: Expr) =
        let own name x = normalise (Parameters.at name layer) x
        let x = if isBefore mlp place.IsFirst then own "inputs" x else x

        if isWithin mlp then
            Dense.linear layer x |> between place.Number |> own "outputs"
        else
            Dense.apply layer x |> between place.Number
        |> layerNormalised mlp LayerNormalisation.apply layer
        |> Activation.apply activation

    let private convolved (mlp: Mlp) (convolution: ConvolutionLayer) activation (layer: Parameters) (x: Expr) =
        ConvolutionLayer.apply convolution layer x
        |> layerNormalised mlp LayerNormalisation.applyToChannels layer
        |> Activation.apply activation

    /// x to the last hidden layer; `normalise` gets a normalisation's parameters with what it takes, `between` the
    /// number of a hidden layer with what follows its weights.
    let private hiddenBy normalise (between: int -> Expr -> Expr) (mlp: Mlp) (parameters: Parameters) (x: Expr) : Expr =
        let hidden = hiddenLayer normalise between mlp

        let x =
            match mlp.Graph with
            | Some graph ->
                let treatment = { LayerTreatment.plain with Dense = hidden; Convolution = convolved mlp }
                LayerGraph.applyOf treatment graph (Parameters.at "graph" parameters) x
            | None -> x

        let isRaw, before = isRaw mlp, (widths mlp).Length - mlp.Hidden.Length

        let through (x: Expr) index =
            let place = { Number = before + index; IsFirst = isRaw && index = 0 }
            hidden place mlp.Activation (Parameters.at (string index) parameters) x

        List.fold through x [ 0 .. mlp.Hidden.Length - 1 ]

    let private outputBy normalise (mlp: Mlp) (parameters: Parameters) (h: Expr) : Expr =
        let layer = Parameters.at "output" parameters

        let h =
            if isBefore mlp (mlp.Hidden.IsEmpty && isRaw mlp) then
                normalise (Parameters.at "inputs" layer) h
            else
                h

        Dense.apply layer h |> Activation.apply mlp.OutputActivation

    /// Normalisation over batches when acting.
    let private acting (mlp: Mlp) (own: Parameters) (x: Expr) : Expr =
        match over mlp x.Shape[x.Rank - 1] with
        | Some normalisation -> BatchRenormalisation.apply normalisation own (BatchRenormalisation.ofBlocks own) x
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

        let normalise (own: Parameters) (x: Expr) =
            match over mlp x.Shape[x.Rank - 1] with
            | Some normalisation ->
                let struct (y, next) =
                    BatchRenormalisation.train normalisation own (BatchRenormalisation.ofBlocks own) x

                after.Add(BatchRenormalisation.toVector next)
                y
            | None -> x

        let h = hiddenBy normalise between mlp parameters x
        let y = outputBy normalise mlp parameters h

        { Hidden = h; Output = y; Statistics = if after.Count = 0 then None else Some(Expr.concat 0 after) }
