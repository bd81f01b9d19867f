/// What ONNX's operators mean, in the most direct way, with the types that they ask for: graphs are tested against it.
namespace Rl.Tests.Export

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Export

/// Numbers of a type; truths are 1 and 0.
type OnnxNumber = { Type: OnnxType; Tensor: Tensor }

[<RequireQualifiedAccess>]
module OnnxInterpreter =

    let private integers (value: OnnxNumber) =
        if value.Type <> OnnxType.Int64 then
            failwith $"Integers are needed; these are {value.Type}."

        value.Tensor.ToArray() |> Array.map int

    let private expr (value: OnnxNumber) = Expr.constant value.Tensor

    /// What a setting of a node holds.
    let private setting (node: OnnxNode) name =
        node.Attributes |> List.tryFind (fun (known, _) -> known = name) |> Option.map snd

    let private integer (node: OnnxNode) name =
        match setting node name with
        | Some(OnnxAttribute.Integer value) -> int value
        | other -> failwith $"{node.Operator} has {name} = {other}."

    let private several (node: OnnxNode) name =
        match setting node name with
        | Some(OnnxAttribute.Integers values) -> Array.map int values
        | other -> failwith $"{node.Operator} has {name} = {other}."

    let private cast (target: int) (value: OnnxNumber) : OnnxNumber =
        match target with
        | 1 -> { Type = OnnxType.Float32; Tensor = value.Tensor }
        | 7 -> { Type = OnnxType.Int64; Tensor = Tensor.map Math.Truncate value.Tensor }
        | 9 ->
            {
                Type = OnnxType.Bool
                Tensor = value.Tensor |> Tensor.map (fun x -> if x <> 0.0 then 1.0 else 0.0)
            }
        | other -> failwith $"There is no type {other} here."

    /// The shape that Reshape makes: −1 stands for what is left.
    let private reshaped (shape: int[]) (x: Tensor) =
        let rest = shape |> Array.filter (fun length -> length <> -1) |> Array.fold (*) 1
        Tensor.reshape (shape |> Array.map (fun length -> if length = -1 then x.Count / rest else length)) x

    let private evaluate (node: OnnxNode) (inputs: OnnxNumber list) : OnnxNumber =
        let arguments = List.map expr inputs

        let require condition =
            if not condition then
                failwith $"{node.Operator} does not take {inputs |> List.map _.Type}."

        let allOf kind = inputs |> List.forall (fun input -> input.Type = kind)
        let give kind (value: Expr) = { Type = kind; Tensor = Reference.evaluate value }

        /// Of numbers alone.
        let number (f: Expr list -> Expr) =
            require (allOf OnnxType.Float32)
            f arguments |> give OnnxType.Float32

        let elements (f: Expr -> Expr) = number (fun arguments -> f arguments.Head)
        let pairs (f: Expr -> Expr -> Expr) = number (fun arguments -> f arguments[0] arguments[1])

        /// Of numbers or of integers.
        let arithmetic (f: Expr -> Expr -> Expr) =
            require (allOf OnnxType.Float32 || allOf OnnxType.Int64)
            f arguments[0] arguments[1] |> give inputs.Head.Type

        let comparison (f: Expr -> Expr -> Expr) =
            require (allOf OnnxType.Float32)
            f arguments[0] arguments[1] |> give OnnxType.Bool

        /// Of a first argument of any type, by others that are integers.
        let moved (f: Expr -> int[] list -> Expr) =
            f arguments.Head (List.map integers inputs.Tail) |> give inputs.Head.Type

        match node.Operator with
        | "Identity" -> inputs.Head
        | "Cast" -> cast (integer node "to") inputs.Head
        | "Neg" -> elements (~-)
        | "Abs" -> elements Expr.abs
        | "Sign" -> elements Expr.sign
        | "Floor" -> elements Expr.floor
        | "Reciprocal" -> elements Expr.reciprocal
        | "Sqrt" -> elements Expr.sqrt
        | "Exp" -> elements Expr.exp
        | "Log" -> elements Expr.log
        | "Sin" -> elements Expr.sin
        | "Cos" -> elements Expr.cos
        | "Tanh" -> elements Expr.tanh
        | "Sigmoid" -> elements Expr.sigmoid
        | "Softplus" -> elements Expr.softplus
        | "Erf" -> elements Expr.erf
        | "Relu" -> elements Expr.relu
        | "Add" -> arithmetic (+)
        | "Sub" -> arithmetic (-)
        | "Mul" -> arithmetic (*)
        | "Div" -> pairs (/)
        | "Pow" -> pairs Expr.power
        | "Min" -> pairs Expr.minimum
        | "Max" -> pairs Expr.maximum
        | "Less" -> comparison Expr.less
        | "LessOrEqual" -> comparison Expr.lessOrEqual
        | "Equal" -> comparison Expr.equal
        | "Where" ->
            require (inputs.Head.Type = OnnxType.Bool && inputs[1].Type = inputs[2].Type)
            Expr.select arguments[0] arguments[1] arguments[2] |> give inputs[1].Type
        | "MatMul" -> pairs Expr.matmul
        | "Conv" ->
            let strides, pads = several node "strides", several node "pads"
            require (allOf OnnxType.Float32 && strides[0] = strides[1] && pads = Array.create 4 pads[0])
            let y = Expr.convolve strides[0] pads[0] arguments[1] arguments[0]

            (if arguments.Length > 2 then y + Expr.reshape [| -1; 1; 1 |] arguments[2] else y)
            |> give OnnxType.Float32
        | "Reshape" -> { inputs.Head with Tensor = reshaped (integers inputs[1]) inputs.Head.Tensor }
        | "Expand" -> moved (fun x rest -> Expr.broadcastTo (Shape.broadcast "Expand" x.Shape rest.Head) x)
        | "Transpose" -> moved (fun x _ -> Expr.permute (several node "perm") x)
        | "Slice" -> moved (fun x rest -> Expr.slice rest[2].[0] rest[0].[0] rest[1].[0] x)
        | "Pad" ->
            moved (fun x rest ->
                let pads = rest.Head

                [ 0 .. x.Rank - 1 ] |> List.fold (fun x axis -> Expr.pad axis pads[axis] pads[x.Rank + axis] x) x)
        | "Concat" ->
            require (inputs |> List.forall (fun input -> input.Type = inputs.Head.Type))
            Expr.concat (integer node "axis") arguments |> give inputs.Head.Type
        | "GatherElements" ->
            require (inputs[1].Type = OnnxType.Int64)
            Expr.gather (integer node "axis") arguments[1] arguments[0] |> give inputs.Head.Type
        | "ReduceSum" ->
            require (integer node "keepdims" = 1)
            moved (fun x rest -> Expr.sumKeep rest.Head x)
        | "ReduceMax" ->
            require (integer node "keepdims" = 1)
            elements (Expr.maxKeep (several node "axes"))
        | "ReduceSumSquare" ->
            require (integer node "keepdims" = 1)
            elements (Expr.square >> Expr.sumKeep (several node "axes"))
        | "ArgMax" ->
            require (allOf OnnxType.Float32 && integer node "keepdims" = 1)
            let axis = integer node "axis"
            arguments.Head |> Expr.argMax axis |> Expr.expandAxis axis |> give OnnxType.Int64
        | "Shape" ->
            let shape = inputs.Head.Tensor.Shape[integer node "start" .. integer node "end" - 1]
            { Type = OnnxType.Int64; Tensor = Tensor.vector (Array.map float shape) }
        | other -> failwith $"{other} is no operator that is known here."

    let private constant (constant: OnnxConstant) : OnnxNumber =
        match constant.Numbers with
        | OnnxNumbers.Float32 values ->
            { Type = OnnxType.Float32; Tensor = Tensor.create constant.Shape (Array.map float values) }
        | OnnxNumbers.Int64 values ->
            { Type = OnnxType.Int64; Tensor = Tensor.create constant.Shape (Array.map float values) }

    /// The values that a graph's nodes give, besides those of its inputs and constants, by name.
    let run (constants: OnnxConstant list) (nodes: OnnxNode list) (inputs: Map<string, OnnxNumber>) =
        let known = Dictionary<string, OnnxNumber>(inputs)

        for value in constants do
            known.Add(value.Name, constant value)

        for node in nodes do
            known.Add(node.Output, evaluate node (node.Inputs |> List.map (fun name -> known[name])))

        known
