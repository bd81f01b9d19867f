/// What each operation means: a plain float64 evaluator, one loop an operation, that compiled programs are tested
/// against.
namespace Rl.Core.Autodiff

open System
open System.Collections.Generic
open MathNet.Numerics
open Rl.Core.Foundations
open Rl.Core.Kernels

/// Evaluates expressions one node at a time, in the most direct way.
[<RequireQualifiedAccess>]
module Reference =

    /// ψ′(x), x > 0: recurrence to x ≥ 20, then the asymptotic series (Abramowitz and Stegun 6.4.12).
    let private trigamma (x: float) =
        let mutable x = x
        let mutable total = 0.0

        while x < 20.0 do
            total <- total + 1.0 / (x * x)
            x <- x + 1.0

        let z = 1.0 / (x * x)

        total
        + 1.0 / x
        + z / 2.0
        + z / x * (1.0 / 6.0 - z * (1.0 / 30.0 - z * (1.0 / 42.0 - z * (1.0 / 30.0 - z * 5.0 / 66.0))))

    let private expMinusOne (x: float) =
        // Kahan's formula keeps the digits that exp(x) − 1 loses near 0.
        let u = Math.Exp x

        if u = 1.0 then x
        elif Math.Abs x > 0.5 then u - 1.0
        else (u - 1.0) * x / Math.Log u

    let private logOnePlus (x: float) =
        let u = 1.0 + x

        if u = 1.0 then x
        elif Double.IsInfinity u then Math.Log u
        else Math.Log u * x / (u - 1.0)

    let private unary operation (x: float) =
        match operation with
        | UnaryOperation.Negate -> -x
        | UnaryOperation.Absolute -> Math.Abs x
        | UnaryOperation.Sign -> if Double.IsNaN x then nan else float (Math.Sign x)
        | UnaryOperation.Floor -> Math.Floor x
        | UnaryOperation.Reciprocal -> 1.0 / x
        | UnaryOperation.Square -> x * x
        | UnaryOperation.Sqrt -> Math.Sqrt x
        | UnaryOperation.Exp -> Math.Exp x
        | UnaryOperation.ExpMinusOne -> expMinusOne x
        | UnaryOperation.Log -> Math.Log x
        | UnaryOperation.LogOnePlus -> logOnePlus x
        | UnaryOperation.Sin -> Math.Sin x
        | UnaryOperation.Cos -> Math.Cos x
        | UnaryOperation.Tanh -> Math.Tanh x
        | UnaryOperation.Sigmoid -> if x >= 0.0 then 1.0 / (1.0 + Math.Exp(-x)) else Math.Exp x / (1.0 + Math.Exp x)
        | UnaryOperation.Softplus -> Math.Max(x, 0.0) + logOnePlus (Math.Exp(-(Math.Abs x)))
        | UnaryOperation.Erf -> SpecialFunctions.Erf x
        | UnaryOperation.LogGamma -> SpecialFunctions.GammaLn x
        | UnaryOperation.Digamma -> SpecialFunctions.DiGamma x
        | UnaryOperation.Trigamma -> trigamma x
        | UnaryOperation.Relu -> if x < 0.0 then 0.0 else x
        | UnaryOperation.FlushToZero -> if Math.Abs x < FlushToZero.Least then 0.0 else x
        | _ -> invalidArg (nameof operation) $"{operation} is not a unary operation."

    let private binary operation (a: float) (b: float) =
        let truth condition = if condition then 1.0 else 0.0

        match operation with
        | BinaryOperation.Add -> a + b
        | BinaryOperation.Subtract -> a - b
        | BinaryOperation.Multiply -> a * b
        | BinaryOperation.Divide -> a / b
        | BinaryOperation.Power -> Math.Pow(a, b)
        | BinaryOperation.Minimum -> Math.Min(a, b)
        | BinaryOperation.Maximum -> Math.Max(a, b)
        | BinaryOperation.Less -> truth (a < b)
        | BinaryOperation.LessOrEqual -> truth (a <= b)
        | BinaryOperation.Equal -> truth (a = b)
        | _ -> invalidArg (nameof operation) $"{operation} is not a binary operation."

    let private ternary operation (a: float) (b: float) (c: float) =
        match operation with
        | TernaryOperation.Select -> if a <> 0.0 then b else c
        | TernaryOperation.MultiplyAdd -> Math.FusedMultiplyAdd(a, b, c)
        | TernaryOperation.NegativeMultiplyAdd -> Math.FusedMultiplyAdd(-a, b, c)
        | TernaryOperation.DivideByRoot -> a / (sqrt b + c)
        | _ -> invalidArg (nameof operation) $"{operation} is not a ternary operation."

    let private quaternary operation (a: float) (b: float) (c: float) (d: float) =
        match operation with
        | QuaternaryOperation.SumOfProducts -> Math.FusedMultiplyAdd(a, b, c * d)
        | QuaternaryOperation.SumWithSquare -> Math.FusedMultiplyAdd(a, b, c * (d * d))
        | QuaternaryOperation.ScaledDifference -> Math.FusedMultiplyAdd(-a, b, c) * d
        | _ -> invalidArg (nameof operation) $"{operation} is not a quaternary operation."

    /// Builds a tensor by asking for the value at each multi-index.
    let private tabulate (shape: Shape) (f: int[] -> float) =
        let index = Array.zeroCreate shape.Length

        let values =
            Array.init (Shape.count shape) (fun flat ->
                let mutable rest = flat

                for axis in shape.Length - 1 .. -1 .. 0 do
                    index[axis] <- rest % shape[axis]
                    rest <- rest / shape[axis]

                f index)

        Tensor.Adopt(shape, values)

    let private at (tensor: Tensor) (index: int[]) =
        let mutable flat = 0

        for axis in 0 .. index.Length - 1 do
            flat <- flat * tensor.Shape[axis] + index[axis]

        tensor[flat]

    let private replace axis value (index: int[]) =
        let copy = Array.copy index
        copy[axis] <- value
        copy

    let private matmul transposeA transposeB (a: Tensor) (b: Tensor) shape (bias: Tensor option) =
        let rank = a.Shape.Length
        let k = if transposeA then a.Shape[rank - 2] else a.Shape[rank - 1]

        let entry (tensor: Tensor) transposed (index: int[]) row column =
            let index = Array.copy index
            index[rank - 2] <- if transposed then column else row
            index[rank - 1] <- if transposed then row else column
            at tensor index

        tabulate shape (fun index ->
            let row, column = index[rank - 2], index[rank - 1]

            let mutable total =
                match bias with
                | Some bias -> bias[column]
                | None -> 0.0

            for inner in 0 .. k - 1 do
                total <- total + entry a transposeA index row inner * entry b transposeB index inner column

            total)

    /// Calls f xIndex weightIndex yIndex for every product of a cross-correlation.
    let private convolution
        (xShape: Shape)
        (wShape: Shape)
        (yShape: Shape)
        stride
        padding
        (f: int[] -> int[] -> int[] -> unit)
        =
        for n in 0 .. yShape[0] - 1 do
            for o in 0 .. yShape[1] - 1 do
                for i in 0 .. yShape[2] - 1 do
                    for j in 0 .. yShape[3] - 1 do
                        for c in 0 .. wShape[1] - 1 do
                            for p in 0 .. wShape[2] - 1 do
                                for q in 0 .. wShape[3] - 1 do
                                    let row, column = i * stride + p - padding, j * stride + q - padding

                                    if row >= 0 && row < xShape[2] && column >= 0 && column < xShape[3] then
                                        f [| n; c; row; column |] [| o; c; p; q |] [| n; o; i; j |]

    let private flat (shape: Shape) (index: int[]) =
        Array.fold2 (fun total length i -> total * length + i) 0 shape index

    let private evaluateNode (inputs: string -> Tensor) (node: Expr) (arguments: Tensor[]) : Tensor =
        let shape = node.Shape

        match node.Operation with
        | Input name ->
            let value = inputs name

            if value.Shape <> shape then
                Guard.fail
                    name
                    $"The input {name} has shape {Shape.print value.Shape}; it must have {Shape.print shape}."

            value
        | Constant tensor -> tensor
        | Identity
        | StopGradient
        | Lane _ -> arguments[0]
        | Unary operation -> Tensor.map (unary operation) arguments[0]
        | Binary operation -> Tensor.init shape (fun i -> binary operation (arguments[0][i]) (arguments[1][i]))
        | Ternary operation ->
            Tensor.init shape (fun i -> ternary operation (arguments[0][i]) (arguments[1][i]) (arguments[2][i]))
        | Quaternary operation ->
            Tensor.init shape (fun i ->
                quaternary operation (arguments[0][i]) (arguments[1][i]) (arguments[2][i]) (arguments[3][i]))
        | Reshape -> Tensor.reshape shape arguments[0]
        | Broadcast ->
            tabulate shape (fun index ->
                at arguments[0] (Array.map2 (fun i length -> if length = 1 then 0 else i) index arguments[0].Shape))
        | Transpose order ->
            tabulate shape (fun index ->
                let source = Array.zeroCreate index.Length
                order |> Array.iteri (fun i axis -> source[axis] <- index[i])
                at arguments[0] source)
        | Slice(axis, start) -> tabulate shape (fun index -> at arguments[0] (replace axis (index[axis] + start) index))
        | Pad(axis, before, _) ->
            tabulate shape (fun index ->
                let position = index[axis] - before

                if position < 0 || position >= arguments[0].Shape[axis] then
                    0.0
                else
                    at arguments[0] (replace axis position index))
        | Concat axis ->
            tabulate shape (fun index ->
                let mutable part = 0
                let mutable position = index[axis]

                while position >= arguments[part].Shape[axis] do
                    position <- position - arguments[part].Shape[axis]
                    part <- part + 1

                at arguments[part] (replace axis position index))
        | Gather axis ->
            tabulate shape (fun index ->
                let place = at arguments[1] index

                if place >= 0.0 && place < float arguments[0].Shape[axis] then
                    at arguments[0] (replace axis (int place) index)
                else
                    nan)
        | ScatterAdd(axis, length) ->
            let values = Array.zeroCreate<float>(Shape.count shape)

            tabulate arguments[0].Shape (fun index ->
                let place = at arguments[1] index

                if place >= 0.0 && place < float length then
                    let target = flat shape (replace axis (int place) index)
                    values[target] <- values[target] + at arguments[0] index

                0.0)
            |> ignore

            Tensor.Adopt(shape, values)
        | Reduce(operation, axes) ->
            let start = if operation = ReduceOperation.Sum then 0.0 else -infinity
            let values = Array.create (Shape.count shape) start

            tabulate arguments[0].Shape (fun index ->
                let target = flat shape (index |> Array.mapi (fun axis i -> if Array.contains axis axes then 0 else i))
                let value = at arguments[0] index

                values[target] <-
                    if operation = ReduceOperation.Sum then
                        values[target] + value
                    else
                        Math.Max(values[target], value)

                0.0)
            |> ignore

            Tensor.Adopt(shape, values)
        | SumOfSquares ->
            let values = arguments[0].ToArray()
            Tensor.Adopt(shape, [| Array.sumBy (fun x -> x * x) values |])
        | ArgMax axis ->
            tabulate shape (fun index ->
                let along = Array.init arguments[0].Shape[axis] (fun i -> at arguments[0] (replace axis i index))
                let mutable best = 0

                for i in 1 .. along.Length - 1 do
                    // NaN counts as the largest, the first of several.
                    if along[i] > along[best] || Double.IsNaN along[i] && not (Double.IsNaN along[best]) then
                        best <- i

                float best)
        | MatMul(transposeA, transposeB) -> matmul transposeA transposeB arguments[0] arguments[1] shape None
        | MatMulBias(transposeA, transposeB) ->
            matmul transposeA transposeB arguments[0] arguments[1] shape (Some arguments[2])
        | Convolve(stride, padding)
        | ConvolveBias(stride, padding) ->
            let x, weight = arguments[0], arguments[1]
            let values = Array.zeroCreate<float>(Shape.count shape)

            convolution x.Shape weight.Shape shape stride padding (fun xi wi yi ->
                let target = flat shape yi
                values[target] <- values[target] + at x xi * at weight wi)

            if arguments.Length > 2 then
                let positions = shape[2] * shape[3]

                for target in 0 .. values.Length - 1 do
                    values[target] <- values[target] + at arguments[2] [| target / positions % shape[1] |]

            Tensor.Adopt(shape, values)
        | ConvolveInputGradient(stride, padding) ->
            let dy, weight = arguments[0], arguments[1]
            let values = Array.zeroCreate<float>(Shape.count shape)

            convolution shape weight.Shape dy.Shape stride padding (fun xi wi yi ->
                let target = flat shape xi
                values[target] <- values[target] + at dy yi * at weight wi)

            Tensor.Adopt(shape, values)
        | ConvolveWeightGradient(stride, padding) ->
            let x, dy = arguments[0], arguments[1]
            let values = Array.zeroCreate<float>(Shape.count shape)

            convolution x.Shape shape dy.Shape stride padding (fun xi wi yi ->
                let target = flat shape wi
                values[target] <- values[target] + at x xi * at dy yi)

            Tensor.Adopt(shape, values)

    /// The values of several expressions; `inputs` gives the value of each named input.
    let evaluateMany (inputs: string -> Tensor) (roots: Expr[]) : Tensor[] =
        let values = Graph.table<Tensor>()

        for node in Graph.topological roots do
            values[node] <- evaluateNode inputs node (node.Arguments |> Array.map (fun argument -> values[argument]))

        roots |> Array.map (fun root -> values[root])

    /// The value of an expression whose inputs are bound by name.
    let evaluateWith (inputs: seq<string * Tensor>) (root: Expr) : Tensor =
        let bound = dict inputs

        let find name =
            match bound.TryGetValue name with
            | true, value -> value
            | _ ->
                let known =
                    if bound.Count = 0 then
                        "nothing is bound"
                    else
                        $"""bound are: {String.Join(", ", bound.Keys)}"""

                Guard.fail name $"The expression needs the input {name}, which is not bound; {known}."

        (evaluateMany find [| root |])[0]

    /// The value of an expression without inputs.
    let evaluate (root: Expr) : Tensor = evaluateWith [] root

    /// The value of one operation on constants, for constant folding.
    let internal apply (node: Expr) (arguments: Tensor[]) =
        evaluateNode (fun name -> Guard.fail name $"The input {name} has no value here.") node arguments
