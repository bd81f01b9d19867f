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

/// One space of each kind, and a tree of them.
let private someSpaces count start =
    let simple =
        [
            Space.discreteFrom start count
            Space.box [| -1.0; 0.1; -infinity; -infinity; 3.0 |] [| 1.0; 0.3; 2.0; infinity; infinity |] [| 5 |]
            Space.boxOf 0.1 0.1 [| 2; 3 |]
            Space.image 2 3 1
            Space.multiDiscreteFrom [| start; 0; -1 |] [| count; 3; 1 |]
            Space.multiBinary [| 2; 2 |]
        ]

    let names = simple |> List.mapi (fun index space -> $"part {index}", space)
    simple @ [ Space.tuple simple; Space.dict (("all", Space.tuple [ Space.dict names ]) :: names) ]

[<Property>]
let ``a drawn value lies in its space`` (seed: uint64) (count: byte) (start: sbyte) =
    someSpaces (1 + int count) (int start)
    |> List.forall (fun space -> draws 20 space seed |> Array.forall (contains space))

[<Property>]
let ``many values at once are those drawn one after the other`` (seed: uint64) (count: byte) (rows: uint16) =
    let rows = int rows % 700

    Space.boxOf -2.0 3.0 [| 3 |] :: someSpaces (1 + int count) 2
    |> List.forall (fun space ->
        let values = Array.zeroCreate<float32>(rows * space.Size)
        let next = space.SampleMany(Rng.create seed, Span values)
        let expected = draws (rows + 1) space seed
        let struct (following, _) = draw space next
        values = Array.concat (Array.take rows expected) && following = expected[rows])

[<Fact>]
let ``many values need whole rows`` () =
    let space = Space.boxOf 0.0 1.0 [| 2 |]
    let values = Array.zeroCreate<float32> 5
    let error = Assert.Throws<ArgumentException>(fun () -> space.SampleMany(Rng.create 1UL, Span values) |> ignore)
    Assert.Contains("5", error.Message)

/// The choices that a value is, as a mask of the space.
let rec private chosen (space: Space) (value: float32[]) : bool[] =
    match space with
    | Space.Box _ -> [||]
    | Space.MultiBinary _ -> [| for bit in value -> [| bit = 0.0f; bit = 1.0f |] |] |> Array.concat
    | Space.Discrete _
    | Space.MultiDiscrete _ ->
        let encoded = Array.zeroCreate<float32> space.Choices
        Space.encode space (ReadOnlySpan value) (Span encoded)
        Array.map ((=) 1.0f) encoded
    | Space.Tuple _
    | Space.Dict _ ->
        Space.layout space
        |> List.map (fun part -> chosen part.Space (Array.sub value part.Offset part.Size))
        |> Array.concat

[<Property>]
let ``a masked draw takes choices that the mask allows, and each of them sometimes`` (seed: uint64) =
    someSpaces 4 -2
    |> List.forall (fun space ->
        let masked = draws 2 space seed |> Array.map (chosen space) |> Array.reduce (Array.map2 (||))
        let seen = Array.zeroCreate<bool> masked.Length
        let mutable rng = Rng.create (seed + 1UL)
        let value = Array.zeroCreate<float32> space.Size

        for _ in 1..80 do
            rng <- space.Sample(rng, ReadOnlySpan masked, Span value)
            chosen space value |> Array.iteri (fun choice taken -> seen[choice] <- seen[choice] || taken)

        contains space value && seen = masked)

[<Fact>]
let ``a mask without a choice, or of another length, is refused`` () =
    let refused (fragment: string) (mask: bool[]) =
        let space = Space.multiDiscreteFrom [| 0; 5 |] [| 2; 3 |]

        let error =
            Assert.Throws<ArgumentException>(fun () ->
                space.Sample(Rng.create 1UL, ReadOnlySpan mask, Span(Array.zeroCreate 2)) |> ignore)

        Assert.Contains(fragment, error.Message)

    refused "none of the integers 5 … 7" [| true; true; false; false; false |]
    refused "mask has 4 elements; it must have 5" [| true; true; false; true |]

[<Property>]
let ``decode undoes encode, and what is encoded lies in the encoded space`` (seed: uint64) (start: sbyte) =
    someSpaces 5 (int start)
    |> List.forall (fun space ->
        let encoded = Array.create (Space.encodedSize space) nanf
        let back = Array.zeroCreate<float32> space.Size
        let outer = Space.encoded space

        outer.Size = encoded.Length
        && outer.Shape = [| encoded.Length |]
        && draws 10 space seed
           |> Array.forall (fun value ->
               Space.encode space (ReadOnlySpan value) (Span encoded)
               Space.decode space (ReadOnlySpan encoded) (Span back)
               back = value && contains outer encoded))

[<Property>]
let ``flatten puts the named parts of unflatten together again, in any order`` (seed: uint64) =
    someSpaces 3 1
    |> List.forall (fun space ->
        let value = draws 1 space seed |> Array.exactlyOne
        let parts = Space.unflatten space (ReadOnlySpan value)

        Space.flatten space (List.rev parts) = value
        && (parts |> List.map (snd >> Array.length)) = (Space.layout space |> List.map _.Size))

[<Fact>]
let ``encoding follows Gymnasium's flatten`` () =
    let space =
        Space.dict
            [
                "start", Space.discreteFrom -1 3
                "pair", Space.tuple [ Space.boxOf -2.0 2.0 [| 1; 2 |]; Space.multiDiscreteFrom [| 0; 4 |] [| 2; 2 |] ]
                "bits", Space.multiBinary [| 2 |]
            ]

    let value = [| 1.0f; 0.5f; -0.5f; 1.0f; 4.0f; 0.0f; 1.0f |]
    let expected = [| 0f; 0f; 1f; 0.5f; -0.5f; 0f; 1f; 1f; 0f; 0f; 1f |]
    let encoded = Array.zeroCreate<float32> 11
    Space.encode space (ReadOnlySpan value) (Span encoded)
    Assert.Equal<float32[]>(expected, encoded)
    let low = [| 0.0; 0.0; 0.0; -2.0; -2.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0 |]
    let high = [| 1.0; 1.0; 1.0; 2.0; 2.0; 1.0; 1.0; 1.0; 1.0; 1.0; 1.0 |]
    Assert.Equal(Space.box low high [| 11 |], Space.encoded space)
    Assert.Equal(7, space.Size)
    Assert.Equal(3 + 4 + 4, space.Choices)

    Assert.Equal<(string * int * int) list>(
        [ "start", 0, 1; "pair.0", 1, 2; "pair.1", 3, 2; "bits", 5, 2 ],
        Space.layout space |> List.map (fun part -> part.Path, part.Offset, part.Size)
    )

[<Fact>]
let ``what is not one-hot is not decoded, and an integer outside is not encoded`` () =
    let space = Space.multiDiscrete [| 2; 3 |]

    for bad in [ [| 1f; 0f; 0f; 0f; 0f |]; [| 1f; 0f; 1f; 1f; 0f |]; [| 0.5f; 0.5f; 1f; 0f; 0f |] ] do
        let error =
            Assert.Throws<ArgumentException>(fun () -> Space.decode space (ReadOnlySpan bad) (Span(Array.zeroCreate 2)))

        Assert.Contains("not one-hot", error.Message)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            Space.encode space (ReadOnlySpan [| 1f; 3f |]) (Span(Array.zeroCreate 5)))

    Assert.Contains("value[1] is 3", error.Message)

[<Fact>]
let ``parts that are missing, unknown or twice there are refused by name`` () =
    let space = Space.dict [ "a", Space.discrete 2; "b", Space.discrete 2 ]
    let a, b = ("a", [| 1f |]), ("b", [| 0f |])

    for parts, fragment in
        [
            [ a ], "lacks \"b\""
            [ a; b; a ], "\"a\" 2 times"
            [ a; b; "c", [||] ], "\"c\" 1 times"
            [ a; "b", [| 0f; 0f |] ], "b has 2 elements"
        ] do
        let error = Assert.Throws<ArgumentException>(fun () -> Space.flatten space parts |> ignore)
        Assert.Contains(fragment, error.Message)

[<Fact>]
let ``the first element outside is found through tuples and dictionaries`` () =
    let space =
        Space.tuple
            [ Space.discrete 2; Space.dict [ "x", Space.boxOf 0.0 1.0 [| 2 |]; "y", Space.multiBinary [| 2 |] ] ]

    for value, expected in
        [
            [| 1f; 0.5f; 1f; 0f; 1f |], -1
            [| 2f; 0.5f; 1f; 0f; 1f |], 0
            [| 1f; 0.5f; 1.5f; 0f; 1f |], 2
            [| 1f; 0.5f; 1f; 0f; 0.5f |], 4
            [| 1f; 0.5f; 1f; nanf; 2f |], 3
        ] do
        Assert.Equal(expected, space.IndexOfOutside(ReadOnlySpan value))

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
    refused "shape" (fun () -> Space.multiBinary [| 0 |])
    refused "counts" (fun () -> Space.multiDiscrete [||])
    refused "counts" (fun () -> Space.multiDiscrete [| 2; 0 |])
    refused "starts" (fun () -> Space.multiDiscreteFrom [| 0 |] [| 2; 2 |])
    refused "parts" (fun () -> Space.tuple [])
    refused "entries" (fun () -> Space.dict [])
    refused "entries" (fun () -> Space.dict [ "a.b", Space.discrete 2 ])
    refused "entries" (fun () -> Space.dict [ "a", Space.discrete 2; "a", Space.discrete 3 ])

[<Fact>]
let ``a value of the wrong length is refused`` () =
    let space = Space.discrete 2
    let error = Assert.Throws<ArgumentException>(fun () -> space.Contains(ReadOnlySpan [| 0.0f; 0.0f |]) |> ignore)
    Assert.Contains("has 2 elements; it must have 1", error.Message)

[<Fact>]
let ``a space prints what it is`` () =
    Assert.Equal("Discrete(2)", string (Space.discrete 2))
    Assert.Equal("Box([-2], [2], shape [1])", string (Space.boxOf -2.0 2.0 [| 1 |]))
    Assert.Equal("MultiDiscrete([2, 3], start [0, -1])", string (Space.multiDiscreteFrom [| 0; -1 |] [| 2; 3 |]))

    Assert.Equal(
        "Dict(seen: MultiBinary([3]), both: Tuple(Discrete(2), MultiDiscrete([4, 5])))",
        string (
            Space.dict
                [
                    "seen", Space.multiBinary [| 3 |]
                    "both", Space.tuple [ Space.discrete 2; Space.multiDiscrete [| 4; 5 |] ]
                ]
        )
    )

[<Fact>]
let ``a space prints the same in every culture`` () =
    let before = Globalization.CultureInfo.CurrentCulture
    let swedish = Globalization.CultureInfo.InvariantCulture.Clone() :?> Globalization.CultureInfo
    swedish.NumberFormat.NegativeSign <- "\u2212"

    try
        Globalization.CultureInfo.CurrentCulture <- swedish
        Assert.Equal("Discrete(3, start -3)", string (Space.discreteFrom -3 3))
    finally
        Globalization.CultureInfo.CurrentCulture <- before

[<Fact>]
let ``choices that no mask can hold are refused`` () =
    let tooMany (space: Space) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> space.Choices |> ignore)
        Assert.Contains("choices", error.Message)

    tooMany (Space.multiBinary [| 1_500_000_000 |])
    let many = Space.multiDiscrete (Array.create 100 16_000_000)
    Assert.Equal(1_600_000_000, many.Choices)
    tooMany (Space.multiDiscrete (Array.create 200 16_000_000))
    tooMany (Space.tuple [ many; many ])
    Assert.Equal(2_000_000_000, (Space.multiBinary [| 1_000_000_000 |]).Choices)
