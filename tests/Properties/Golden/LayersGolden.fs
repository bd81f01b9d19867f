/// The layers against PyTorch's outputs, input gradients and weight gradients.
module Rl.Tests.Golden.LayersGolden

open System.Text.RegularExpressions
open Rl.Core.Autodiff
open Rl.Core.Networks
open Rl.Tests.Autodiff
open Xunit

let private tensor (node: GoldenNode) =
    let array = node.AsArray
    Tensor.create array.Shape array.Values

/// [rows, columns] to [columns, rows]: PyTorch keeps weights as [outputs, inputs].
let private transposed (tensor: Tensor) =
    match tensor.Shape with
    | [| rows; columns |] -> Tensor.init [| columns; rows |] (fun i -> tensor[i % rows * columns + i / rows])
    | _ -> tensor

/// PyTorch's name of a parameter → ours.
let private recurrentNames =
    [
        "weight_ih_l0", "inputWeight"
        "weight_hh_l0", "hiddenWeight"
        "bias_ih_l0", "inputBias"
        "bias_hh_l0", "hiddenBias"
    ]

let private noteNumber (case: GoldenNode) (word: string) (otherwise: int) =
    match case.TryGet "note" with
    | None -> otherwise
    | Some _ ->
        let before = Regex.Match(case.Text "note", $@"(\d+) {word}")
        let after = Regex.Match(case.Text "note", $@"{word} (\d+)")

        if after.Success then int after.Groups[1].Value
        elif before.Success then int before.Groups[1].Value
        else otherwise

/// A case's layer: its layout, the names of its weights, and the outputs from parameters and inputs in PyTorch's
/// shapes.
let private layerOf (case: GoldenNode) : Layout * (string * string) list * (Parameters -> Expr list -> Expr list) =
    let weights = case["weights"]
    let weight (name: string) = weights.Shape name
    let kind = case.Text "layer"

    let recurrent cell =
        let shape = weight "weight_ih_l0"
        let hidden = (weight "weight_hh_l0")[1]
        let layer = Recurrent.torch cell shape[1] hidden

        let apply parameters (inputs: Expr list) =
            let states = inputs |> List.tail |> List.map (Expr.squeeze 0)
            let struct (y, last) = Recurrent.unroll layer parameters inputs.Head (Expr.concat -1 states)
            y :: (Heads.split (List.replicate states.Length hidden) last |> List.map (Expr.expandAxis 0))

        Recurrent.layout layer, recurrentNames, apply

    if kind = "Linear" then
        let shape = weight "weight"
        let same = [ "weight", "weight"; "bias", "bias" ]
        Dense.layout (Dense.torch shape[1] shape[0]), same, (fun p inputs -> [ Dense.apply p inputs.Head ])
    elif kind = "LSTM" then
        recurrent RecurrentCell.Lstm
    elif kind = "GRU" then
        recurrent RecurrentCell.Gru
    elif kind.Contains "RNN" then
        recurrent RecurrentCell.Tanh
    elif kind = "LayerNorm" then
        LayerNormalisation.layout (Shape.count (weight "weight")),
        [ "weight", "scale"; "bias", "shift" ],
        fun p inputs -> [ LayerNormalisation.apply LayerNormalisation.defaultEpsilon p inputs.Head ]
    elif kind = "Conv2d" then
        let shape = weight "weight"

        let layer =
            { ConvolutionLayer.create shape[1] shape[0] shape[2] (noteNumber case "stride" 1) with
                KernelWidth = shape[3]
                Padding = noteNumber case "padding" 0
            }

        ConvolutionLayer.layout layer,
        [ "weight", "weight"; "bias", "bias" ],
        fun p inputs -> [ ConvolutionLayer.apply layer p inputs.Head ]
    elif kind = "MultiheadAttention" then
        let layer = { Embedding = (weight "out_proj.weight")[0]; Heads = noteNumber case "heads" 1 }

        Attention.layout layer,
        [
            "in_proj_weight", "inputWeight"
            "in_proj_bias", "inputBias"
            "out_proj.weight", "outputWeight"
            "out_proj.bias", "outputBias"
        ],
        fun p inputs -> [ Attention.apply layer p None inputs.Head ]
    else
        failwith $"The layer {kind} is not known here."

let private verify tolerance (evaluator: Evaluator) =
    Golden.verify "layers" (fun case ->
        let layout, names, apply = layerOf case
        let weights = names |> List.map (fun (torch, ours) -> ours, transposed (tensor (case["weights"].[torch])))
        let theta = Expr.fresh (Expr.vector (Layout.pack layout weights))
        let inputs = [ for input in case["inputs"].Items -> Expr.fresh (Expr.constant (tensor input)) ]
        let outputs = apply (Parameters.create layout theta) inputs

        let close what (expected: Tensor) (actual: Tensor) =
            Assert.Equal<int[]>(expected.Shape, actual.Shape)
            Golden.close tolerance tolerance case what (expected.ToArray()) (actual.ToArray())

        let evaluate (roots: Expr[]) = evaluator Map.empty roots
        let values = evaluate (Array.ofList outputs)

        for index, expected in Seq.indexed case["outputs"].Items do
            close $"outputs[{index}]" (tensor expected) values[index]

        let cotangents = [ for item in case["cotangents"].Items -> Expr.constant (tensor item) ]
        let objective = List.map2 Expr.dot outputs cotangents |> List.reduce (+)
        let gradients = Diff.gradients objective (Array.ofList (theta :: inputs)) |> evaluate

        for index, expected in Seq.indexed case["input_gradients"].Items do
            close $"input_gradients[{index}]" (tensor expected) gradients[index + 1]

        for torch, ours in names do
            let actual = Layout.read ours layout (gradients[0].ToArray())
            close $"weight_gradients/{torch}" (tensor (case["weight_gradients"].[torch])) (transposed actual))

[<Fact>]
let ``every layer has PyTorch's outputs and gradients, by the reference evaluator`` () = verify 1e-9 Evaluator.reference

[<Fact>]
let ``every layer has PyTorch's outputs and gradients, compiled at float64 for every width`` () =
    for _, evaluator in Evaluator.doubles do
        verify 1e-9 evaluator

[<Fact>]
let ``every layer has PyTorch's outputs and gradients to 1e-4, compiled at float32 for every width`` () =
    for _, evaluator in Evaluator.singles do
        verify 1e-4 evaluator
