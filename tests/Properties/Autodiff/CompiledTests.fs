/// Law 8, continued: a compiled program has the values of the reference evaluator, at both precisions.
[<FsCheck.Xunit.Properties(Replay = "(4718115,4718117)")>]
module Rl.Tests.Autodiff.CompiledTests

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Tests.Autodiff
open Rl.Tests.Golden
open Xunit

/// The values of expressions by a program compiled for them, at float64.
let float64: AutodiffGolden.Evaluator =
    fun inputs roots ->
        let program = Program.ofOutputs<float> [ for index in 0 .. roots.Length - 1 -> string index, roots[index] ]

        for entry in inputs do
            if program.HasInput entry.Key then
                program.Set(entry.Key, entry.Value.Values.Span)

        program.Run()

        roots
        |> Array.mapi (fun index root -> Tensor.create root.Shape (program.Output(string index).ToArray()))

/// The values of expressions by a program compiled for them, at float32.
let float32: AutodiffGolden.Evaluator =
    fun inputs roots ->
        let program = Program.ofOutputs<float32> [ for index in 0 .. roots.Length - 1 -> string index, roots[index] ]

        for entry in inputs do
            if program.HasInput entry.Key then
                let values = entry.Value.ToArray() |> Array.map Operators.float32
                program.Set(entry.Key, ReadOnlySpan values)

        program.Run()

        roots
        |> Array.mapi (fun index root ->
            Tensor.create root.Shape (program.Output(string index).ToArray() |> Array.map float))

/// |a − b| ≤ tolerance · (1 + largest |a|) for every element of every root; NaN and infinities must agree.
let private agree (tolerance: float) (random: RandomExpression) (evaluator: AutodiffGolden.Evaluator) (roots: Expr[]) =
    let expected = RandomExpression.evaluate random roots
    let actual = evaluator (Map.ofArray random.Inputs) roots

    for root in 0 .. roots.Length - 1 do
        let largest = Array.fold (fun most value -> max most (abs value)) 0.0 (expected[root].ToArray())

        for i in 0 .. expected[root].Count - 1 do
            if not (Golden.isClose (tolerance * (1.0 + largest)) 0.0 (expected[root].[i]) (actual[root].[i])) then
                Assert.Fail $"root {root}, element {i} is {actual[root].[i]:R} instead of {expected[root].[i]:R}."

let private withGradients (random: RandomExpression) =
    let weights = Tensor.init random.Output.Shape (fun i -> cos (float i + 0.3))
    let gradients = Diff.pullback random.Output (Expr.constant weights) (RandomExpression.inputNodes random)
    Array.concat [ [| random.Output |]; random.Steps; gradients ]

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 200)>]
let ``a program at float64 has the reference's values and gradients`` (random: RandomExpression) =
    agree 1e-11 random float64 (withGradients random)
    agree 1e-11 random float64 [| random.Output |]

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 200)>]
let ``a program at float32 has the reference's values to its own precision`` (random: RandomExpression) =
    agree 1e-4 random float32 [| random.Output |]

[<Fact>]
let ``values, gradients and Hessian-vector products are PyTorch's, by programs of both precisions`` () =
    AutodiffGolden.verify 1e-10 1e-10 float64
    AutodiffGolden.verify 1e-4 1e-4 float32

[<Fact>]
let ``a part of a concatenation may be a rearrangement of another node`` () =
    let x = Tensor.init [| 2; 3 |] (fun i -> float i)
    let turned = Expr.reshape [| 6 |] (Expr.transpose (1.0 + Expr.square (Expr.input "x" [| 2; 3 |])))
    let joined = Expr.concat 0 [ Expr.vector [ -1.0 ]; turned ]
    let value = float64 (Map.ofList [ "x", x ]) [| joined |]
    Assert.Equal<float[]>([| -1.0; 1.0; 10.0; 2.0; 17.0; 5.0; 26.0 |], value[0].ToArray())

[<Fact>]
let ``a lane may be opened on the value of another lane`` () =
    let x = Expr.lane 2 (Expr.input "x" [| 3 |]) |> Expr.exp
    let y = Expr.lane 0 x |> Expr.square
    let value = float64 (Map.ofList [ "x", Tensor.vector [ 0.0; 1.0; 2.0 ] ]) [| x; y; x + Expr.lane 0 (Expr.sin y) |]
    Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 1e-12)) [| 1.0; exp 2.0; exp 4.0 |] (value[1].ToArray())
