/// Whether an action is possible in a copy of a batch with action masks, for wrappers that take actions of their own
/// accord.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Environments

/// The masks of a batch, asked one copy at a time. Different copies may be asked by different threads at once;
/// nothing is allocated.
[<Sealed>]
type internal PossibleActions(inner: BatchEnvironment) =
    let actionSpace = inner.ActionSpace
    let parts = Array.ofList (Space.layout actionSpace)
    let choices = actionSpace.Choices
    /// The index of each part's first choice.
    let firsts = parts |> Array.scan (fun first part -> first + part.Space.Choices) 0
    let masks = Array.zeroCreate<bool>(if inner.HasActionMasks then inner.Count * choices else 0)

    let allows (mask: ReadOnlySpan<bool>) (part: SpacePart) (values: ReadOnlySpan<float32>) =
        match part.Space with
        | Space.Discrete(_, start) -> mask[int values[0] - start]
        | Space.MultiDiscrete(counts, starts) ->
            let mutable first = 0
            let mutable isPossible = true

            for index in 0 .. counts.Length - 1 do
                isPossible <- isPossible && mask[first + int values[index] - starts[index]]
                first <- first + counts[index]

            isPossible
        | Space.MultiBinary _ ->
            let mutable isPossible = true

            for index in 0 .. values.Length - 1 do
                isPossible <- isPossible && mask[2 * index + int values[index]]

            isPossible
        | _ -> true

    /// Whether an action of the space, every integer and bit of it, is possible now in a copy.
    member _.Allow(copy: int, action: ReadOnlySpan<float32>) : bool =
        let mutable isPossible = true

        if masks.Length > 0 then
            inner.ActionMasks(copy, 1, Span masks)
            let mask = ReadOnlySpan<bool>(masks, copy * choices, choices)

            for index in 0 .. parts.Length - 1 do
                let part = parts[index]
                let values = action.Slice(part.Offset, part.Size)
                isPossible <- isPossible && allows (mask.Slice firsts[index]) part values

        isPossible
