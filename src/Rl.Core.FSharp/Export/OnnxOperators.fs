/// From expressions to ONNX operators, one operation at a time.
namespace Rl.Core.Export

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Kernels

/// The value of an expression in a graph. Where an axis has the length 1 and the expression's is longer, the value is
/// the same along it: operators on elements broadcast by themselves.
type internal OnnxValue =
    {
        Name: string
        Shape: OnnxLength[]
        /// Whether elements are true or false instead of 1 or 0.
        IsTruth: bool
    }

/// The number of rows is not known: expressions are built for two numbers, and lengths that grow with it are those of
/// rows.
[<RequireQualifiedAccess>]
module internal OnnxRows =

    /// Primes that no network's layer has as its width.
    let few, many = 1009, 1013

    let private refuse (reason: string) =
        raise (NotSupportedException $"This policy has no ONNX graph for any number of rows: {reason}.")

    let private length (few': int) (many': int) : OnnxLength =
        if few' = many' then
            OnnxLength.Fixed few'
        elif few' % few = 0 && int64 few' * int64 many = int64 many' * int64 few then
            OnnxLength.Rows(few' / few)
        else
            refuse $"a length is {few'} for {few} rows and {many'} for {many}"

    /// The nodes of both in the same order, arguments first, each with its shape.
    let pair (ofFew: Expr[]) (ofMany: Expr[]) : struct (Expr * OnnxLength[])[] =
        let one, other = Graph.topological ofFew, Graph.topological ofMany

        if one.Length <> other.Length then
            refuse $"it takes {one.Length} operations for {few} rows and {other.Length} for {many}"

        Array.map2
            (fun (a: Expr) (b: Expr) ->
                if a.Operation <> b.Operation || a.Rank <> b.Rank then
                    refuse $"an operation is {a} for {few} rows and {b} for {many}"

                struct (a, Array.map2 length a.Shape b.Shape))
            one
            other

/// Puts expressions into a graph: `values` are the inputs by their names, `fixedInputs` the inputs that are constants
/// of the graph, such as θ, and `nameOf` what a part of one from an offset on is called.
[<Sealed>]
type internal OnnxOperators
    (
        builder: OnnxBuilder,
        values: Map<string, OnnxValue>,
        fixedInputs: Map<string, Tensor>,
        nameOf: string -> int -> int -> string option
    ) =
    let known = Graph.table<OnnxValue>()
    let tensors = Graph.table<Tensor>()
    let fixedNodes = HashSet<Expr>(HashIdentity.Reference)
    let shapes = Graph.table<OnnxLength[]>()

    let refuse (operation: Operation) =
        raise (NotSupportedException $"The operation %A{operation} has no ONNX operator that all runtimes have.")

    let isRows length =
        match length with
        | OnnxLength.Rows _ -> true
        | OnnxLength.Fixed _ -> false

    let fixedLength length =
        match length with
        | OnnxLength.Fixed length -> length
        | OnnxLength.Rows _ -> raise (NotSupportedException "An operation works on the axis of the rows.")

    let number (value: OnnxValue) =
        if value.IsTruth then
            builder.Node("Cast", [ value.Name ], [ "to", OnnxAttribute.Integer 1L ])
        else
            value.Name

    let truth (value: OnnxValue) =
        if value.IsTruth then
            value.Name
        else
            builder.Node("Cast", [ value.Name ], [ "to", OnnxAttribute.Integer 9L ])

    let integer (value: OnnxValue) = builder.Node("Cast", [ number value ], [ "to", OnnxAttribute.Integer 7L ])

    let broadcast (shapes: OnnxLength[] list) : OnnxLength[] =
        shapes
        |> List.reduce (
            Array.map2 (fun a b ->
                match a, b with
                | OnnxLength.Fixed 1, b -> b
                | a, _ -> a)
        )

    // --- Constants --------------------------------------------------------------------------------------------------

    /// The value of an expression of constants alone.
    let rec tensorOf (node: Expr) : Tensor =
        match tensors.TryGetValue node with
        | true, tensor -> tensor
        | _ ->
            let tensor =
                match node.Operation with
                | Input name -> fixedInputs[name]
                | _ -> Reference.apply node (Array.map tensorOf node.Arguments)

            tensors[node] <- tensor
            tensor

    /// What a part of a fixed input is called.
    let rec nameOfPart (node: Expr) (count: int) =
        match node.Operation with
        | Input name -> nameOf name 0 count
        | Slice(0, start) ->
            match node.Arguments[0].Operation with
            | Input name -> nameOf name start count
            | _ -> None
        | Reshape -> nameOfPart node.Arguments[0] count
        | _ -> None

    let constant (node: Expr) : OnnxValue =
        let tensor = tensorOf node
        let numbers = OnnxNumbers.Float32(tensor.ToArray() |> Array.map float32)
        let wanted = nameOfPart node tensor.Count |> Option.defaultValue "constant"

        {
            Name = builder.Constant(wanted, tensor.Shape, numbers)
            Shape = Array.map OnnxLength.Fixed tensor.Shape
            IsTruth = false
        }

    let valueOf (node: Expr) : OnnxValue =
        match known.TryGetValue node with
        | true, value -> value
        | _ ->
            let value = constant node
            known[node] <- value
            value

    // --- Shapes -----------------------------------------------------------------------------------------------------

    /// The number of rows, a vector of one integer, times a factor.
    let rows (factor: int) =
        let first = (Seq.head values).Value

        let all =
            builder.Node(
                "Shape",
                [ first.Name ],
                [ "start", OnnxAttribute.Integer 0L; "end", OnnxAttribute.Integer 1L ]
            )

        if factor = 1 then
            all
        else
            builder.Node("Mul", [ all; builder.Integers [ factor ] ])

    /// A shape as a vector of integers.
    let lengths (shape: OnnxLength[]) =
        let parts =
            shape
            |> Array.map (fun length ->
                match length with
                | OnnxLength.Fixed length -> builder.Integers [ length ]
                | OnnxLength.Rows factor -> rows factor)

        if Array.exists isRows shape then
            builder.Node("Concat", List.ofArray parts, [ "axis", OnnxAttribute.Integer 0L ])
        else
            builder.Integers(Array.map fixedLength shape)

    /// A shape for Reshape, where one length may be what is left.
    let wanted (shape: OnnxLength[]) =
        if (Array.filter isRows shape).Length > 1 then
            lengths shape
        else
            builder.Integers(shape |> Array.map (fun length -> if isRows length then -1 else fixedLength length))

    /// The value with all lengths of the expression.
    let full (node: Expr) : OnnxValue =
        let value, shape = valueOf node, shapes[node]

        if value.Shape = shape then
            { value with Name = number value; IsTruth = false }
        else
            { Name = builder.Node("Expand", [ number value; lengths shape ]); Shape = shape; IsTruth = false }

    // --- Operations -------------------------------------------------------------------------------------------------

    let node operator inputs = builder.Node(operator, inputs)

    let unary operation (x: string) =
        let one () = builder.Number 1.0f

        match operation with
        | UnaryOperation.Negate -> node "Neg" [ x ]
        | UnaryOperation.Absolute -> node "Abs" [ x ]
        | UnaryOperation.Sign -> node "Sign" [ x ]
        | UnaryOperation.Floor -> node "Floor" [ x ]
        | UnaryOperation.Reciprocal -> node "Reciprocal" [ x ]
        | UnaryOperation.Square -> node "Mul" [ x; x ]
        | UnaryOperation.Sqrt -> node "Sqrt" [ x ]
        | UnaryOperation.Exp -> node "Exp" [ x ]
        | UnaryOperation.ExpMinusOne ->
            // tanh(x/2) (eˣ + 1), which is eˣ − 1 and keeps its digits near 0.
            let half = node "Tanh" [ node "Mul" [ x; builder.Number 0.5f ] ]
            node "Mul" [ half; node "Add" [ node "Exp" [ x ]; one () ] ]
        | UnaryOperation.Log -> node "Log" [ x ]
        | UnaryOperation.LogOnePlus ->
            // ln u · x / (u − 1) of u = 1 + x (Kahan), where u is neither 1 nor large.
            let u = node "Add" [ x; one () ]
            let logarithm = node "Log" [ u ]
            let kept = node "Mul" [ logarithm; node "Div" [ x; node "Sub" [ u; one () ] ] ]
            let orLarge = node "Where" [ node "Less" [ one (); x ]; logarithm; kept ]
            node "Where" [ node "Equal" [ u; one () ]; x; orLarge ]
        | UnaryOperation.Sin -> node "Sin" [ x ]
        | UnaryOperation.Cos -> node "Cos" [ x ]
        | UnaryOperation.Tanh -> node "Tanh" [ x ]
        | UnaryOperation.Sigmoid -> node "Sigmoid" [ x ]
        | UnaryOperation.Softplus -> node "Softplus" [ x ]
        | UnaryOperation.Erf -> node "Erf" [ x ]
        | UnaryOperation.Relu -> node "Relu" [ x ]
        | UnaryOperation.FlushToZero ->
            let isSmall = node "Less" [ node "Abs" [ x ]; builder.Number(float32 FlushToZero.Least) ]
            node "Where" [ isSmall; builder.Number 0.0f; x ]
        | _ -> refuse (Unary operation)

    let binary operation (a: string) (b: string) =
        match operation with
        | BinaryOperation.Add -> node "Add" [ a; b ]
        | BinaryOperation.Subtract -> node "Sub" [ a; b ]
        | BinaryOperation.Multiply -> node "Mul" [ a; b ]
        | BinaryOperation.Divide -> node "Div" [ a; b ]
        | BinaryOperation.Power -> node "Pow" [ a; b ]
        | BinaryOperation.Minimum -> node "Min" [ a; b ]
        | BinaryOperation.Maximum -> node "Max" [ a; b ]
        | BinaryOperation.Less -> node "Less" [ a; b ]
        | BinaryOperation.LessOrEqual -> node "LessOrEqual" [ a; b ]
        | BinaryOperation.Equal -> node "Equal" [ a; b ]
        | _ -> refuse (Binary operation)

    let isComparison operation =
        match operation with
        | BinaryOperation.Less
        | BinaryOperation.LessOrEqual
        | BinaryOperation.Equal -> true
        | _ -> false

    let sumOfProducts a b c = node "Add" [ node "Mul" [ a; b ]; c ]
    let difference a b c = node "Sub" [ c; node "Mul" [ a; b ] ]

    let ternary operation (a: OnnxValue) (b: OnnxValue) (c: OnnxValue) =
        match operation with
        | TernaryOperation.Select -> node "Where" [ truth a; number b; number c ]
        | TernaryOperation.MultiplyAdd -> sumOfProducts (number a) (number b) (number c)
        | TernaryOperation.NegativeMultiplyAdd -> difference (number a) (number b) (number c)
        | TernaryOperation.DivideByRoot -> node "Div" [ number a; node "Add" [ node "Sqrt" [ number b ]; number c ] ]
        | _ -> refuse (Ternary operation)

    let quaternary operation a b c d =
        match operation with
        | QuaternaryOperation.SumOfProducts -> sumOfProducts a b (node "Mul" [ c; d ])
        | QuaternaryOperation.SumWithSquare -> sumOfProducts a b (node "Mul" [ c; node "Mul" [ d; d ] ])
        | QuaternaryOperation.ScaledDifference -> node "Mul" [ difference a b c; d ]
        | _ -> refuse (Quaternary operation)

    let axesOf (axes: int[]) = OnnxAttribute.Integers(Array.map int64 axes)
    let kept = "keepdims", OnnxAttribute.Integer 1L

    /// A factor of a product of matrices: the last two axes in full; products broadcast those before.
    let factor isTransposed (x: Expr) : OnnxValue =
        let value, shape = valueOf x, shapes[x]
        let value = if value.Shape[x.Rank - 2 ..] = shape[x.Rank - 2 ..] then value else full x

        if isTransposed then
            let order = Array.init x.Rank int64
            order[x.Rank - 1] <- int64 (x.Rank - 2)
            order[x.Rank - 2] <- int64 (x.Rank - 1)
            let swapped = builder.Node("Transpose", [ number value ], [ "perm", OnnxAttribute.Integers order ])
            { value with Name = swapped; IsTruth = false }
        else
            value

    let product transposeA transposeB (expr: Expr) (shape: OnnxLength[]) : OnnxValue =
        let a = factor transposeA expr.Arguments[0]
        let b = factor transposeB expr.Arguments[1]
        let leading (value: OnnxValue) = value.Shape[.. expr.Rank - 3]

        {
            Name = node "MatMul" [ number a; number b ]
            Shape = Array.append (broadcast [ leading a; leading b ]) shape[expr.Rank - 2 ..]
            IsTruth = false
        }

    let convolution stride padding (inputs: Expr[]) =
        builder.Node(
            "Conv",
            [ for input in inputs -> (full input).Name ],
            [
                "strides", OnnxAttribute.Integers(Array.create 2 (int64 stride))
                "pads", OnnxAttribute.Integers(Array.create 4 (int64 padding))
            ]
        )

    /// An operation whose value has all lengths of the expression.
    let whole (expr: Expr) (shape: OnnxLength[]) : string =
        let arguments = expr.Arguments
        let first () = (full arguments[0]).Name

        match expr.Operation with
        | Reshape -> node "Reshape" [ first (); wanted shape ]
        | Transpose order -> builder.Node("Transpose", [ first () ], [ "perm", axesOf order ])
        | Slice(axis, start) ->
            let stop = start + fixedLength shape[axis]
            node "Slice" [ first (); builder.Integers [ start ]; builder.Integers [ stop ]; builder.Integers [ axis ] ]
        | Pad(axis, before, after) ->
            let pads = Array.zeroCreate (2 * expr.Rank)
            pads[axis] <- before
            pads[expr.Rank + axis] <- after
            node "Pad" [ first (); builder.Integers pads ]
        | Concat axis ->
            builder.Node(
                "Concat",
                [ for argument in arguments -> (full argument).Name ],
                [ "axis", OnnxAttribute.Integer(int64 axis) ]
            )
        | Gather axis ->
            builder.Node(
                "GatherElements",
                [ first (); integer (full arguments[1]) ],
                [ "axis", OnnxAttribute.Integer(int64 axis) ]
            )
        | Reduce(ReduceOperation.Sum, axes) -> builder.Node("ReduceSum", [ first (); builder.Integers axes ], [ kept ])
        | Reduce(ReduceOperation.Maximum, axes) ->
            builder.Node("ReduceMax", [ first () ], [ "axes", axesOf axes; kept ])
        | SumOfSquares ->
            builder.Node("ReduceSumSquare", [ first () ], [ "axes", axesOf [| 0 .. expr.Rank - 1 |]; kept ])
        | ArgMax axis ->
            let index = builder.Node("ArgMax", [ first () ], [ "axis", OnnxAttribute.Integer(int64 axis); kept ])
            builder.Node("Cast", [ index ], [ "to", OnnxAttribute.Integer 1L ])
        | Convolve(stride, padding)
        | ConvolveBias(stride, padding) -> convolution stride padding arguments
        | operation -> refuse operation

    let translate (expr: Expr) (shape: OnnxLength[]) : OnnxValue =
        let arguments () = expr.Arguments |> Array.map valueOf |> List.ofArray

        let elements (values: OnnxValue list) isTruth name =
            { Name = name; Shape = values |> List.map _.Shape |> broadcast; IsTruth = isTruth }

        match expr.Operation with
        | Input name -> values[name]
        | Identity
        | StopGradient
        | Lane _
        | Broadcast -> valueOf expr.Arguments[0]
        | Reshape when (valueOf expr.Arguments[0]).Shape = shape -> valueOf expr.Arguments[0]
        | Unary operation ->
            let values = arguments ()
            unary operation (number values.Head) |> elements values false
        | Binary operation ->
            let values = arguments ()
            binary operation (number values[0]) (number values[1]) |> elements values (isComparison operation)
        | Ternary operation ->
            let values = arguments ()
            ternary operation values[0] values[1] values[2] |> elements values false
        | Quaternary operation ->
            let values = arguments ()
            let names = List.map number values
            quaternary operation names[0] names[1] names[2] names[3] |> elements values false
        | MatMul(transposeA, transposeB) -> product transposeA transposeB expr shape
        | MatMulBias(transposeA, transposeB) ->
            let product = product transposeA transposeB expr shape
            { product with Name = node "Add" [ product.Name; (full expr.Arguments[2]).Name ] }
        | _ -> { Name = whole expr shape; Shape = shape; IsTruth = false }

    /// Puts the expressions, built for both numbers of rows, into the graph: their values.
    member _.Add(ofFew: Expr[], ofMany: Expr[]) : OnnxValue[] =
        for struct (node, shape) in OnnxRows.pair ofFew ofMany do
            shapes[node] <- shape

            let isFixed =
                match node.Operation with
                | Input name -> fixedInputs.ContainsKey name
                | _ -> Array.forall fixedNodes.Contains node.Arguments

            if isFixed then fixedNodes.Add node |> ignore
            // What is constant is computed here, unless it grows with the rows.
            if not isFixed || Array.exists isRows shape || node.Operation.IsBroadcast then
                known[node] <- translate node shape

        ofFew |> Array.map full
