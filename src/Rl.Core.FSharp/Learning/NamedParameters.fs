/// θ by the names of its blocks: reading, writing, copying from another θ, freezing.
namespace Rl.Core.Learning

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Networks

/// What became of the blocks that were to be copied from another θ.
type TransferReport =
    {
        /// The names of the blocks that were copied.
        Copied: string list
        /// The names of those that were not, each with the reason.
        Skipped: (string * string) list
    }

/// Blocks are meant by patterns: a name ("actor/0/weight"), a prefix that ends with '/' ("actor/"), or a text in which
/// '*' stands for any letters ("*/bias").
[<RequireQualifiedAccess>]
module NamedParameters =

    let private names (layout: Layout) = layout.Blocks |> Seq.map _.Name |> Seq.toList

    let private isMeant (pattern: string) : string -> bool =
        if pattern.Contains '*' then
            fun name -> IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name, false)
        elif pattern.EndsWith '/' then
            fun name -> name.StartsWith(pattern, StringComparison.Ordinal)
        else
            fun name -> String.Equals(name, pattern, StringComparison.Ordinal)

    let private nearest (layout: Layout) (wrong: string) =
        let near = Registry.nearestOf (names layout) (wrong.Trim('*', '/'))
        String.Join(", ", near)

    /// The block of a name; fails, with the nearest names, if there is none.
    let find (name: string) (layout: Layout) : Block =
        Guard.notNull (nameof name) name

        if layout.Contains name then
            layout[name]
        else
            Guard.fail
                (nameof name)
                ($"There is no block \"{name}\" of parameters; the nearest of {layout.Blocks.Count} names are "
                 + $"{nearest layout name}.")

    let private found (pattern: string) (layout: Layout) (all: string list) =
        Guard.notNull (nameof pattern) pattern

        match List.filter (isMeant pattern) all with
        | [] ->
            Guard.fail
                (nameof pattern)
                ($"No block of parameters is meant by \"{pattern}\"; the nearest of {layout.Blocks.Count} names are "
                 + $"{nearest layout pattern}. Give a name, a prefix that ends with '/', or '*' for any letters.")
        | meant -> meant

    /// The names of the blocks that a pattern means, in the order of θ; fails, with the nearest names, if it means
    /// none.
    let matching (pattern: string) (layout: Layout) : string list = found pattern layout (names layout)

    /// θ with other values [count] of the block of a name. Fails for an unknown name, values of another number than the
    /// block has, and values that are not finite.
    let write (name: string) (values: ReadOnlySpan<float32>) (layout: Layout) (theta: float32[]) : float32[] =
        let block = find name layout

        if values.Length <> block.Count then
            Guard.fail
                (nameof values)
                ($"{values.Length} values are given for the block \"{name}\", whose shape {Shape.print block.Shape} "
                 + $"has {block.Count}.")

        match Guard.indexOfNonFinite values with
        | -1 -> ()
        | bad ->
            Guard.fail
                (nameof values)
                $"Value {bad} for the block \"{name}\" is {values[bad]}; parameters must be finite."

        let result = Array.copy theta
        values.CopyTo(result.AsSpan(block.Offset, block.Count))
        result

    /// θ with the blocks that a pattern means copied from another θ with its layout, where both have a block of the
    /// name and of the same shape. Fails if the pattern means no block of either.
    let transfer
        (pattern: string)
        (other: Layout)
        (source: float32[])
        (layout: Layout)
        (theta: float32[])
        : struct (float32[] * TransferReport) =
        let result = Array.copy theta

        let skip name =
            if not (other.Contains name) then
                Some "the other agent has no such block"
            elif not (layout.Contains name) then
                Some "this agent has no such block"
            elif other[name].Shape <> layout[name].Shape then
                Some $"its shape is {Shape.print other[name].Shape} there and {Shape.print layout[name].Shape} here"
            else
                None

        let meant = found pattern layout (names layout @ names other |> List.distinct)

        for name in meant do
            if (skip name).IsNone then
                let block = layout[name]
                source.AsSpan(other[name].Offset, block.Count).CopyTo(result.AsSpan(block.Offset, block.Count))

        struct (result,
                {
                    Copied = meant |> List.filter (fun name -> (skip name).IsNone)
                    Skipped = meant |> List.choose (fun name -> skip name |> Option.map (fun reason -> name, reason))
                })

    /// The state with another θ of the same length. What optimisers keep stays, and target networks follow as they
    /// would.
    let withParameters (theta: float32[]) (state: TrainingState) : TrainingState =
        Guard.length (nameof theta) state.Parameters.Length theta.Length
        { state with Parameters = theta }

    /// The policy with another θ of the same length.
    let ofPolicy (theta: float32[]) (policy: PolicyModel) : PolicyModel =
        Guard.length (nameof theta) policy.Parameters.Length theta.Length
        { policy with Parameters = theta }

    let private isFrozen (state: TrainingState) name = state.Frozen |> List.exists (fun block -> block.Name = name)

    let private withFrozen chosen (layout: Layout) (state: TrainingState) : TrainingState =
        // Who loads a file without its environment may not know the names of critics.
        let unknown = state.Frozen |> List.filter (fun block -> chosen block.Name && not (layout.Contains block.Name))

        let known: FrozenBlock list =
            [
                for block in layout.Blocks do
                    if chosen block.Name then
                        { Name = block.Name; First = block.Offset; Count = block.Count }
            ]

        { state with Frozen = known @ unknown |> List.sortBy _.First }

    /// The state whose blocks that the pattern means are frozen too: they keep their bits through training, and so does
    /// what optimisers keep of them. To gradients, their norms and optimisers they are constants.
    let freeze (pattern: string) (layout: Layout) (state: TrainingState) : TrainingState =
        let meant = matching pattern layout
        withFrozen (fun name -> List.contains name meant || isFrozen state name) layout state

    /// The state whose blocks that the pattern means are not frozen any more.
    let unfreeze (pattern: string) (layout: Layout) (state: TrainingState) : TrainingState =
        let meant = found pattern layout (names layout @ (state.Frozen |> List.map _.Name) |> List.distinct)
        withFrozen (fun name -> isFrozen state name && not (List.contains name meant)) layout state
