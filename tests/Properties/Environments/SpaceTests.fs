/// Spaces: what they contain, what they draw, and what they refuse.
[<FsCheck.Xunit.Properties(Replay = "(4719009,4719011)")>]
module Rl.Tests.Environments.SpaceTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Xunit
open FsCheck.Xunit

let private draw (space: Space) rng =
    let value = Array.zeroCreate<float32> space.Size
    let next = space.Sample(rng, Span value)
    struct (value, next)

let private draws count (space: Space) seed =
    let mutable rng = Rng.create seed

    [|
        for _ in 1..count do
            let struct (value, next) = draw space rng
            rng <- next
            yield value
    |]

let private contains (space: Space) (value: float32[]) = space.Contains(ReadOnlySpan value)

[<Property>]
let ``a drawn value lies in its space`` (seed: uint64) (count: byte) (start: sbyte) =
    let spaces =
        [
            Space.discreteFrom (int start) (1 + int count)
            Space.box [| -1.0; 0.1; -infinity; -infinity; 3.0 |] [| 1.0; 0.3; 2.0; infinity; infinity |] [| 5 |]
            Space.boxOf 0.1 0.1 [| 2; 3 |]
        ]

    spaces |> List.forall (fun space -> draws 20 space seed |> Array.forall (contains space))

[<Fact>]
let ``every integer of a discrete space is drawn, and nothing else`` () =
    let drawn =
        draws 500 (Space.discreteFrom -2 5) 7UL
        |> Array.map Array.exactlyOne
        |> Array.distinct
        |> Array.sort

    Assert.Equal<float32[]>([| -2.0f; -1.0f; 0.0f; 1.0f; 2.0f |], drawn)

[<Fact>]
let ``draws of a bounded box fill it evenly`` () =
    let drawn = draws 20_000 (Space.boxOf -2.0 6.0 [| 1 |]) 3UL |> Array.map (Array.exactlyOne >> float)
    Assert.InRange(Array.average drawn, 1.95, 2.05)
    Assert.InRange(drawn |> Array.averageBy (fun value -> (value - 2.0) ** 2.0), 64.0 / 12.0 - 0.1, 64.0 / 12.0 + 0.1)

[<Fact>]
let ``draws of a half-open box are exponential from the bound`` () =
    let drawn = draws 20_000 (Space.boxOf 3.0 infinity [| 1 |]) 3UL |> Array.map (Array.exactlyOne >> float)
    Assert.InRange(Array.average drawn, 3.97, 4.03)
    Assert.True(Array.min drawn >= 3.0)

[<Fact>]
let ``a box holds its bounds, nothing beyond and no NaN`` () =
    let space = Space.box [| -1.0; 0.1 |] [| 1.0; infinity |] [| 2 |]
    Assert.True(contains space [| -1.0f; 0.1f |])
    Assert.True(contains space [| 1.0f; infinityf |])
    Assert.False(contains space [| MathF.BitIncrement 1.0f; 1.0f |])
    Assert.Equal(1, space.IndexOfOutside(ReadOnlySpan [| 0.0f; MathF.BitDecrement 0.1f |]))
    Assert.Equal(0, space.IndexOfOutside(ReadOnlySpan [| nanf; 1.0f |]))

[<Fact>]
let ``a discrete space holds its integers alone`` () =
    let space = Space.discreteFrom 1 3

    for value, expected in
        [ 0.0f, false; 1.0f, true; 3.0f, true; 4.0f, false; 1.5f, false; nanf, false; infinityf, false ] do
        Assert.Equal(expected, contains space [| value |])

[<Fact>]
let ``bad spaces are refused by name`` () =
    let refused name (build: unit -> Space) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> build () |> ignore)
        Assert.Equal(name, error.ParamName)

    refused "count" (fun () -> Space.discrete 0)
    refused "count" (fun () -> Space.discreteFrom 16_000_000 1_000_000)
    refused "low" (fun () -> Space.box [| 1.0 |] [| 0.0 |] [| 1 |])
    refused "low" (fun () -> Space.box [| nan |] [| 0.0 |] [| 1 |])
    refused "high" (fun () -> Space.box [| 0.0 |] [| 1.0; 2.0 |] [| 1 |])
    refused "shape" (fun () -> Space.boxOf 0.0 1.0 [| 2; 0 |])

[<Fact>]
let ``a value of the wrong length is refused`` () =
    let space = Space.discrete 2
    let error = Assert.Throws<ArgumentException>(fun () -> space.Contains(ReadOnlySpan [| 0.0f; 0.0f |]) |> ignore)
    Assert.Contains("has 2 elements; it must have 1", error.Message)

[<Fact>]
let ``a space prints what it is`` () =
    Assert.Equal("Discrete(2)", string (Space.discrete 2))
    Assert.Equal("Box([-2], [2], shape [1])", string (Space.boxOf -2.0 2.0 [| 1 |]))
