/// Replay as a value: what it holds never changes, whoever goes on from it.
[<FsCheck.Xunit.Properties(Replay = "(4719061,4719063)", MaxTest = 60)>]
module Rl.Tests.Experience.ReplayTests

open System
open FsCheck.Xunit
open Rl.Core.Experience
open Rl.Core.Foundations
open Xunit

let private pair = Column.step "pair" 2
let private number = Column.number "number"
let private ends = Column.number "ends"
let private columns = [ pair; number; ends ]

/// Rows with the numbers from `first` on: (n, −n), n, and whether 7 divides n.
let private rows first count =
    let numbers = Array.init count (fun i -> float32 (first + i))

    [
        pair, numbers |> Array.collect (fun n -> [| n; -n |])
        number, numbers
        ends, numbers |> Array.map (fun n -> if int n % 7 = 0 then 1.0f else 0.0f)
    ]

let private numbers (replay: Replay) =
    let all = Array.init replay.Count id
    let result, pairs = Array.zeroCreate<float32> replay.Count, Array.zeroCreate<float32>(2 * replay.Count)
    replay.Read(number, ReadOnlySpan all, Span result)
    replay.Read(pair, ReadOnlySpan all, Span pairs)
    // The columns stay together.
    Array.iteri (fun i n -> Assert.Equal((n, -n), (pairs[2 * i], pairs[2 * i + 1]))) result
    result |> Array.map int |> List.ofArray

/// What a list of all rows so far would keep.
let private kept capacity (all: int list) = all |> List.skip (max 0 (all.Length - capacity))

[<Property>]
let ``the ring keeps the newest rows in their order``
    (sizes: FsCheck.NonNegativeInt list)
    (capacity: FsCheck.PositiveInt)
    =
    // Capacities on both sides of a chunk's size.
    let capacity = capacity.Get * 611 % 9_000 + 1

    let step (replay, all: int list) (size: FsCheck.NonNegativeInt) =
        let size = size.Get * 577 % 5_000
        Replay.append (rows all.Length size) replay, all @ [ all.Length .. all.Length + size - 1 ]

    let replay, all = List.fold step (Replay.create columns 1 capacity, []) (List.truncate 6 sizes)
    numbers replay = kept capacity all

[<Property>]
let ``any replay stays what it was, whatever is appended to it and to those made from it``
    (choices: (byte * byte) list)
    =
    // Each step appends to any of the replays so far; each is compared with a list that was made the same way.
    let capacity = 5_000

    let step (known: (Replay * int list) list) (which: byte, size: byte) =
        let replay, all = known[int which % known.Length]
        let size, first = int size * 37 % 3_000, 10_000 * known.Length

        known
        @ [ Replay.append (rows first size) replay, kept capacity (all @ [ first .. first + size - 1 ]) ]

    let known = List.fold step [ Replay.create columns 2 capacity, [] ] (List.truncate 9 choices)
    known |> List.forall (fun (replay, all) -> numbers replay = all)

[<Property>]
let ``steps that follow each other belong to one copy and one episode``
    (copies: FsCheck.PositiveInt)
    (length: FsCheck.PositiveInt)
    =
    let copies, length = copies.Get % 5 + 1, length.Get % 9 + 1
    let count = 300
    // Row i is step i / N of copy i mod N; copy c's episodes have c + 3 steps.
    let episode row = row / copies / (row % copies + 3)
    let isLast row = (row / copies + 1) % (row % copies + 3) = 0
    let flags = Array.init count (fun row -> if isLast row then 1.0f else 0.0f)
    let all = Array.init count float32
    let replay = Replay.create [ number; ends ] copies 250 |> Replay.append [ number, all; ends, flags ]
    let original row = row + count - replay.Count

    Seq.forall
        (fun row ->
            let followed = Replay.follow ends length replay row |> Array.map original
            let first = original row
            let isWhole = followed.Length = length
            let last = Array.last followed

            followed[0] = first
            && followed |> Array.mapi (fun k row -> row = first + k * copies) |> Array.forall id
            && followed |> Array.forall (fun row -> episode row = episode first)
            && (isWhole || isLast last || last + copies >= count))
        (seq { 0 .. replay.Count - 1 })

[<Fact>]
let ``rows are drawn evenly, from the generator alone`` () =
    let replay = Replay.create columns 1 10 |> Replay.append (rows 0 25)
    let struct (drawn, next) = Replay.draw 20_000 replay (Rng.create 4UL)
    let struct (again, next') = Replay.draw 20_000 replay (Rng.create 4UL)
    Assert.Equal<int[]>(drawn, again)
    Assert.Equal(next, next')
    let counts = Array.countBy id drawn
    Assert.Equal(10, counts.Length)

    Assert.All(
        counts,
        (fun (row, count) ->
            Assert.InRange(row, 0, 9)
            Assert.InRange(count, 1_850, 2_150))
    )

[<Fact>]
let ``samples of drawn rows have their data and their places`` () =
    let replay = Replay.create columns 4 100 |> Replay.append (rows 0 50)
    let samples = Replay.take [| 9; 2 |] replay
    Assert.Equal<float32[]>([| 9.0f; -9.0f; 2.0f; -2.0f |], samples[pair])
    Assert.Equal(struct (2, 1), samples.Place 0)
    Assert.Equal(struct (0, 2), samples.Place 1)

[<Fact>]
let ``equal replays hold the same rows, however they came to be`` () =
    let whole = Replay.create columns 1 100 |> Replay.append (rows 0 150)
    let parts = Replay.create columns 1 100 |> Replay.append (rows 0 70) |> Replay.append (rows 70 80)
    let other = Replay.create columns 1 100 |> Replay.append (rows 1 150)
    Assert.Equal(whole, parts)
    Assert.NotEqual(whole, other)

[<Fact>]
let ``what cannot be is refused by name`` () =
    let refused (part: string) (action: unit -> unit) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> action ())
        Assert.Contains(part, error.Message)

    let replay = Replay.create columns 1 10
    refused "empty" (fun () -> Replay.draw 1 replay (Rng.create 1UL) |> ignore)
    refused "number" (fun () -> Replay.append [ pair, [| 1.0f; 2.0f |] ] replay |> ignore)

    refused "data" (fun () ->
        Replay.append [ pair, [| 1.0f; 2.0f |]; number, [| 1.0f; 2.0f |]; ends, [| 0.0f |] ] replay
        |> ignore)

    refused "no row 3" (fun () -> Replay.take [| 3 |] (Replay.append (rows 0 3) replay) |> ignore)
    refused "no column other" (fun () -> replay.Read(Column.number "other", ReadOnlySpan.Empty, Span.Empty))
    refused "columns of steps" (fun () -> Replay.create [ Column.scalar "rate" ] 1 10 |> ignore)
