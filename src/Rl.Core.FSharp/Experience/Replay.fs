/// Remembered rows as a value: appending gives another replay, and the one before keeps what it holds.
namespace Rl.Core.Experience

open System
open Rl.Core.Foundations

/// Memory for some rows of all columns. Only rows past what any replay holds are ever written.
[<Sealed>]
type internal ReplayChunk(columns: Column list) =
    let data =
        columns
        |> List.map (fun column -> Array.zeroCreate<float32>(ReplayChunk.Rows * column.Numbers))
        |> List.toArray

    /// Rows of a chunk.
    static member Rows = 4_096
    /// Rows that the newest replay on this chunk holds.
    member val Filled = 0 with get, set
    /// The rows of the column of that number.
    member _.Data = data

    /// Another chunk with the same first rows.
    member this.Copy(rows: int) =
        let copy = ReplayChunk(columns, Filled = rows)

        columns
        |> List.iteri (fun index column -> Array.Copy(data[index], copy.Data[index], rows * column.Numbers))

        copy

/// At most `Capacity` rows of data by column, the oldest first. It is a value: appending costs the new rows only, as
/// long as it goes on from the newest replay; going on from an older one copies a chunk of 4,096 rows at most.
[<Sealed>]
type Replay
    internal
    (
        columns: Column list,
        copies: int,
        capacity: int,
        chunks: ReplayChunk[],
        first: int,
        count: int,
        missing: int,
        appended: int64
    ) =

    let index (column: Column) =
        match columns |> List.tryFindIndex (fun known -> known.Name = column.Name && known.Width = column.Width) with
        | Some index -> index
        | None ->
            let known = String.Join(", ", columns |> List.map (fun column -> $"{column.Name} ({column.Numbers})"))
            Guard.fail (nameof column) $"The replay has no column {column.Name} of {column.Numbers}; it has: {known}."

    /// What a row holds.
    member _.Columns = columns
    /// N: rows come in the order of time, then of copy, so that a copy's next row is N rows on.
    member _.Copies = copies
    /// The largest number of rows.
    member _.Capacity = capacity
    /// The number of rows.
    member _.Count = count
    /// Rows that were left out when it was saved, less those appended since; 0 where nothing is missing.
    member _.Missing = missing
    /// Rows ever appended: row i is the row of number `Appended` − `Count` + i of them all.
    member _.Appended = appended
    member internal _.Chunks = chunks
    /// The first row's place in the first chunk.
    member internal _.First = first

    /// Writes some rows of a column into `target`; row 0 is the oldest.
    member _.Read(column: Column, rows: ReadOnlySpan<int>, target: Span<float32>) : unit =
        let place, width = index column, column.Numbers
        Guard.length (nameof target) (rows.Length * width) target.Length

        for position in 0 .. rows.Length - 1 do
            let row = rows[position]

            if row < 0 || row >= count then
                Guard.fail (nameof rows) $"The replay has {count} rows; there is no row {row}."

            let data = chunks[(first + row) / ReplayChunk.Rows].Data[place]
            let from = (first + row) % ReplayChunk.Rows * width
            ReadOnlySpan(data, from, width).CopyTo(target.Slice(position * width, width))

    /// The number that a row has in a column of one number.
    member _.Number(column: Column, row: int) : float32 =
        let place = index column

        if row < 0 || row >= count then
            Guard.fail (nameof row) $"The replay has {count} rows; there is no row {row}."

        chunks[(first + row) / ReplayChunk.Rows].Data[place].[(first + row) % ReplayChunk.Rows * column.Numbers]

    /// Whether the episode of a row goes on in the copy's next row, which is there. `ends` is not 0 at an episode's last
    /// step.
    member this.GoesOn(ends: Column, row: int) : bool = this.Number(ends, row) = 0.0f && row + copies < count

    /// All rows of a column.
    member internal this.All(column: Column) : float32[] =
        let result = Array.zeroCreate<float32>(count * column.Numbers)
        this.Read(column, ReadOnlySpan(Array.init count id), Span result)
        result

    override this.Equals(other: obj) =
        match other with
        | :? Replay as other ->
            columns = other.Columns
            && copies = other.Copies
            && capacity = other.Capacity
            && count = other.Count
            && missing = other.Missing
            && columns
               |> List.forall (fun column -> this.All(column).AsSpan().SequenceEqual(ReadOnlySpan(other.All column)))
        | _ -> false

    override _.GetHashCode() = HashCode.Combine(copies, capacity, count)

/// Remembering rows and drawing from them.
[<RequireQualifiedAccess>]
module Replay =

    /// No rows yet of `columns`, which are of steps, from N copies; at most `capacity` ≥ 1 are kept.
    let create (columns: Column list) (copies: int) (capacity: int) : Replay =
        Guard.positive (nameof copies) copies
        Guard.positive (nameof capacity) capacity

        if columns.IsEmpty || columns |> List.exists (fun column -> column.Kind <> ColumnKind.Step) then
            Guard.fail (nameof columns) "A replay needs columns of steps, at least one."

        if (columns |> List.distinctBy _.Name).Length < columns.Length then
            Guard.fail (nameof columns) "Two columns of a replay have one name; give each its own."

        Replay(columns, copies, capacity, [||], 0, 0, 0, 0L)

    /// The replay of which `rows` ≥ 0 rows are missing, at most its capacity.
    let internal lacking (rows: int) (replay: Replay) : Replay =
        Guard.inIntRange (nameof rows) 0 replay.Capacity rows

        Replay(
            replay.Columns,
            replay.Copies,
            replay.Capacity,
            replay.Chunks,
            replay.First,
            replay.Count,
            rows,
            replay.Appended
        )

    /// The replay without its rows, which knows how many are `Missing`.
    let withoutRows (replay: Replay) : Replay =
        create replay.Columns replay.Copies replay.Capacity
        |> lacking (min replay.Capacity (replay.Count + replay.Missing))

    /// The replay with further rows after its own; the oldest beyond its capacity are dropped. `data` has as many
    /// rows of each column.
    let append (data: (Column * float32[]) list) (replay: Replay) : Replay =
        let columns = replay.Columns

        let sources =
            columns
            |> List.map (fun column ->
                match
                    data |> List.tryFind (fun (known, _) -> known.Name = column.Name && known.Width = column.Width)
                with
                | Some(_, values) -> struct (column.Numbers, values)
                | None -> Guard.fail (nameof data) $"There is no data for the column {column.Name}.")
            |> List.toArray

        let struct (width, values) = sources[0]
        let added = values.Length / width

        for struct (width, values) in sources do
            Guard.length (nameof data) (added * width) values.Length

        let mutable chunks = replay.Chunks
        let mutable written = 0

        while written < added do
            let used = replay.First + replay.Count + written
            let last = used / ReplayChunk.Rows
            let filled = used % ReplayChunk.Rows

            if last = chunks.Length then
                chunks <- Array.append chunks [| ReplayChunk columns |]
            elif chunks[last].Filled <> filled then
                // Another replay went on from here: its rows are not ours to write over.
                chunks <- Array.copy chunks
                chunks[last] <- chunks[last].Copy filled

            let chunk = chunks[last]
            let number = min (added - written) (ReplayChunk.Rows - filled)

            for index in 0 .. sources.Length - 1 do
                let struct (width, values) = sources[index]
                Array.Copy(values, written * width, chunk.Data[index], filled * width, number * width)

            chunk.Filled <- filled + number
            written <- written + number

        let count = replay.Count + added
        let dropped = max 0 (count - replay.Capacity)
        let first = replay.First + dropped
        let gone = first / ReplayChunk.Rows

        Replay(
            columns,
            replay.Copies,
            replay.Capacity,
            (if gone = 0 then chunks else Array.skip gone chunks),
            first - gone * ReplayChunk.Rows,
            count - dropped,
            max 0 (replay.Missing - added),
            replay.Appended + int64 added
        )

    /// Draws each of `rows` from all with equal probability: the generator that follows. The replay must not be empty.
    let drawInto (rows: Span<int>) (replay: Replay) (key: Rng) : Rng =
        if replay.Count = 0 then
            Guard.fail (nameof replay) "The replay is empty; append rows first."

        let mutable key = key

        for index in 0 .. rows.Length - 1 do
            let struct (row, next) = Rng.below replay.Count key
            rows[index] <- row
            key <- next

        key

    /// `count` rows, each drawn from all with equal probability, and the generator that follows. The replay must not
    /// be empty.
    let draw (count: int) (replay: Replay) (key: Rng) : struct (int[] * Rng) =
        Guard.notNegative (nameof count) count
        let rows = Array.zeroCreate<int> count
        let next = drawInto (Span rows) replay key
        struct (rows, next)

    /// The rows of some steps in a row of one copy, from `row` on: `length` of them, fewer where `ends` (not 0 at an
    /// episode's last step) says that an episode ends or where nothing follows yet. None belongs to another episode
    /// than the first.
    let follow (ends: Column) (length: int) (replay: Replay) (row: int) : int[] =
        Guard.positive (nameof length) length

        let next previous =
            if previous < 0 then
                None
            else
                Some(previous, (if replay.GoesOn(ends, previous) then previous + replay.Copies else -1))

        Seq.unfold next row |> Seq.truncate length |> Seq.toArray

    /// Some rows as samples that an update can learn from: row i of each column is that of rows[i].
    let take (rows: int[]) (replay: Replay) : Samples =
        let column (column: Column) =
            let values = Array.zeroCreate<float32>(rows.Length * column.Numbers)
            replay.Read(column, ReadOnlySpan rows, Span values)
            column, values

        let place row = struct (rows[row] / replay.Copies, rows[row] % replay.Copies)
        Samples(replay.Copies, place, replay.Columns |> List.map column)
