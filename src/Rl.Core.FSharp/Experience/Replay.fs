/// Remembered rows as a value: appending gives another replay, and the one before keeps what it holds.
namespace Rl.Core.Experience

open System
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// At most `Capacity` rows of data by column, the oldest first. It is a value: appending costs the new rows only, as
/// long as it goes on from the newest replay; going on from an older one copies a chunk of 4,096 rows at most.
[<Sealed>]
type Replay internal (rows: ReplayRows) =
    let layout, copies = rows.Layout, rows.Copies

    let require row =
        if row < 0 || row >= rows.Count then
            Guard.fail (nameof row) $"The replay has {rows.Count} rows; there is no row {row}."

    /// What a row holds.
    member _.Columns: Column list = layout.Plan.Columns |> List.map _.Column
    /// What a row holds, and how it is kept.
    member _.Plan = layout.Plan
    /// N: rows come in the order of time, then of copy, so that a copy's next row is N rows on.
    member _.Copies = copies
    /// The largest number of rows.
    member _.Capacity = rows.Capacity
    /// The number of rows.
    member _.Count = rows.Count
    /// Rows that were left out when it was saved, less those appended since; 0 where nothing is missing.
    member _.Missing = rows.Missing
    /// Rows ever appended: row i is the row of number `Appended` − `Count` + i of them all.
    member _.Appended = rows.Appended
    member internal _.Rows = rows
    member internal _.Layout = layout

    /// Writes a row's numbers of a place.
    member internal _.Unpack(place: ColumnPlace, row: int, target: Span<float32>) : unit =
        ColumnStorage.unpack place.Storage (rows.Find(place, row)) target

    /// The number of a row at a place of one number.
    member internal _.Single(place: ColumnPlace, row: int) : float32 =
        if place.Storage.IsSingles && place.NextOffset < 0 then
            MemoryMarshal.Read<float32>((rows.Bytes row).Slice place.Offset)
        else
            let mutable number = 0.0f
            ColumnStorage.unpack place.Storage (rows.Find(place, row)) (Span<float32>(&number))
            number

    /// How many rows of the same copy before this one belong to its episode, as far as the replay knows where episodes
    /// end (`ReplayPlan.Ends`).
    member _.Step(row: int) : int =
        require row
        MemoryMarshal.Read<int>(rows.Bytes row)

    /// The number under which what is kept apart of the copy's previous row is, from 1; 0 where nothing is.
    member internal _.ApartNumber(row: int) : int = MemoryMarshal.Read<int>((rows.Bytes row).Slice 4)

    /// Writes some rows of a column into `target`; row 0 is the oldest.
    member this.Read(column: Column, rows: ReadOnlySpan<int>, target: Span<float32>) : unit =
        let place, width = layout.Places[layout.Index column], column.Numbers
        Guard.length (nameof target) (rows.Length * width) target.Length

        for position in 0 .. rows.Length - 1 do
            let row = rows[position]
            require row
            this.Unpack(place, row, target.Slice(position * width, width))

    /// The number that a row has in a column of one number.
    member this.Number(column: Column, row: int) : float32 =
        require row
        let place = layout.Places[layout.Index column]

        if place.Numbers <> 1 then
            Guard.fail (nameof column) $"The column {column.Name} has {place.Numbers} numbers; one was asked for."

        this.Single(place, row)

    /// The last row of a row's episode, as far as it has come: found by halves, since steps are numbered. Needs a plan
    /// that knows where episodes end.
    member this.LastOfEpisode(row: int) : int =
        let step = this.Step row
        let isSame ahead = row + ahead * copies < rows.Count && this.Step(row + ahead * copies) = step + ahead
        let mutable within, beyond = 0, 1

        while isSame beyond do
            within <- beyond
            beyond <- 2 * beyond

        while beyond - within > 1 do
            let middle = within + (beyond - within) / 2
            if isSame middle then within <- middle else beyond <- middle

        row + within * copies

    /// The first and last row of a row's episode; nothing unless both are here: where the first was dropped, the
    /// episode goes on, or was interrupted. Needs a plan that knows where episodes end.
    member this.WholeEpisode(row: int) : struct (int * int) voption =
        if layout.Ends < 0 then
            Guard.fail (nameof row) "The replay does not know where episodes end; give its plan a column of ends."

        let start = row - this.Step row * copies

        if start < 0 then
            ValueNone
        else
            let last = this.LastOfEpisode row

            if this.Single(layout.Places[layout.Ends], last) = 0.0f then
                ValueNone
            else
                ValueSome(struct (start, last))

    /// Whether the episode of a row goes on in the copy's next row, which is there. `ends` is not 0 at an episode's
    /// last step.
    member this.GoesOn(ends: Column, row: int) : bool =
        this.Number(ends, row) = 0.0f && row + copies < rows.Count && this.Step(row + copies) > 0

    /// All rows of a column.
    member internal this.All(column: Column) : float32[] =
        let result = Array.zeroCreate<float32>(rows.Count * column.Numbers)
        this.Read(column, ReadOnlySpan(Array.init rows.Count id), Span result)
        result

    /// Of all rows, how many belong to their episode before them.
    member internal this.Steps: int[] = Array.init rows.Count this.Step

    override this.Equals(other: obj) =
        match other with
        | :? Replay as other ->
            layout.Plan = other.Plan
            && copies = other.Copies
            && rows.Capacity = other.Capacity
            && rows.Count = other.Count
            && rows.Missing = other.Missing
            && rows.Appended = other.Appended
            && rows.Interrupted = other.Rows.Interrupted
            && this.Steps = other.Steps
            && this.Columns
               |> List.forall (fun column -> this.All(column).AsSpan().SequenceEqual(ReadOnlySpan(other.All column)))
        | _ -> false

    override _.GetHashCode() = HashCode.Combine(copies, rows.Capacity, rows.Count)

/// Where some columns stand in a replay, found once for each plan.
[<Sealed>]
type internal ReplayPlaces(columns: Column list) =
    let columns = List.toArray columns
    let mutable known: ReplayLayout voption = ValueNone
    let mutable places: ColumnPlace[] = [||]

    /// By column.
    member _.Of(replay: Replay) : ColumnPlace[] =
        match known with
        | ValueSome layout when obj.ReferenceEquals(layout, replay.Layout) -> ()
        | _ ->
            places <- columns |> Array.map (fun column -> replay.Layout.Places[replay.Layout.Index column])
            known <- ValueSome replay.Layout

        places

/// Remembering rows and drawing from them.
[<RequireQualifiedAccess>]
module Replay =

    /// No rows yet of a plan's columns, which are of steps, from N copies; at most `capacity` ≥ 1 are kept.
    let ofPlan (plan: ReplayPlan) (copies: int) (capacity: int) : Replay =
        Guard.positive (nameof copies) copies
        Guard.positive (nameof capacity) capacity

        Replay(ReplayRows(ReplayLayout plan, copies, capacity))

    /// No rows yet of `columns`, which are of steps, from N copies, all kept as they are; at most `capacity` ≥ 1 are.
    let create (columns: Column list) (copies: int) (capacity: int) : Replay =
        ofPlan (ReplayPlan.plain columns) copies capacity

    /// The bytes of memory that a full replay takes, without what is kept apart of episodes that end:
    /// `bytesApart` for each of them.
    let bytes (plan: ReplayPlan) (copies: int) (capacity: int) : int64 =
        let layout = ReplayLayout plan
        // The oldest of what is allocated at once may hold rows that are dropped already.
        let rows = int64 (ReplayChunk.Rows * ReplayMemory.Together(layout, capacity))
        let parts = (int64 capacity + 2L * rows - 2L) / rows
        parts * rows * int64 layout.Stride + int64 copies * int64 layout.NextBytes

    /// The bytes that a replay takes more for each of its episodes that ended.
    let bytesApart (plan: ReplayPlan) : int64 = int64 (ReplayLayout plan).NextBytes

    let private noted missing appended interrupted (replay: Replay) =
        let rows = replay.Rows.Fork()
        rows.Note(missing, appended, interrupted)
        Replay rows

    /// The replay of which `rows` ≥ 0 rows are missing, at most its capacity, and that had `appended` rows ever.
    let internal lacking (rows: int) (appended: int64) (replay: Replay) : Replay =
        Guard.inIntRange (nameof rows) 0 replay.Capacity rows
        noted rows appended replay.Rows.Interrupted replay

    /// The replay whose rows have so many of their episode before them.
    let internal withSteps (steps: int[]) (replay: Replay) : Replay =
        // Of a replay that is just made: nobody else has its chunks.
        Guard.length (nameof steps) replay.Count steps.Length
        steps |> Array.iteri (fun row step -> replay.Rows.SetStep(row, step))
        replay

    /// The replay whose next `rows` rows begin other episodes.
    let internal interrupted (rows: int) (replay: Replay) : Replay =
        Guard.inIntRange (nameof rows) 0 replay.Copies rows
        noted replay.Missing replay.Appended rows replay

    /// The replay without its rows, which knows how many are `Missing`.
    let withoutRows (replay: Replay) : Replay =
        ofPlan replay.Plan replay.Copies replay.Capacity
        |> lacking (min replay.Capacity (replay.Count + replay.Missing)) replay.Appended

    /// The replay whose next rows begin other episodes: what is appended next does not follow what it holds.
    let interrupt (replay: Replay) : Replay = interrupted replay.Copies replay

    /// The data of a replay's columns, in their order, and the number of rows: as many of each column.
    let internal sources (data: (Column * float32[]) list) (replay: Replay) : struct (float32[][] * int) =
        let columns = replay.Columns

        let sources =
            columns
            |> List.map (fun column ->
                match
                    data |> List.tryFind (fun (known, _) -> known.Name = column.Name && known.Width = column.Width)
                with
                | Some(_, values) -> values
                | None -> Guard.fail (nameof data) $"There is no data for the column {column.Name}.")
            |> List.toArray

        let added = sources[0].Length / columns.Head.Numbers

        List.iteri
            (fun index (column: Column) -> Guard.length (nameof data) (added * column.Numbers) sources[index].Length)
            columns

        struct (sources, added)

    /// The same replay, whose rows may be moved on in place as long as nobody else has it.
    let internal fork (replay: Replay) : Replay = Replay(replay.Rows.Fork())

    /// The replay with further rows after its own; the oldest beyond its capacity are dropped. `data` has as many
    /// rows of each column.
    let append (data: (Column * float32[]) list) (replay: Replay) : Replay =
        let struct (sources, added) = sources data replay

        if added = 0 then
            replay
        else
            let next = fork replay
            next.Rows.Append(sources, added)
            next

    /// The same rows in a replay that keeps at most `capacity`, which must be as many as it holds at least.
    let withCapacity (capacity: int) (replay: Replay) : Replay =
        Guard.inIntRange (nameof capacity) (max 1 replay.Count) Int32.MaxValue capacity
        Replay(replay.Rows.Within capacity)

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
