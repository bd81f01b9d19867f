/// Law 8 over the whole range of random expressions, and the expressions that once compiled wrongly.
[<FsCheck.Xunit.Properties(Replay = "(4718115,4718117)")>]
module Rl.Tests.Autodiff.CompiledTests

open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Tests.Autodiff
open Xunit

/// |a − b| ≤ tolerance · (1 + largest |a|) for every element of every root.
let private agree (tolerance: float) (random: RandomExpression) (evaluator: Evaluator) (roots: Expr[]) =
    let expected = RandomExpression.evaluate random roots
    let actual = evaluator (Map.ofArray random.Inputs) roots

    for root in 0 .. roots.Length - 1 do
        let largest = Array.fold (fun most value -> max most (abs value)) 0.0 (expected[root].ToArray())

        for i in 0 .. expected[root].Count - 1 do
            if not (abs (expected[root].[i] - actual[root].[i]) <= tolerance * (1.0 + largest)) then
                Assert.Fail $"root {root}, element {i} is {actual[root].[i]:R} instead of {expected[root].[i]:R}."

let private withGradients (random: RandomExpression) =
    let weights = Tensor.init random.Output.Shape (fun i -> cos (float i + 0.3))
    let gradients = Diff.pullback random.Output (Expr.constant weights) (RandomExpression.inputNodes random)
    Array.concat [ [| random.Output |]; random.Steps; gradients ]

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 200)>]
let ``a program at float64 has the reference's values and gradients, alone and with every node an output``
    (random: RandomExpression)
    =
    for _, evaluator in Evaluator.doubles do
        agree 1e-11 random evaluator (withGradients random)
        agree 1e-11 random evaluator [| random.Output |]

[<Property(Arbitrary = [| typeof<RandomExpressionsOfEverything> |], MaxTest = 200)>]
let ``a program at float32 has the reference's values to its own precision`` (random: RandomExpression) =
    for _, evaluator in Evaluator.singles do
        agree 1e-4 random evaluator [| random.Output |]

[<Fact>]
let ``a part of a concatenation may be a rearrangement of another node`` () =
    let x = Tensor.init [| 2; 3 |] (fun i -> float i)
    let turned = Expr.reshape [| 6 |] (Expr.transpose (1.0 + Expr.square (Expr.input "x" [| 2; 3 |])))
    let joined = Expr.concat 0 [ Expr.vector [ -1.0 ]; turned ]

    for _, evaluator in Evaluator.doubles do
        let value = evaluator (Map.ofList [ "x", x ]) [| joined |]
        Assert.Equal<float[]>([| -1.0; 1.0; 10.0; 2.0; 17.0; 5.0; 26.0 |], value[0].ToArray())

[<Fact>]
let ``a lane may be opened on the value of another lane`` () =
    let x = Expr.lane 2 (Expr.input "x" [| 3 |]) |> Expr.exp
    let y = Expr.lane 0 x |> Expr.square

    for _, evaluator in Evaluator.doubles do
        let value =
            evaluator (Map.ofList [ "x", Tensor.vector [ 0.0; 1.0; 2.0 ] ]) [| x; y; x + Expr.lane 0 (Expr.sin y) |]

        Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 1e-12)) [| 1.0; exp 2.0; exp 4.0 |] (value[1].ToArray())
