/// Blocks of θ that learning leaves as they are.
namespace Rl.Core.Networks

open System
open Rl.Core.Autodiff

/// A block of θ that is frozen: its name in θ's layout, its first number in θ, and how many it has.
type FrozenBlock = { Name: string; First: int; Count: int }

/// Neighbouring numbers of a vector, all of them frozen or none.
[<Struct>]
type internal FrozenRange = { First: int; Count: int; IsFrozen: bool }

/// What frozen blocks mean for a part of θ, which begins at a number of θ and has a layout: frozen numbers are
/// constants. They have no gradient, so that no norm counts them, no step moves them, and what an optimiser keeps of
/// them stays too.
[<RequireQualifiedAccess>]
module FrozenBlocks =

    let private isFrozen (frozen: FrozenBlock list) (first: int) (block: Block) =
        let start = first + block.Offset

        frozen
        |> List.exists (fun other -> other.First <= start && start + block.Count <= other.First + other.Count)

    /// The blocks of the part that are frozen.
    let internal within (first: int) (layout: Layout) (frozen: FrozenBlock list) : Block list =
        if frozen.IsEmpty then
            []
        else
            layout.Blocks |> Seq.filter (isFrozen frozen first) |> Seq.toList

    /// All numbers of the part in order, neighbours that are alike in one range.
    let internal ranges (frozen: FrozenBlock list) (first: int) (layout: Layout) : FrozenRange list =
        let extend (block: Block) (rest: FrozenRange list) =
            let isFrozen = isFrozen frozen first block

            match rest with
            | next :: others when next.IsFrozen = isFrozen ->
                { next with First = block.Offset; Count = block.Count + next.Count } :: others
            | _ -> { First = block.Offset; Count = block.Count; IsFrozen = isFrozen } :: rest

        List.foldBack extend (List.ofSeq layout.Blocks) []

    /// The part's numbers [count], the frozen ones constant to every derivative.
    let internal stopGradients (frozen: FrozenBlock list) (first: int) (layout: Layout) (theta: Expr) : Expr =
        if (within first layout frozen).IsEmpty then
            theta
        else
            ranges frozen first layout
            |> List.map (fun range ->
                let numbers = Expr.slice 0 range.First (range.First + range.Count) theta
                if range.IsFrozen then Expr.stopGradient numbers else numbers)
            |> Expr.concat 0

    /// Writes the frozen numbers of `before` over those of `after`, both the part's.
    let keep
        (frozen: FrozenBlock list)
        (first: int)
        (layout: Layout)
        (before: ReadOnlySpan<float32>)
        (after: Span<float32>)
        : unit =
        for block in within first layout frozen do
            before.Slice(block.Offset, block.Count).CopyTo(after.Slice(block.Offset, block.Count))

    /// The first frozen block whose numbers are not the same bits in both θ, if there is one.
    let internal moved (frozen: FrozenBlock list) (before: float32[]) (after: float32[]) : string option =
        let isMoved (block: FrozenBlock) =
            seq { block.First .. block.First + block.Count - 1 }
            |> Seq.exists (fun index ->
                BitConverter.SingleToInt32Bits(before[index]) <> BitConverter.SingleToInt32Bits(after[index]))

        frozen |> List.tryFind isMoved |> Option.map _.Name
