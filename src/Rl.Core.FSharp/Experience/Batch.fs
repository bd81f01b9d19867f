/// What a loss is written in: the rows of one lane of the samples, and the parameters of the groups.
namespace Rl.Core.Experience

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks

/// How samples are cut into lanes, which run side by side.
[<RequireQualifiedAccess>]
module Lanes =

    /// Samples are cut into this many lanes, whatever the number of threads, so that threads never change a result.
    let count (samples: int) : int = Math.Clamp(samples / 64, 1, 16)

/// One lane of the samples of an update. A loss is written for a batch and called once for each.
[<Sealed>]
type Batch
    internal
    (
        shape: SampleShape,
        first: int,
        last: int,
        mark: Expr -> Expr,
        own: Column -> Expr,
        all: Column -> Expr,
        groups: Map<string, Parameters>
    ) =
    let cut axis x = Expr.slice axis first last x |> mark

    let flat (x: Expr) =
        if shape.Sequence > 0 then
            let rows = cut 1 x
            Expr.reshape (Array.append [| rows.Shape[0] * rows.Shape[1] |] rows.Shape[2..]) rows
        else
            cut 0 x

    /// The number of samples of all lanes.
    member _.Samples = shape.Samples

    /// The lane's rows of a column: of steps [rows, width], whether or not they come in sequences (then in the order
    /// of time), of units [units, width]; of a shared column the whole of it. Width 0 has no axis.
    member _.Item
        with get (column: Column): Expr =
            match column.Kind with
            | ColumnKind.Step -> flat (own column)
            | ColumnKind.Unit -> cut 0 (own column)
            | ColumnKind.Shared -> own column

    /// The lane's sequences of a column of steps, [L, units, width].
    member _.Sequences(column: Column) : Expr =
        if shape.Sequence = 0 || column.Kind <> ColumnKind.Step then
            Guard.fail
                (nameof column)
                $"The column {column.Name} has no sequences; they are for steps of an update with sequences."

        cut 1 (own column)

    /// A column with the rows of all lanes, for what depends on all samples, such as their mean; `Own` then takes the
    /// lane's.
    member _.All(column: Column) : Expr = all column

    /// The lane's rows of an expression that has one for each sample of all lanes.
    member _.Own(x: Expr) : Expr = flat x

    /// The parameters of a group.
    member _.Parameters(group: string) : Parameters =
        match groups.TryFind group with
        | Some parameters -> parameters
        | None ->
            let known = String.Join(", ", groups.Keys)
            Guard.fail (nameof group) $"The update has no group {group}; it has: {known}."

    /// Whether the update has a group of this name.
    member _.HasGroup(group: string) = groups.ContainsKey group
    /// A block of a group's parameters, in its shape.
    member this.Block(group: string, name: string) : Expr = Parameters.block name (this.Parameters group)
