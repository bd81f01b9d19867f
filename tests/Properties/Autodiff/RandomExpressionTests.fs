/// The generator itself: what it covers, and what it promises.
[<FsCheck.Xunit.Properties(Replay = "(4718111,4718113)")>]
module Rl.Tests.Autodiff.RandomExpressionTests

open System
open FsCheck.Xunit
open Rl.Core.Kernels
open Rl.Core.Autodiff
open Rl.Tests.Autodiff
open Xunit

/// The operation without its parameters, as in "Unary Sin" or "Gather".
let private kind (node: Expr) =
    match node.Operation with
    | Unary operation -> $"Unary {operation}"
    | Binary operation -> $"Binary {operation}"
    | Ternary operation -> $"Ternary {operation}"
    | Reduce(operation, _) -> $"Reduce {operation}"
    | MatMul(transposeA, transposeB) -> $"MatMul {transposeA} {transposeB} {min 3 node.Rank}"
    | Input _ -> "Input"
    | Constant _ -> "Constant"
    | Lane _ -> "Lane"
    | Transpose _ -> "Transpose"
    | Slice _ -> "Slice"
    | Pad _ -> "Pad"
    | Concat _ -> "Concat"
    | Gather _ -> "Gather"
    | ScatterAdd _ -> "ScatterAdd"
    | ArgMax _ -> "ArgMax"
    | Convolve _ -> "Convolve"
    | other -> string other

[<Fact>]
let ``random expressions contain every operation that can be written`` () =
    let seen =
        seq { 0UL .. 399UL }
        |> Seq.collect (fun seed ->
            Graph.topological [ (RandomExpression.create RandomExpression.everything 12 seed).Output ])
        |> Seq.map kind
        |> Set.ofSeq

    let expected =
        [
            for operation in Enum.GetValues<UnaryOperation>() -> $"Unary {operation}"
            for operation in Enum.GetValues<BinaryOperation>() -> $"Binary {operation}"
            for operation in Enum.GetValues<ReduceOperation>() -> $"Reduce {operation}"
            for a in [ true; false ] do
                for b in [ true; false ] do
                    for rank in [ 2; 3 ] -> $"MatMul {a} {b} {rank}"
            yield! [ "Ternary Select"; "Input"; "Constant"; "Identity"; "StopGradient"; "Lane"; "Reshape"; "Broadcast" ]
            yield! [ "Transpose"; "Slice"; "Pad"; "Concat"; "Gather"; "ScatterAdd"; "ArgMax"; "Convolve" ]
        ]
        |> Set.ofList

    Assert.Empty(Set.difference expected seen)

[<Property(Arbitrary = [| typeof<RandomExpressions> |])>]
let ``a smaller graph of the same seed is a prefix of the larger`` (random: RandomExpression) =
    let smaller = RandomExpression.create random.Options (random.Nodes - 1) random.Seed
    let values (expression: RandomExpression) = RandomExpression.evaluate expression expression.Steps
    Assert.Equal<Tensor[]>(Array.take (random.Nodes - 1) (values random), values smaller)

[<Fact>]
let ``nodes are shared, and most expressions depend on their inputs`` () =
    let graphs = [ for seed in 0UL .. 99UL -> RandomExpression.create RandomExpression.differentiable 12 seed ]

    let uses (random: RandomExpression) =
        Graph.topological [ random.Output ]
        |> Seq.collect (fun node -> node.Arguments)
        |> Seq.filter (fun node -> node.Arguments.Length > 0)
        |> Seq.countBy (fun node -> Runtime.CompilerServices.RuntimeHelpers.GetHashCode node)
        |> Seq.exists (fun (_, count) -> count > 1)

    Assert.True((graphs |> List.filter uses |> List.length) > 80)

    let moving (random: RandomExpression) =
        let gradient =
            Diff.grad (RandomExpression.asScalarFunction random) (Expr.constant (RandomExpression.point random))

        (Reference.evaluate gradient).ToArray() |> Array.exists (fun value -> abs value > 1e-3)

    Assert.True((graphs |> List.filter moving |> List.length) > 90)
