/// Expressions as ONNX operators: the values of a graph, by what the operators mean, are those of the expressions.
[<FsCheck.Xunit.Properties(Replay = "(4719817,4719819)")>]
module Rl.Tests.Export.OnnxOperatorTests

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Export
open Rl.Core.Kernels
open Rl.Tests.Autodiff
open Xunit

let private lengths (shape: Shape) = Array.map OnnxLength.Fixed shape

/// The values of expressions, for few and for many rows, by their graph, whose inputs have one of the two numbers of
/// rows or any other.
let private translated (shapes: (string * OnnxLength[]) list) (few: Expr[]) (many: Expr[]) =
    let builder = OnnxBuilder()

    for name, _ in shapes do
        builder.Reserve name

    let inputs =
        shapes
        |> List.map (fun (name, shape) -> name, { Name = name; Shape = shape; IsTruth = false })
        |> Map.ofList

    let outputs = OnnxOperators(builder, inputs, Map.empty, (fun _ _ _ -> None)).Add(few, many)
    let names = outputs |> Array.mapi (fun index _ -> $"output_{index}")
    Array.iter2 (fun (name: string) (value: OnnxValue) -> builder.Output(name, value.Name)) names outputs

    fun (values: Map<string, Tensor>) ->
        let numbers = values |> Map.map (fun _ value -> { Type = OnnxType.Float32; Tensor = value })
        let known = OnnxInterpreter.run builder.Constants builder.Nodes numbers

        names
        |> Array.map (fun name ->
            Assert.Equal(OnnxType.Float32, known[name].Type)
            known[name].Tensor)

/// By a graph of fixed shapes.
let private evaluate (inputs: Map<string, Tensor>) (roots: Expr[]) =
    let shapes = [ for entry in inputs -> entry.Key, lengths entry.Value.Shape ]
    translated shapes roots roots inputs

let private isUnknown (root: Expr) =
    Graph.topological [ root ]
    |> Array.exists (fun node ->
        match node.Operation with
        | Unary(UnaryOperation.LogGamma | UnaryOperation.Digamma | UnaryOperation.Trigamma)
        | ScatterAdd _ -> true
        | _ -> false)

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 300)>]
let ``a graph has the values of its expressions`` (random: RandomExpression) =
    let inputs = Map.ofArray random.Inputs
    let roots = random.Steps |> Array.filter (isUnknown >> not)
    let expected = Evaluator.reference inputs roots
    // Constants are rounded to float32.
    Array.forall2 (fun e a -> Evaluator.distance e a <= 1e-3) expected (evaluate inputs roots)

[<Fact>]
let ``what ONNX has no operator for is refused`` () =
    let x = Expr.input "x" [| 2 |]

    for root in [ Expr.logGamma x; Expr.digamma x; Expr.scatterAdd 0 3 x x ] do
        let error =
            Assert.Throws<NotSupportedException>(fun () ->
                translated [ "x", lengths [| 2 |] ] [| root |] [| root |] |> ignore)

        Assert.Contains("has no ONNX operator", error.Message)

[<Fact>]
let ``what compilers make of expressions has operators too`` () =
    let input name = Expr.input name [| 2; 3 |]
    let a, b, c, d = input "a", input "b", input "c", input "d"
    let make operation (arguments: Expr list) = Node.make operation (Array.ofList arguments) [| 2; 3 |]
    let weight = Expr.input "w" [| 3; 3 |]
    let bias = Expr.input "v" [| 3 |]
    let image = Expr.reshape [| 1; 1; 2; 3 |] a
    let filter = Expr.reshape [| 3; 1; 1; 1 |] bias

    let roots =
        [|
            make (Ternary TernaryOperation.MultiplyAdd) [ a; b; c ]
            make (Ternary TernaryOperation.NegativeMultiplyAdd) [ a; b; c ]
            make (Ternary TernaryOperation.DivideByRoot) [ a; b; c ]
            make (Quaternary QuaternaryOperation.SumOfProducts) [ a; b; c; d ]
            make (Quaternary QuaternaryOperation.SumWithSquare) [ a; b; c; d ]
            make (Quaternary QuaternaryOperation.ScaledDifference) [ a; b; c; d ]
            Node.make SumOfSquares [| a |] [| 1; 1 |]
            make (MatMulBias(false, true)) [ a; weight; bias ]
            Node.make (ConvolveBias(1, 0)) [| image; filter; bias |] [| 1; 3; 2; 3 |]
            Expr.flushToZero (1e-31 * a)
            Expr.select (a - a) b c
        |]

    let value seed (shape: Shape) = Tensor.init shape (fun i -> 0.3 + Math.Abs(Math.Sin(float (7 * i + seed))))

    let inputs =
        Map
            [
                "a", value 1 [| 2; 3 |]
                "b", value 2 [| 2; 3 |]
                "c", value 3 [| 2; 3 |]
                "d", value 4 [| 2; 3 |]
                "w", value 5 [| 3; 3 |]
                "v", value 6 [| 3 |]
            ]

    let actual = evaluate inputs roots
    Array.iter2 (fun e a -> Assert.True(Evaluator.distance e a <= 1e-6)) (Evaluator.reference inputs roots) actual
    Assert.All(actual[9].ToArray(), (fun flushed -> Assert.Equal(0.0, flushed)))

[<Fact>]
let ``what operators broadcast by themselves is not expanded`` () =
    let builder = OnnxBuilder()
    let input name shape = name, { Name = name; Shape = lengths shape; IsTruth = false }
    let values = Map [ input "x" [| 1; 3 |]; input "y" [| 2; 1 |] ]
    let root = [| Expr.input "x" [| 1; 3 |] + Expr.input "y" [| 2; 1 |] |> Expr.reshape [| 6 |] |]
    OnnxOperators(builder, values, Map.empty, (fun _ _ _ -> None)).Add(root, root) |> ignore
    Assert.Equal<string list>([ "Add"; "Reshape" ], builder.Nodes |> List.map _.Operator)

[<Fact>]
let ``numbers near 0 and far from it keep their digits`` () =
    let x = Expr.input "x" [| 6 |]
    let roots = [| Expr.expMinusOne x; Expr.logOnePlus x |]
    let inputs = Map [ "x", Tensor.vector [ 1e-9; -1e-9; 1e-4; 0.0; 2.0; 1e9 ] ]
    let expected, actual = Evaluator.reference inputs roots, evaluate inputs roots

    for index in 0..4 do
        Assert.Equal(expected[0].[index], actual[0].[index], 1e-9 * (1e-12 + abs expected[0].[index]))

    for index in 0..5 do
        Assert.Equal(expected[1].[index], actual[1].[index], 1e-9 * (1e-12 + abs expected[1].[index]))

    let infinite = Map [ "x", Tensor.vector [ infinity; -infinity; -1.0; 1e30; nan; 0.5 ] ]
    let actual = evaluate infinite roots
    Assert.Equal(infinity, actual[0].[0])
    Assert.Equal(-1.0, actual[0].[1])
    Assert.Equal(infinity, actual[1].[0])
    Assert.Equal(-infinity, actual[1].[2])
    Assert.True(Double.IsNaN actual[0].[4])

/// Expressions of x [rows, 3] whose shapes follow the rows in every way.
let private ofRows rows =
    let x = Expr.input "x" [| rows; 3 |]
    let ones = Expr.broadcastTo [| rows; 2 |] (Expr.vector [ 1.0; 2.0 ])
    let doubled = Expr.concat 1 [ x; x ] |> Expr.reshape [| 2 * rows; 3 |]

    [|
        Expr.concat -1 [ x; ones ]
        ones
        doubled
        Expr.concat -1 [ doubled; Expr.full [| 2 * rows; 1 |] 5.0 ]
        Expr.reshape [| rows; 1; 3 |] x + Expr.reshape [| 2; 3 |] (Expr.vector [ 1.0 .. 6.0 ])
        Expr.matmul x (Expr.transpose x) |> Expr.reshape [| rows; rows; 1 |]
        Expr.greater x (Expr.number 0.0)
        Expr.exp (Expr.broadcastTo [| rows; 2 |] (Expr.vector [ 1.0; 2.0 ]))
        Expr.sum x
        Expr.reshape [| 1; rows; 3 |] x |> Expr.permute [| 1; 0; 2 |]
        Expr.greater (Expr.slice 1 0 1 x) (Expr.slice 1 1 2 x)
        |> Expr.broadcastTo [| rows; 4 |]
        |> Expr.square
    |]

[<Theory>]
[<InlineData 1>]
[<InlineData 2>]
[<InlineData 5>]
let ``a graph takes any number of rows`` (rows: int) =
    let run =
        translated [ "x", [| OnnxLength.Rows 1; OnnxLength.Fixed 3 |] ] (ofRows OnnxRows.few) (ofRows OnnxRows.many)

    let inputs = Map [ "x", Tensor.init [| rows; 3 |] (fun i -> Math.Sin(float i)) ]

    Array.iter2
        (fun e a -> Assert.True(Evaluator.distance e a <= 1e-6))
        (Evaluator.reference inputs (ofRows rows))
        (run inputs)

[<Fact>]
let ``what depends on the number of rows itself is refused`` () =
    let refuses (expected: string) (few: Expr) (many: Expr) =
        let error = Assert.Throws<NotSupportedException>(fun () -> translated [] [| few |] [| many |] |> ignore)

        Assert.Contains(expected, error.Message)

    let numbers = Seq.init 2000 float |> Array.ofSeq
    refuses "an operation is" (Expr.vector numbers[..1008]) (Expr.vector numbers[..1012])
    refuses "a length is" (Expr.zeros [| 3 |]) (Expr.zeros [| 4 |])
    refuses "operations" (Expr.zeros [| 3 |]) (Expr.exp (Expr.zeros [| 3 |]))

    let shifted rows =
        Expr.input "x" [| rows; 1 |] |> Expr.slice 0 0 rows |> Expr.pad 0 0 1 |> Expr.slice 0 1 (rows + 1)

    let error =
        Assert.Throws<NotSupportedException>(fun () ->
            translated
                [ "x", [| OnnxLength.Rows 1; OnnxLength.Fixed 1 |] ]
                [| shifted OnnxRows.few |]
                [| shifted OnnxRows.many |]
            |> ignore)

    Assert.Contains("rows", error.Message)
