/// The generator against Java's SplittableRandom, and the statistics of its draws.
[<FsCheck.Xunit.Properties(Replay = "(4719001,4719003)")>]
module Rl.Tests.Foundations.RngTests

open System
open Rl.Core.Foundations
open Xunit
open FsCheck.Xunit

let private take count draw rng =
    let mutable rng = rng

    [|
        for _ in 1..count do
            let struct (value, next) = draw rng
            rng <- next
            yield value
    |]

[<Fact>]
let ``the words of seed 0 are those of SplitMix64`` () =
    // The published first outputs of splitmix64 with state 0.
    let expected = [| 0xE220A8397B1DCDAFUL; 0x6E789E6AA1B965F4UL; 0x06C45D188009454FUL; 0xF88BB8A8724C81ECUL |]
    Assert.Equal<uint64[]>(expected, take 4 Rng.bits (Rng.create 0UL))

[<Property>]
let ``many words at once are those of one after the other, and the stream goes on after them``
    (seed: uint64)
    (count: byte)
    =
    let words = Array.zeroCreate<uint64>(int count)
    let struct (key, _) = Rng.split (Rng.create seed)
    let next = Rng.fill (Span words) key
    let expected = take (int count + 1) Rng.bits key
    let struct (following, _) = Rng.bits next
    words = Array.take (int count) expected && following = expected[int count]

[<Property>]
let ``a stream is a value: the same key draws the same`` (seed: uint64) =
    take 10 Rng.uniform (Rng.create seed) = take 10 Rng.uniform (Rng.create seed)

[<Property>]
let ``split streams differ from each other and from their parent`` (seed: uint64) =
    let struct (child, parent) = Rng.split (Rng.create seed)
    let first, second = take 8 Rng.bits child, take 8 Rng.bits parent
    Array.forall2 (<>) first second

[<Property>]
let ``the stream of an index does not depend on how many are split`` (seed: uint64) (count: byte) =
    let struct (few, _) = Rng.splitMany (int count) (Rng.create seed)
    let struct (many, _) = Rng.splitMany (int count + 7) (Rng.create seed)
    few = Array.take (int count) many

[<Property>]
let ``below stays below`` (seed: uint64) (bound: int) =
    let bound = 1 + (bound &&& 0x7FFFFFFE)

    take 20 (Rng.below bound) (Rng.create seed)
    |> Array.forall (fun value -> value >= 0 && value < bound)

[<Fact>]
let ``below is uniform by a chi-square test`` () =
    let counts = Array.zeroCreate<int> 7

    take 70_000 (Rng.below 7) (Rng.create 3UL)
    |> Array.iter (fun value -> counts[value] <- counts[value] + 1)

    let statistic = counts |> Array.sumBy (fun count -> (float count - 10_000.0) ** 2.0 / 10_000.0)
    Assert.InRange(statistic, 0.0, 22.46) // 99.9 % of χ²(6)

[<Fact>]
let ``normal draws have the moments of the standard normal`` () =
    let draws = take 200_000 Rng.normal (Rng.create 11UL)
    let moment power = draws |> Array.averageBy (fun value -> value ** power)
    Assert.InRange(moment 1.0, -0.01, 0.01)
    Assert.InRange(moment 2.0, 0.985, 1.015)
    Assert.InRange(draws |> Array.averageBy (fun value -> value * value * value * value), 2.9, 3.1)

[<Property>]
let ``normal draws at once are those one after the other, and so is what follows`` (seed: uint64) (count: byte) =
    let start = Rng.create seed
    let values = Array.zeroCreate<float32>(int count)
    let after = Rng.normals (Span values) start
    let mutable rng = start

    for value in values do
        let struct (expected, next) = Rng.normal rng
        Assert.InRange(abs (float value - expected), 0.0, 2e-7 * abs expected + 1e-15)
        rng <- next

    Assert.Equal(rng, after)
    // As bits: what is drawn does not depend on how many come with it.
    let one = Array.zeroCreate<float32> 1
    let mutable rng = start

    for value in values do
        rng <- Rng.normals (Span one) rng
        Assert.Equal(BitConverter.SingleToInt32Bits value, BitConverter.SingleToInt32Bits one[0])

[<Property>]
let ``a permutation holds every index once`` (seed: uint64) (count: byte) =
    let struct (items, _) = Rng.permutation (int count) (Rng.create seed)
    Array.sort items = Array.init (int count) id

[<Fact>]
let ``an empty range is refused by name`` () =
    let error = Assert.Throws<ArgumentOutOfRangeException>(fun () -> Rng.below 0 (Rng.create 1UL) |> ignore)
    Assert.Equal("bound", error.ParamName)
