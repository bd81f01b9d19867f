/// Expressions against PyTorch's values, gradients and Hessian-vector products, for any evaluator.
module Rl.Tests.Golden.AutodiffGolden

open System
open Rl.Core.Autodiff
open Rl.Tests.Autodiff
open Xunit

let private tensorOf (node: GoldenNode) =
    let array = node.AsArray
    Tensor.create array.Shape array.Values

/// Builds an expression from its prefix tree; `input` gives the expression of a named input.
let rec private build (input: string -> Expr) (node: GoldenNode) : Expr =
    match node.TryGet "input", node.TryGet "const" with
    | Some _, _ -> input (node.Text "input")
    | None, Some number -> Expr.constant (tensorOf number)
    | None, None ->
        let arguments = node["args"].Items |> List.map (build input)
        let parameter name = node.TryGet "params" |> Option.bind (fun parameters -> parameters.TryGet name)
        let number name = (parameter name).Value.AsFloat
        let whole name = int (number name)
        let wholes name = (parameter name).Value.AsArray.Values |> Array.map int
        let text = node.Text "op"
        let x = List.tryHead arguments
        let one f = f x.Value
        let two f = f arguments[0] arguments[1]

        let axes () =
            match parameter "axis" with
            | Some axis -> axis.AsArray.Values |> Array.map int
            | None -> Array.init x.Value.Rank id

        let kept =
            match parameter "keepdims" with
            | Some flag -> flag.AsFloat <> 0.0
            | None -> false

        let reduce keep drop = if kept then keep (axes ()) x.Value else drop (axes ()) x.Value

        match text with
        | "matmul" -> two Expr.matmul
        | "add" -> two (+)
        | "sub" -> two (-)
        | "mul" -> two (*)
        | "div" -> two (/)
        | "neg" -> one (~-)
        | "exp" -> one Expr.exp
        | "log" -> one Expr.log
        | "sqrt" -> one Expr.sqrt
        | "square" -> one Expr.square
        | "abs" -> one Expr.abs
        | "sin" -> one Expr.sin
        | "cos" -> one Expr.cos
        | "tanh" -> one Expr.tanh
        | "sigmoid" -> one Expr.sigmoid
        | "relu" -> one Expr.relu
        | "softplus" -> one Expr.softplus
        | "pow" -> one (Expr.pow (number "exponent"))
        | "sum" -> reduce Expr.sumKeep Expr.sumOver
        | "mean" -> reduce Expr.meanKeep Expr.meanOver
        | "max" -> reduce Expr.maxKeep Expr.maxOver
        | "min" -> reduce (fun axes x -> -(Expr.maxKeep axes (-x))) Expr.minOver
        | "logsumexp" ->
            if kept then
                one (Expr.logSumExpKeep (whole "axis"))
            else
                one (Expr.logSumExp (whole "axis"))
        | "softmax" -> one (Expr.softmax (whole "axis"))
        | "log_softmax" -> one (Expr.logSoftmax (whole "axis"))
        | "clamp" ->
            let bound name otherwise =
                match parameter name with
                | Some value -> value.AsFloat
                | None -> otherwise

            one (Expr.clamp (bound "min" -infinity) (bound "max" infinity))
        | "minimum" -> two Expr.minimum
        | "maximum" -> two Expr.maximum
        | "gather" -> one (Expr.gather (whole "axis") (Expr.constant (tensorOf (parameter "index").Value)))
        | "index_select" -> one (Expr.indexSelect (whole "axis") (Expr.constant (tensorOf (parameter "index").Value)))
        | "slice" -> one (Expr.slice (whole "axis") (whole "start") (whole "stop"))
        | "concat" -> Expr.concat (whole "axis") arguments
        | "stack" -> Expr.stack (whole "axis") arguments
        | "transpose" ->
            let rank = x.Value.Rank
            one (Expr.permute (wholes "axes" |> Array.map (fun axis -> if axis < 0 then axis + rank else axis)))
        | "reshape" -> one (Expr.reshape (wholes "shape"))
        | "broadcast_to" -> one (Expr.broadcastTo (wholes "shape"))
        | "where" -> two (Expr.select (Expr.constant (tensorOf (parameter "condition").Value)))
        | "conv2d" ->
            let y = Expr.convolve (whole "stride") (whole "padding") arguments[1] arguments[0]

            if arguments.Length > 2 then
                y + Expr.reshape [| arguments[2].Count; 1; 1 |] arguments[2]
            else
                y
        | "stop_gradient" -> one Expr.stopGradient
        | other -> failwith $"{node.Path}: the operation {other} is not known here."

/// Compares every case with what an evaluator makes of it, at the given absolute and relative tolerance.
let verify (absolute: float) (relative: float) (evaluator: Evaluator) =
    Golden.verify "autodiff" (fun case ->
        let inputs =
            [|
                for name, value in case["inputs"].Members ->
                    name, Tensor.reshape (case["input_shapes"].Ints name) (tensorOf value)
            |]

        let names = Array.map fst inputs
        let nodes = inputs |> Array.map (fun (name, value) -> Expr.input name value.Shape)
        let output = build (fun name -> nodes[Array.IndexOf(names, name)]) case["expression"]
        Assert.Equal<int[]>(case.Ints "output_shape", output.Shape)

        let close what (expected: float[]) (actual: Tensor) =
            Golden.close absolute relative case what expected (actual.ToArray())

        let evaluate = evaluator (Map.ofArray inputs)
        let cotangent = Expr.constant (Tensor.create output.Shape (case.Floats "cotangent"))
        let gradients = Diff.pullback output cotangent nodes
        let values = evaluate (Array.append [| output |] gradients)
        close "output" (case.Floats "output") values[0]

        for index in 0 .. names.Length - 1 do
            close $"gradients/{names[index]}" (case["gradients"].Floats names[index]) values[index + 1]

        match case.TryGet "hvp" with
        | None -> ()
        | Some products ->
            let directional =
                Array.map2
                    (fun (name: string) (gradient: Expr) ->
                        Tensor.create gradient.Shape (case["hvp_direction"].Floats name)
                        |> Expr.constant
                        |> Expr.dot gradient)
                    names
                    gradients
                |> Array.reduce (+)

            let second = evaluate (Diff.gradients directional nodes)

            for index in 0 .. names.Length - 1 do
                close $"hvp/{names[index]}" (products.Floats names[index]) second[index])

[<Fact>]
let ``values, gradients and Hessian-vector products are PyTorch's, by the reference evaluator`` () =
    verify 1e-10 1e-10 Evaluator.reference

[<Fact>]
let ``values, gradients and Hessian-vector products are PyTorch's, compiled at float64 for every width`` () =
    for _, evaluator in Evaluator.doubles do
        verify 1e-10 1e-10 evaluator

[<Fact>]
let ``values, gradients and Hessian-vector products are PyTorch's to 1e-4, compiled at float32 for every width`` () =
    for _, evaluator in Evaluator.singles do
        verify 1e-4 1e-4 evaluator
