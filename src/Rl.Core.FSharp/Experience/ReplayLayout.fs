/// How the rows of a replay lie in memory: floats, bytes or bits, and the next observation kept only where it is not
/// the next row's.
namespace Rl.Core.Experience

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open Rl.Core.Foundations

/// How the numbers of a column are kept.
[<RequireQualifiedAccess>]
type ColumnStorage =
    /// Four bytes a number.
    | Singles
    /// Whole numbers 0 … 255, a byte each.
    | Bytes
    /// Zeros and ones, eight a byte.
    | Bits

/// Numbers as bytes. What is unpacked equals what was packed.
[<RequireQualifiedAccess>]
module ColumnStorage =

    /// The bytes of so many numbers.
    let bytes (storage: ColumnStorage) (numbers: int) : int =
        match storage with
        | ColumnStorage.Singles -> 4 * numbers
        | ColumnStorage.Bytes -> numbers
        | ColumnStorage.Bits -> (numbers + 7) / 8

    let private refuse (name: string) index (value: float32) (what: string) =
        Guard.fail
            name
            ($"Number {index} of a row of {name} is {value}; the replay keeps {what} "
             + "there. Use a space that says what the numbers are, or keep them as singles.")

    /// Writes a row's numbers; fails where one cannot be kept so. `name` is the column's.
    let pack (name: string) (storage: ColumnStorage) (values: ReadOnlySpan<float32>) (target: Span<byte>) : unit =
        match storage with
        | ColumnStorage.Singles -> MemoryMarshal.AsBytes(values).CopyTo target
        | ColumnStorage.Bytes ->
            for index in 0 .. values.Length - 1 do
                let value = values[index]

                if not (value >= 0.0f && value <= 255.0f && MathF.Floor value = value) then
                    refuse name index value "whole numbers 0 … 255"

                target[index] <- byte value
        | ColumnStorage.Bits ->
            target.Clear()

            for index in 0 .. values.Length - 1 do
                let value = values[index]

                if value = 1.0f then
                    target[index / 8] <- target[index / 8] ||| (1uy <<< index % 8)
                elif value <> 0.0f then
                    refuse name index value "zeros and ones"

    /// Copies so many floats, mostly few: a call of the general copy would take longer than the copy. Both spans have
    /// as many.
    let private copySingles (source: ReadOnlySpan<byte>) (values: Span<float32>) =
        let count = values.Length
        let from = &MemoryMarshal.GetReference source
        let target = &MemoryMarshal.GetReference values

        if count >= 8 && count <= 64 && Vector256.IsHardwareAccelerated then
            let mutable index = 0

            while index < count do
                // The last eight may begin before the others end.
                let start = min index (count - 8)
                let eight = Unsafe.ReadUnaligned<Vector256<float32>>(&Unsafe.Add(&from, 4 * start))
                Unsafe.WriteUnaligned(&Unsafe.As<float32, byte>(&Unsafe.Add(&target, start)), eight)
                index <- index + 8
        elif count < 8 then
            for index in 0 .. count - 1 do
                Unsafe.Add(&target, index) <- Unsafe.ReadUnaligned<float32>(&Unsafe.Add(&from, 4 * index))
        else
            source.CopyTo(MemoryMarshal.AsBytes values)

    /// Reads a row's numbers.
    let unpack (storage: ColumnStorage) (source: ReadOnlySpan<byte>) (values: Span<float32>) : unit =
        match storage with
        | ColumnStorage.Singles -> copySingles (source.Slice(0, 4 * values.Length)) values
        | ColumnStorage.Bytes ->
            for index in 0 .. values.Length - 1 do
                values[index] <- float32 source[index]
        | ColumnStorage.Bits ->
            for index in 0 .. values.Length - 1 do
                values[index] <- float32 (source[index / 8] >>> index % 8 &&& 1uy)

/// A column and how a replay keeps it.
type ReplayColumn =
    {
        Column: Column
        Storage: ColumnStorage
        /// The column whose next row of the same copy this one usually is, as the next observation is the next row's
        /// observation: it is kept only where it differs, and of the newest rows.
        NextOf: Column option
    }

/// What a replay keeps and how.
type ReplayPlan =
    {
        Columns: ReplayColumn list
        /// The column of one number that is not 0 at an episode's last step; with it the replay knows which rows follow
        /// each other in one episode.
        Ends: Column option
    }

/// Plans of what a replay keeps.
[<RequireQualifiedAccess>]
module ReplayPlan =

    /// All columns as singles, each with all its rows.
    let plain (columns: Column list) : ReplayPlan =
        {
            Columns =
                columns
                |> List.map (fun column -> { Column = column; Storage = ColumnStorage.Singles; NextOf = None })
            Ends = None
        }

/// Where a column's bytes lie: of a row, or, for one that is another's next, of what is kept apart.
[<Struct>]
type internal ColumnPlace =
    {
        Storage: ColumnStorage
        Numbers: int
        Offset: int
        Bytes: int
        /// The place in the row of the column that it is the next of; −1 for a column of its own.
        NextOffset: int
    }

/// A plan's offsets. A row begins with two integers: how many rows of the same copy before it belong to its episode,
/// and k > 0 where what is kept apart of the copy's previous row has number k − 1 in this chunk.
[<Sealed>]
type internal ReplayLayout(plan: ReplayPlan) =
    let columns = plan.Columns

    do
        if columns.IsEmpty || columns |> List.exists (fun column -> column.Column.Kind <> ColumnKind.Step) then
            Guard.fail (nameof columns) "A replay needs columns of steps, at least one."

        if (columns |> List.distinctBy _.Column.Name).Length < columns.Length then
            Guard.fail (nameof columns) "Two columns of a replay have one name; give each its own."

    let find (column: Column) =
        columns
        |> List.tryFindIndex (fun known -> known.Column.Name = column.Name && known.Column.Width = column.Width)

    let bytesOf (column: ReplayColumn) = ColumnStorage.bytes column.Storage column.Column.Numbers

    let order storage =
        match storage with
        | ColumnStorage.Singles -> 0
        | ColumnStorage.Bytes -> 1
        | ColumnStorage.Bits -> 2

    // Singles first, so that they are aligned.
    let offsets isNext start =
        columns
        |> List.filter (fun column -> column.NextOf.IsSome = isNext)
        |> List.sortBy (fun column -> order column.Storage)
        |> List.mapFold (fun offset column -> (column.Column.Name, offset), offset + bytesOf column) start

    let own, rowBytes = offsets false 8
    let nexts, nextBytes = offsets true 0
    let all = Map.ofList (own @ nexts)

    let place (column: ReplayColumn) : ColumnPlace =
        {
            Storage = column.Storage
            Numbers = column.Column.Numbers
            Offset = all[column.Column.Name]
            Bytes = bytesOf column
            NextOffset =
                match column.NextOf with
                | None -> -1
                | Some source ->
                    match find source with
                    | Some index when
                        columns[index].NextOf.IsNone
                        && columns[index].Storage = column.Storage
                        && source.Numbers = column.Column.Numbers
                        ->
                        all[source.Name]
                    | _ ->
                        Guard.fail
                            (nameof columns)
                            ($"The column {column.Column.Name} is the next of {source.Name}, which "
                             + "must be a column of as many numbers, kept in the same way and in full.")
        }

    let places = columns |> List.map place |> List.toArray
    let stride = (rowBytes + 3) / 4 * 4

    let nextReach =
        places
        |> Array.map (fun place -> if place.NextOffset < 0 then 8 else place.NextOffset + place.Bytes)
        |> Array.max

    let ends =
        match plan.Ends with
        | None -> -1
        | Some column ->
            match find column with
            | Some index when
                column.Numbers = 1 && columns[index].NextOf.IsNone && columns[index].Storage = ColumnStorage.Singles
                ->
                index
            | _ ->
                Guard.fail
                    (nameof plan.Ends)
                    ($"The column {column.Name} says where episodes end; "
                     + "it must be a column of one number, kept as singles.")

    /// The plan.
    member _.Plan = plan
    /// By column, in the plan's order.
    member _.Places = places
    /// The bytes of a row.
    member _.Stride = stride
    /// The bytes of what is kept apart of a row: all columns that are others' next.
    member _.NextBytes = nextBytes
    /// The bytes of a row up to the last that another row's next is read from.
    member _.NextReach = nextReach
    /// The number of the column of ends; −1 without.
    member _.Ends = ends

    /// The number of a column; fails if there is none.
    member _.Index(column: Column) : int =
        match find column with
        | Some index -> index
        | None ->
            let known =
                String.Join(", ", columns |> List.map (fun known -> $"{known.Column.Name} ({known.Column.Numbers})"))

            Guard.fail (nameof column) $"The replay has no column {column.Name} of {column.Numbers}; it has: {known}."
