/// The memory of a replay's rows, in chunks that several replays share.
namespace Rl.Core.Experience

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// Memory for some rows: a part of some bytes. Only rows past what any replay holds are ever written.
[<Sealed>]
type internal ReplayChunk(layout: ReplayLayout, data: byte[], start: int) =
    let mutable apart: byte[] = [||]
    let mutable apartCount = 0

    /// Rows of a chunk.
    static member Rows = 4_096
    /// Rows that the newest replay on this chunk holds.
    member val Filled = 0 with get, set
    member _.Data = data

    /// Where a row begins in `Data`.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member _.At(row: int) : int = start + row * layout.Stride

    /// A row's bytes.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    member this.Row(row: int) : Span<byte> = Span(data, this.At row, layout.Stride)

    /// What is kept apart under a number.
    member _.Apart(number: int) : ReadOnlySpan<byte> = ReadOnlySpan(apart, number * layout.NextBytes, layout.NextBytes)

    /// The bytes of all that is kept apart, one after the other. They may be others after something more is kept.
    member _.ApartData = apart

    /// Keeps some bytes apart: their number.
    member _.Keep(bytes: ReadOnlySpan<byte>) : int =
        let size = layout.NextBytes

        if (apartCount + 1) * size > apart.Length then
            let larger = Array.zeroCreate<byte>(max (4 * size) (2 * apart.Length))
            Array.Copy(apart, larger, apartCount * size)
            apart <- larger

        bytes.CopyTo(Span(apart, apartCount * size, size))
        apartCount <- apartCount + 1
        apartCount - 1

    /// Takes over the first rows of another chunk.
    member this.Take(other: ReplayChunk, rows: int) : unit =
        Array.Copy(other.Data, other.At 0, data, start, rows * layout.Stride)
        this.Filled <- rows

        // What these rows keep apart comes first.
        for row in 0 .. rows - 1 do
            let number = MemoryMarshal.Read<int>(Span.op_Implicit (other.Row(row).Slice 4): ReadOnlySpan<byte>)
            if number > 0 then this.Keep(other.Apart(number - 1)) |> ignore

/// Where the chunks of a replay, and of those that go on from it, come from. Several chunks of a large replay lie in
/// one array, so that it can be on large pages: its rows are read in no order. An array is given back when the last of
/// its chunks is. Thread-safe.
[<Sealed>]
type internal ReplayMemory(layout: ReplayLayout, capacity: int) =
    let size = ReplayChunk.Rows * layout.Stride
    let most = ReplayMemory.Together(layout, capacity)
    let gate = obj ()
    // The newest array, its chunks, and how many of them are taken.
    let mutable data: byte[] = [||]
    let mutable together = 0
    let mutable taken = 0

    /// The most bytes that chunks have together.
    static member private LargestBytes = 32 * 1_048_576

    /// The most chunks of an array: a sixteenth of all of a large memory, so that little is held of what was dropped.
    static member Together(layout: ReplayLayout, capacity: int) : int =
        let size = int64 ReplayChunk.Rows * int64 layout.Stride

        if int64 capacity * int64 layout.Stride < int64 ReplayMemory.LargestBytes then
            1
        else
            let most = int64 ReplayMemory.LargestBytes / size
            int (Math.Clamp(int64 (capacity / ReplayChunk.Rows / 16), 1L, max 1L most))

    /// Memory for rows that nobody has yet. Each array has twice the chunks of the one before, as far as they may, so
    /// that a memory of few rows is small.
    member _.Chunk() : ReplayChunk =
        lock gate (fun () ->
            if taken = together then
                together <- Math.Clamp(2 * together, 1, most)
                data <- GC.AllocateUninitializedArray<byte>(together * size)
                LargePages.advise data
                taken <- 0

            taken <- taken + 1
            ReplayChunk(layout, data, (taken - 1) * size))
