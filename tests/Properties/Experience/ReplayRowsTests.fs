/// Rows of a replay: compact ones are what was appended, in files and whoever goes on from them.
[<FsCheck.Xunit.Properties(Replay = "(4719071,4719073)", MaxTest = 60)>]
module Rl.Tests.Experience.ReplayRowsTests

#nowarn "3391" // arrays convert to spans

open System
open System.Runtime.InteropServices
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit
open Rl.Tests.Experience.ReplayEpisodes

[<Property>]
let ``bits and bytes are exact`` (bytes: byte[]) =
    let isSame storage (values: float32[]) =
        let packed = Array.zeroCreate<byte>(ColumnStorage.bytes storage values.Length)
        let back = Array.zeroCreate<float32> values.Length
        ColumnStorage.pack "column" storage values packed
        ColumnStorage.unpack storage packed back
        back = values

    let singles = bytes |> Array.map (fun byte -> MathF.Exp(float32 byte - 128.0f))

    isSame ColumnStorage.Bytes (Array.map float32 bytes)
    && isSame ColumnStorage.Bits (bytes |> Array.map (fun byte -> float32 (byte % 2uy)))
    && isSame ColumnStorage.Singles singles
    && ColumnStorage.bytes ColumnStorage.Bits 9 = 2

[<Fact>]
let ``what bits and bytes cannot hold is refused by column and number`` () =
    let refused storage (value: float32) =
        let error =
            Assert.Throws<ArgumentException>(fun () ->
                ColumnStorage.pack "pixels" storage (ReadOnlySpan [| 1.0f; value |]) (Span(Array.zeroCreate<byte> 2)))

        Assert.Contains("Number 1 of a row of pixels", error.Message)

    refused ColumnStorage.Bytes 0.5f
    refused ColumnStorage.Bytes 256.0f
    refused ColumnStorage.Bytes -1.0f
    refused ColumnStorage.Bytes nanf
    refused ColumnStorage.Bits 2.0f
    refused ColumnStorage.Bits nanf

[<Property>]
let ``a replay that keeps observations once gives back what was appended, whoever goes on from it``
    (choices: (byte * byte) list, seed: uint64, copies: byte)
    =
    let copies = int copies % 4 + 1

    // More rows than a chunk has, and room for fewer than are appended.
    [ 40; 4_500 ]
    |> List.forall (fun capacity ->
        let capacity = capacity / copies * copies

        let step (known: (Replay * Step[]) list) (which: byte, size: byte) =
            let replay, all = known[int which % known.Length]
            let more = walk copies (int size * capacity / 150 / copies + 1) (Rng.create (seed + uint64 known.Length))
            // The steps of another walk do not follow those before.
            let replay = Replay.interrupt replay |> Replay.append (data more)
            known @ [ replay, newest capacity (Array.append all more) ]

        let start = [ Replay.ofPlan (compactOf ColumnStorage.Bytes) copies capacity, [||] ]
        let known = List.fold step start (List.truncate 6 choices)
        known |> List.forall (fun (replay, all) -> holds replay all))

[<Fact>]
let ``chunks that share memory keep their own rows, taken over too`` () =
    let layout = ReplayLayout(compactOf ColumnStorage.Bytes)
    let capacity = 10_000_000
    Assert.True(ReplayMemory.Together(layout, capacity) > 4)
    let memory = ReplayMemory(layout, capacity)
    let chunks = Array.init 16 (fun _ -> memory.Chunk())
    Assert.True((chunks |> Array.distinctBy _.Data).Length < chunks.Length)

    // A number for each row; no row keeps anything apart.
    let fill offset (chunk: ReplayChunk) =
        for row in 0 .. ReplayChunk.Rows - 1 do
            let mutable number = offset + row
            (chunk.Row row).Clear()
            MemoryMarshal.Write<int>(chunk.Row row, &number)

    let holds offset rows (chunk: ReplayChunk) =
        Seq.forall
            (fun row -> MemoryMarshal.Read<int>(Span.op_Implicit (chunk.Row row): ReadOnlySpan<byte>) = offset + row)
            (seq { 0 .. rows - 1 })

    chunks |> Array.iteri (fun index chunk -> fill (index * ReplayChunk.Rows) chunk)
    let copies = chunks |> Array.map (fun _ -> memory.Chunk())
    Array.iter2 (fun (copy: ReplayChunk) chunk -> copy.Take(chunk, 100)) copies chunks
    copies |> Array.iter (fun copy -> Assert.Equal(100, copy.Filled))

    for index in 0 .. chunks.Length - 1 do
        Assert.True(holds (index * ReplayChunk.Rows) ReplayChunk.Rows chunks[index])
        Assert.True(holds (index * ReplayChunk.Rows) 100 copies[index])

[<Property>]
let ``appending all at once or a row at a time is the same`` (seed: uint64, copies: byte) =
    let copies = int copies % 3 + 1
    let steps = walk copies 20 (Rng.create seed)
    let start = Replay.ofPlan compact copies 35
    let whole = Replay.append (data steps) start
    let rowByRow = steps |> Array.fold (fun replay step -> Replay.append (data [| step |]) replay) start
    whole = rowByRow && holds whole (newest 35 steps)

[<Property>]
let ``steps are counted from the start of their episodes, and whole episodes are those that are all here``
    (seed: uint64, copies: byte)
    =
    let copies = int copies % 3 + 1
    let steps = walk copies 60 (Rng.create seed)
    let capacity = 40 * copies
    let replay = Replay.ofPlan plain copies capacity |> Replay.append (data steps)
    let dropped = steps.Length - capacity

    Seq.forall
        (fun row ->
            let own = dropped + row

            let ofEpisode =
                [|
                    for other in own % copies .. copies .. steps.Length - 1 do
                        if steps[other].Episode = steps[own].Episode then other - dropped
                |]

            let isWhole = ofEpisode[0] >= 0 && isLast steps[dropped + Array.last ofEpisode]

            replay.Step row = Array.IndexOf(ofEpisode, row)
            && replay.LastOfEpisode row = Array.last ofEpisode
            && replay.WholeEpisode row =
                (if isWhole then
                     ValueSome(struct (ofEpisode[0], Array.last ofEpisode))
                 else
                     ValueNone))
        (every replay)

[<Property>]
let ``a replay in a file is the same replay, and the same in the future`` (seed: uint64, copies: byte) =
    let copies = int copies % 3 + 1
    let steps, more = walk copies 60 (Rng.create seed), walk copies 30 (Rng.create (seed + 1UL))

    [ compactOf ColumnStorage.Bytes; compact; plain; ReplayPlan.plain columns.All ]
    |> List.forall (fun plan ->
        let replay = Replay.ofPlan plan copies (40 * copies) |> Replay.append (data steps)

        [ replay; Replay.interrupt replay ]
        |> List.forall (fun replay ->
            let output = BinaryOut()
            ReplayFormat.write output (Some replay)
            let bytes = output.ToArray()
            let back = ReplayFormat.read (BinaryIn(bytes, 0, bytes.Length, id))
            back = Some replay && Replay.append (data more) back.Value = Replay.append (data more) replay))

[<Fact>]
let ``a replay of an older file is read`` () =
    let output = BinaryOut()
    output.Int -1
    output.Int 3
    output.Int 2
    output.Int 1
    output.Int 9
    output.Text "pair"
    output.Int 2
    output.Singles [| 1.0f; 2.0f; 3.0f; 4.0f |]
    output.Text "number"
    output.Int 0
    output.Singles [| 5.0f; 6.0f |]
    let bytes = output.ToArray()
    let replay = (ReplayFormat.read (BinaryIn(bytes, 0, bytes.Length, id))).Value
    Assert.Equal((2, 9, 3), (replay.Count, replay.Capacity, replay.Missing))
    Assert.Equal<float32[]>([| 1.0f; 2.0f; 3.0f; 4.0f |], read replay (Column.step "pair" 2) [| 0; 1 |])

[<Fact>]
let ``a file's replay that contradicts itself is refused`` () =
    let replay = Replay.ofPlan compact 2 40 |> Replay.append (data (walk 2 12 (Rng.create 1UL)))
    let output = BinaryOut()
    ReplayFormat.write output (Some replay)
    let whole = output.ToArray()
    let mutable refusals = 0

    for place in 0 .. whole.Length - 1 do
        for value in [ 0uy; 127uy; 255uy ] do
            let bytes = Array.copy whole
            bytes[place] <- value

            try
                ReplayFormat.read (BinaryIn(bytes, 0, bytes.Length, id)) |> ignore
            with :? IO.InvalidDataException ->
                refusals <- refusals + 1

    Assert.True(refusals > 100, $"{refusals} refusals")

[<Fact>]
let ``the memory that a replay is said to take is the most it takes`` () =
    let capacity = 5_000
    let plan = compactOf ColumnStorage.Bytes
    let mutable replay = Replay.ofPlan plan 2 capacity
    let mutable most = 0L

    for _ in 1..40 do
        replay <- Replay.append (data (walk 2 251 (Rng.create 3UL))) replay
        most <- max most replay.Rows.MemoryBytes

    // Two integers, two singles of the action and three others, four bytes of an observation; the next apart.
    Assert.Equal(3L * 4_096L * (8L + 20L + 4L) + 2L * 4L, Replay.bytes plan 2 capacity)
    Assert.Equal(Replay.bytes plan 2 capacity, most)
    Assert.Equal(4L, Replay.bytesApart plan)

[<Fact>]
let ``observations are kept as their space allows`` () =
    let box low high shape =
        Space.Box(Array.create (Array.reduce (*) shape) low, Array.create (Array.reduce (*) shape) high, shape)

    let storage = TransitionColumns.storage
    Assert.Equal(ColumnStorage.Bits, storage (Space.MultiBinary [| 4; 10; 10 |]))
    Assert.Equal(ColumnStorage.Bits, storage (Space.Discrete(7, 0)))
    Assert.Equal(ColumnStorage.Bytes, storage (box 0.0 255.0 [| 3; 2; 2 |]))
    Assert.Equal(ColumnStorage.Singles, storage (box 0.0 255.0 [| 4 |]))
    Assert.Equal(ColumnStorage.Singles, storage (box 0.0 1.0 [| 3; 2; 2 |]))
    Assert.Equal(ColumnStorage.Singles, storage (Space.Dict [ "a", Space.Discrete(2, 0); "b", box -1.0 1.0 [| 1 |] ]))
