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

[<Theory>]
[<InlineData(700, 51)>]
[<InlineData(9, 1500)>]
let ``rows longer than what is staged and more atoms than the stack takes are projected alike``
    (columns: int)
    (atoms: int)
    =
    let from = draws columns 6.0 1UL
    from[1] <- infinityf
    from[2] <- -infinityf
    let probabilities = draws columns 1.0 2UL |> Array.map (fun x -> x * x)
    let expected = Array.zeroCreate<float> atoms

    for j in 0 .. columns - 1 do
        let place = Math.Clamp((float from[j] + 4.0) / 9.0 * float (atoms - 1), 0.0, float (atoms - 1))

        for atom in 0 .. atoms - 1 do
            expected[atom] <- expected[atom] + float probabilities[j] * max 0.0 (1.0 - abs (place - float atom))

    let result = Array.create atoms nanf

    CategoricalProjection.Evenly(
        columns,
        -4.0f,
        5.0f,
        atoms,
        ReadOnlySpan from,
        ReadOnlySpan probabilities,
        Span result
    )

    for atom in 0 .. atoms - 1 do
        Assert.Equal(expected[atom], float result[atom], 2e-3)

[<Fact>]
let ``it allocates nothing`` () =
    let from, result = draws (8 * 51) 6.0 1UL, Array.zeroCreate<float32>(8 * 51)

    let run () = CategoricalProjection.Evenly(51, -4.0f, 5.0f, 51, ReadOnlySpan from, ReadOnlySpan from, Span result)

    Assert.Equal(0L, Rl.Tests.Kernels.KernelMemory.allocated run)

[<Fact>]
let ``a return that is not a number and an empty interval are refused by name`` () =
    let project low (from: float32) =
        let one = ReadOnlySpan [| 1.0f |]
        CategoricalProjection.Evenly(1, low, 1.0f, 3, ReadOnlySpan [| from |], one, Span(Array.zeroCreate<float32> 3))

    Assert.Equal("from", Assert.Throws<ArgumentException>(fun () -> project -1.0f nanf).ParamName)
    // One among many, and beyond the first vector.
    let many = draws 300 1.0 3UL
    many[290] <- nanf

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            let result = Array.zeroCreate<float32> 3
            CategoricalProjection.Evenly(300, -1.0f, 1.0f, 3, ReadOnlySpan many, ReadOnlySpan many, Span result))

    Assert.Contains("from[290]", error.Message)
    Assert.Equal("low", Assert.Throws<ArgumentException>(fun () -> project 1.0f 0.0f).ParamName)
