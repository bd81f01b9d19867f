/// The rows of a replay in chunks, which their owner moves on in place and others share as they are.
namespace Rl.Core.Experience

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// Rows by the plan of a layout, of N copies in the order of time, then of copy. The owner appends in place, without
/// allocating anything but a chunk for each 4,096 rows; `Fork` is where another owner goes on, and costs nothing more
/// as long as only one of them does.
[<Sealed>]
type internal ReplayRows
    private (layout: ReplayLayout, memory: ReplayMemory, copies: int, capacity: int, newest: byte[]) =
    let columns = layout.Plan.Columns |> List.toArray
    let places, nextBytes = layout.Places, layout.NextBytes
    let ends = if layout.Ends < 0 then -1 else places[layout.Ends].Offset
    let mutable chunks: ReplayChunk[] = [||]
    // The first row's place in the first chunk.
    let mutable first = 0
    let mutable count = 0
    let mutable missing = 0
    let mutable appended = 0L
    // How many of the next rows begin something new, whatever came before.
    let mutable interrupted = 0
    // `newest` has what is kept apart of the newest row of each copy, as long as no row follows it there. The next row
    // to come takes this place.
    let mutable next = 0

    let bytesOf row : Span<byte> =
        let at = first + row
        chunks[at / ReplayChunk.Rows].Row(at % ReplayChunk.Rows)

    let waiting place = Span<byte>(newest, place * nextBytes, nextBytes)

    /// Where what follows a row's numbers is: struct (bytes, where, whether it is kept apart and not a row).
    let locateNext row : struct (byte[] * int * bool) =
        if row + copies >= count then
            let slot = (next + copies - (count - row)) % copies
            struct (newest, slot * nextBytes, true)
        else
            let at = first + row + copies
            let chunk = chunks[at / ReplayChunk.Rows]
            let place = chunk.At(at % ReplayChunk.Rows)
            let number = MemoryMarshal.Read<int>(ReadOnlySpan(chunk.Data, place + 4, 4))

            if number = 0 then
                struct (chunk.Data, place, false)
            else
                struct (chunk.ApartData, (number - 1) * nextBytes, true)

    /// Where a column of a row stands.
    let find (place: ColumnPlace) row : ReadOnlySpan<byte> =
        if place.NextOffset < 0 then
            Span.op_Implicit ((bytesOf row).Slice(place.Offset, place.Bytes))
        else
            let struct (data, at, isApart) = locateNext row
            ReadOnlySpan(data, at + (if isApart then place.Offset else place.NextOffset), place.Bytes)

    /// Whether what waits of a row is what its successor holds.
    let isNext (waits: ReadOnlySpan<byte>) (successor: ReadOnlySpan<byte>) =
        let mutable same = true

        for place in places do
            if place.NextOffset >= 0 then
                let own = waits.Slice(place.Offset, place.Bytes)
                same <- same && own.SequenceEqual(successor.Slice(place.NextOffset, place.Bytes))

        same

    /// How a row follows the copy's row before it.
    let link row (chunk: ReplayChunk) (target: Span<byte>) =
        let previous = row - copies
        let mutable step, apart = 0, 0

        if previous >= 0 then
            let waits: ReadOnlySpan<byte> = Span.op_Implicit (waiting next)
            let same = isNext waits (Span.op_Implicit target)
            if not same then apart <- 1 + chunk.Keep waits
            let before: ReadOnlySpan<byte> = Span.op_Implicit (bytesOf previous)
            let isBroken = interrupted > 0
            let isEnd = ends >= 0 && MemoryMarshal.Read<float32>(before.Slice ends) <> 0.0f

            if same && not isBroken && not isEnd then
                step <- 1 + MemoryMarshal.Read<int> before

        MemoryMarshal.Write(target, &step)
        MemoryMarshal.Write(target.Slice 4, &apart)

    /// The chunk that a further row goes to.
    let chunkFor row =
        let used = first + row
        let last, place = used / ReplayChunk.Rows, used % ReplayChunk.Rows

        if last = chunks.Length then
            chunks <- Array.append chunks [| memory.Chunk() |]
        elif chunks[last].Filled <> place then
            // Another owner went on from here: its rows are not ours to write over.
            let own = memory.Chunk()
            own.Take(chunks[last], place)
            chunks <- Array.copy chunks
            chunks[last] <- own

        chunks[last]

    /// Writes row `from` of the sources, or what waits of it.
    let pack (sources: float32[][]) from (waits: Span<byte>) (target: Span<byte>) isNext =
        for index in 0 .. places.Length - 1 do
            let place = places[index]

            if (place.NextOffset >= 0) = isNext then
                let values = ReadOnlySpan(sources[index], from * place.Numbers, place.Numbers)
                let own = (if isNext then waits else target).Slice(place.Offset, place.Bytes)
                ColumnStorage.pack columns[index].Column.Name place.Storage values own

    let write (sources: float32[][]) from =
        let row = count
        let chunk = chunkFor row
        let target = chunk.Row((first + row) % ReplayChunk.Rows)
        pack sources from (waiting next) target false
        link row chunk target
        pack sources from (waiting next) target true
        chunk.Filled <- (first + row) % ReplayChunk.Rows + 1
        next <- (next + 1) % copies
        count <- count + 1
        appended <- appended + 1L
        missing <- max 0 (missing - 1)
        interrupted <- max 0 (interrupted - 1)

    let drop () =
        let dropped = max 0 (count - capacity)
        let start = first + dropped
        let gone = start / ReplayChunk.Rows
        if gone > 0 then chunks <- Array.skip gone chunks
        first <- start - gone * ReplayChunk.Rows
        count <- count - dropped

    /// No rows yet.
    new(layout: ReplayLayout, copies: int, capacity: int) =
        let newest = Array.zeroCreate<byte>(copies * layout.NextBytes)
        ReplayRows(layout, ReplayMemory(layout, capacity), copies, capacity, newest)

    member _.Layout = layout
    member _.Copies = copies
    member _.Capacity = capacity
    member _.Count = count
    /// Rows that were left out when the replay was saved, less those appended since.
    member _.Missing = missing
    member _.Appended = appended
    member _.Interrupted = interrupted

    /// The bytes of memory that they take, without what is kept apart of episodes that ended.
    member _.MemoryBytes: int64 = int64 chunks.Length * int64 ReplayChunk.Rows * int64 layout.Stride + newest.LongLength

    /// A row's bytes.
    member _.Bytes(row: int) : ReadOnlySpan<byte> = Span.op_Implicit (bytesOf row)
    /// Where a column of a row stands.
    member _.Find(place: ColumnPlace, row: int) : ReadOnlySpan<byte> = find place row

    /// Where a row's bytes are; fails where there is no such row.
    member _.Locate(row: int) : struct (byte[] * int) =
        if row < 0 || row >= count then
            Guard.fail (nameof row) $"The replay has {count} rows; there is no row {row}."

        let at = first + row
        let chunk = chunks[at / ReplayChunk.Rows]
        struct (chunk.Data, chunk.At(at % ReplayChunk.Rows))

    /// Has what is a row's next brought near before it is read, where that is the copy's next row.
    member _.FetchNext(row: int) : unit =
        if row + copies < count then
            let next: ReadOnlySpan<byte> = Span.op_Implicit (bytesOf (row + copies))
            Prefetch.bytes (next.Slice(0, layout.NextReach))

    /// Where what follows a row's numbers is: struct (bytes, where, whether it is kept apart and not a row).
    member _.LocateNext(row: int) : struct (byte[] * int * bool) = locateNext row

    /// Appends `added` rows, row after row of each column's numbers in the order of the plan, and drops the oldest
    /// beyond the capacity.
    member _.Append(sources: float32[][], added: int) : unit =
        for from in 0 .. added - 1 do
            write sources from

        drop ()

    /// The same rows, for another owner.
    member this.Fork() : ReplayRows = this.Within capacity

    /// The same rows for another owner, of which it keeps at most so many.
    member _.Within(capacity: int) : ReplayRows =
        let fork = ReplayRows(layout, memory, copies, capacity, Array.copy newest)
        fork.Take(chunks, first, count, next)
        fork.Note(missing, appended, interrupted)
        fork

    member private _.Take(ofChunks, ofFirst, ofCount, ofNext) =
        chunks <- ofChunks
        first <- ofFirst
        count <- ofCount
        next <- ofNext

    /// Sets what is told about the rows.
    member _.Note(ofMissing: int, ofAppended: int64, ofInterrupted: int) : unit =
        missing <- ofMissing
        appended <- ofAppended
        interrupted <- ofInterrupted

    /// Sets how many of its episode a row has before it. Only for rows that nobody else has.
    member _.SetStep(row: int, step: int) : unit = MemoryMarshal.Write(bytesOf row, &step)
