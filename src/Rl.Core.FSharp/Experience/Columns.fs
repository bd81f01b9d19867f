/// The columns of samples: what data is called, how wide it is, and which of its rows belong to a sample.
namespace Rl.Core.Experience

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Foundations

/// Which rows of a column belong to a sample.
[<RequireQualifiedAccess>]
type ColumnKind =
    /// A row for each step: [M, width], and in sequences of L steps [L, units, width].
    | Step
    /// A row for each unit that is learned from as a whole, such as the state that a sequence starts from: [units,
    /// width].
    | Unit
    /// The same numbers for all samples, such as a learning rate: [width].
    | Shared

/// How many samples there are, and in what they come.
type SampleShape =
    {
        /// What is not cut: single steps, or sequences of steps.
        Units: int
        /// L, the steps of a sequence; 0 where the units are single steps.
        Sequence: int
        /// A row depends on all others, as where batches are normalised: they are not cut into lanes.
        IsWhole: bool
    }

    /// M, the number of steps.
    member this.Samples = this.Units * max 1 this.Sequence
    /// The axis of a `Step` column along which the units lie.
    member this.Axis = if this.Sequence > 0 then 1 else 0

/// The shapes of samples.
[<RequireQualifiedAccess>]
module SampleShape =

    /// M single steps.
    let steps (count: int) : SampleShape = { Units = count; Sequence = 0; IsWhole = false }

    /// M single steps, each of which depends on all.
    let wholeBatch (count: int) : SampleShape = { steps count with IsWhole = true }

/// A column that losses read by this token: its name, the numbers in a row, and the kind of its rows.
type Column =
    {
        /// Unique among the columns of an update.
        Name: string
        /// Numbers in a row; 0 for one number a row without an axis of its own.
        Width: int
        /// Which of its rows belong to a sample.
        Kind: ColumnKind
    }

    /// The numbers of a row, 1 for width 0.
    member this.Numbers = max 1 this.Width

    /// The shape of the column's rows of a number of samples.
    member this.Shape(samples: SampleShape) : Shape =
        let row = if this.Width = 0 then [||] else [| this.Width |]

        match this.Kind with
        | ColumnKind.Step when samples.Sequence > 0 -> Array.append [| samples.Sequence; samples.Units |] row
        | ColumnKind.Step
        | ColumnKind.Unit -> Array.append [| samples.Units |] row
        | ColumnKind.Shared -> row

    /// The axis of its rows along which units lie, if they do.
    member this.SampleAxis(samples: SampleShape) : int voption =
        match this.Kind with
        | ColumnKind.Step -> ValueSome samples.Axis
        | ColumnKind.Unit -> ValueSome 0
        | ColumnKind.Shared -> ValueNone

/// Columns by their kind.
[<RequireQualifiedAccess>]
module Column =

    let private create kind (name: string) (width: int) : Column =
        if String.IsNullOrWhiteSpace name then
            Guard.fail (nameof name) "A column needs a name that is not blank."

        Guard.notNegative (nameof width) width
        { Name = name; Width = width; Kind = kind }

    /// `width` numbers for each step.
    let step name width = create ColumnKind.Step name width
    /// One number for each step.
    let number name = create ColumnKind.Step name 0
    /// `width` numbers for each unit.
    let unit name width = create ColumnKind.Unit name width
    /// `width` numbers for all samples together.
    let shared name width = create ColumnKind.Shared name width
    /// One number for all samples together.
    let scalar name = create ColumnKind.Shared name 0

/// Data by column, rows in the order of time, then of copy: row t · N + n of a `Step` column is step t of copy n, row
/// k of a `Unit` column belongs to sequence k / N of copy k mod N. The arrays are read, never written.
[<Sealed>]
type Samples(copies: int, place: int -> struct (int * int), columns: (Column * float32[]) list) =
    let data = Dictionary<string, float32[]>()

    do
        for column, values in columns do
            data[column.Name] <- values

    /// N.
    member _.Copies = copies
    /// The step, from 0, and the copy of a row of the `Step` columns.
    member _.Place(row: int) : struct (int * int) = place row
    /// Whether there is data for a column.
    member _.Has(column: Column) = data.ContainsKey column.Name

    /// The data of a column; fails if there is none.
    member _.Item
        with get (column: Column): float32[] =
            match data.TryGetValue column.Name with
            | true, values -> values
            | _ ->
                let known = String.Join(", ", data.Keys)
                Guard.fail (nameof column) $"The samples have no column {column.Name}; they have: {known}."

    /// All columns with their data.
    member internal _.Columns = columns

    /// The same samples with further columns, or other data for some.
    member _.With(further: (Column * float32[]) list) =
        let replaced (column: Column, _) = further |> List.exists (fun (other, _) -> other.Name = column.Name)
        Samples(copies, place, List.filter (replaced >> not) columns @ further)

    /// Samples of a rollout of N copies: row t · N + n is step t of copy n.
    static member OfRollout(copies: int, columns: (Column * float32[]) list) =
        Guard.positive (nameof copies) copies
        Samples(copies, (fun row -> struct (row / copies, row % copies)), columns)
