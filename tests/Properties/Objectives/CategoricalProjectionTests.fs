/// The fast projection is the general one, for evenly spaced atoms.
[<FsCheck.Xunit.Properties(Replay = "(4719301,4719303)")>]
module Rl.Tests.Objectives.CategoricalProjectionTests

open System
open FsCheck.Xunit
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Objectives
open Xunit

let private draws (count: int) (scale: float) seed =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (value, next) = Rng.normal rng
        rng <- next
        float32 (scale * value))

[<Property>]
let ``it equals the projection as an expression, and keeps the mass of each row``
    (seed: uint64)
    (rows: byte)
    (columns: byte)
    (atoms: byte)
    =
    let rows, columns, atoms = 1 + int rows % 5, 1 + int columns % 9, 2 + int atoms % 20
    let from = draws (rows * columns) 6.0 seed
    let probabilities = draws (rows * columns) 1.0 (seed + 1UL) |> Array.map (fun x -> x * x)
    let result = Array.create (rows * atoms) nanf

    CategoricalProjection.Evenly(
        columns,
        -4.0f,
        5.0f,
        atoms,
        ReadOnlySpan from,
        ReadOnlySpan probabilities,
        Span result
    )

    let tensor (values: float32[]) = Expr.constant (Tensor.create [| rows; columns |] (Array.map float values))
    let support = Expr.vector [ for i in 0 .. atoms - 1 -> -4.0 + 9.0 * float i / float (atoms - 1) ]
    let expected = Reference.evaluate (ValueDistributions.project (tensor from) (tensor probabilities) support)

    Seq.forall
        (fun i -> abs (expected[i] - float result[i]) < 1e-4 * (1.0 + abs expected[i]))
        [ 0 .. result.Length - 1 ]
    && Seq.forall
        (fun row ->
            let mass (values: float32[]) width = values[row * width .. (row + 1) * width - 1] |> Array.sumBy float
            abs (mass result atoms - mass probabilities columns) < 1e-4 * (1.0 + mass probabilities columns))
        [ 0 .. rows - 1 ]

[<Fact>]
let ``an atom on the grid keeps all its mass, and the ends take what lies beyond`` () =
    let result = Array.zeroCreate<float32> 3
    let from = [| -9.0f; 0.0f; 1.0f; 7.0f |]
    let probabilities = ReadOnlySpan [| 0.125f; 0.25f; 0.125f; 0.5f |]
    CategoricalProjection.Evenly(4, -1.0f, 1.0f, 3, ReadOnlySpan from, probabilities, Span result)
    Assert.Equal<float32[]>([| 0.125f; 0.25f; 0.625f |], result)

[<Fact>]
let ``a return that is not a number and an empty interval are refused by name`` () =
    let project low (from: float32) =
        let one = ReadOnlySpan [| 1.0f |]
        CategoricalProjection.Evenly(1, low, 1.0f, 3, ReadOnlySpan [| from |], one, Span(Array.zeroCreate<float32> 3))

    Assert.Equal("from", Assert.Throws<ArgumentException>(fun () -> project -1.0f nanf).ParamName)
    Assert.Equal("low", Assert.Throws<ArgumentException>(fun () -> project 1.0f 0.0f).ParamName)
