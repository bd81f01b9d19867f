/// What planners search in: coordinates within bounds, and the environment's actions that they stand for.
namespace Rl.Core.Planning

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// The coordinates of one action. An element of a box is one coordinate within its bounds. An integer of n is chosen by
/// the largest of n preferences in [−1, 1] (the first of equal ones), so that no order of the integers matters; one of
/// two, or a bit, by the sign of one coordinate, which is the difference of both. Boxes must be bounded: a search needs
/// to know how wide it is.
[<Sealed>]
type PlanningSpace(actions: Space) =
    // One entry an element of an action: its number of choices (0: a number of a box) and the first of these.
    let struct (choices, starts, lows, highs) =
        let choices, starts = ResizeArray<int>(), ResizeArray<int>()
        let lows, highs = ResizeArray<float>(), ResizeArray<float>()

        let addInteger count start =
            choices.Add count
            starts.Add start

            for _ in 1 .. (if count = 2 then 1 else count) do
                lows.Add -1.0
                highs.Add 1.0

        for part in Space.layout actions do
            match part.Space with
            | Space.Box(low, high, _) ->
                for index in 0 .. low.Length - 1 do
                    if not (Double.IsFinite low[index] && Double.IsFinite high[index]) then
                        Guard.fail
                            (nameof actions)
                            ($"actions is {actions}, whose element {part.Offset + index} has no bounds; a planner "
                             + "searches within bounds: give the environment a bounded Box of actions.")

                    choices.Add 0
                    starts.Add 0
                    lows.Add low[index]
                    highs.Add high[index]
            | Space.Discrete(count, start) -> addInteger count start
            | Space.MultiDiscrete(counts, begins) -> Array.iter2 addInteger counts begins
            | Space.MultiBinary _ ->
                for _ in 1 .. part.Size do
                    addInteger 2 0
            | Space.Tuple _
            | Space.Dict _ -> ()

        struct (choices.ToArray(), starts.ToArray(), lows.ToArray(), highs.ToArray())

    let isBox = choices |> Array.forall ((=) 0)

    /// The environment's actions.
    member _.Actions = actions
    /// The number of coordinates of one action.
    member _.Size = lows.Length
    /// The lower bound of each coordinate.
    member _.Low: float[] = lows
    /// The upper bound of each coordinate.
    member _.High: float[] = highs
    /// Whether coordinates are the action's own numbers: all its elements are of boxes.
    member _.IsBox = isBox
    /// The middle of the bounds of coordinate i.
    member _.Middle(index: int) : float = 0.5 * (lows[index] + highs[index])

    /// action ← what `coordinates` [Size] stand for, among the choices that `mask` allows (empty: all).
    member _.ToAction(coordinates: ReadOnlySpan<float>, mask: ReadOnlySpan<bool>, action: Span<float32>) : unit =
        let mutable first, choice = 0, 0

        for element in 0 .. choices.Length - 1 do
            if choices[element] = 0 then
                action[element] <- float32 (Math.Clamp(coordinates[first], lows[first], highs[first]))
                first <- first + 1
            elif choices[element] = 2 then
                let isSecond = coordinates[first] > 0.0

                let isSecond =
                    mask.IsEmpty && isSecond || not mask.IsEmpty && mask[choice + 1] && (isSecond || not mask[choice])

                action[element] <- float32 (starts[element] + (if isSecond then 1 else 0))
                first <- first + 1
                choice <- choice + 2
            else
                let mutable best = -1

                for index in 0 .. choices[element] - 1 do
                    if
                        (mask.IsEmpty || mask[choice + index])
                        && (best < 0 || coordinates[first + index] > coordinates[first + best])
                    then
                        best <- index

                action[element] <- float32 (starts[element] + best)
                first <- first + choices[element]
                choice <- choice + choices[element]

    /// `ToAction` for each row of `coordinates` [n, Size], every choice possible: actions are [n, `Actions.Size`].
    member this.ToActions(coordinates: ReadOnlySpan<float>, actions: Span<float32>) : unit =
        let rows = coordinates.Length / lows.Length

        if isBox then
            for row in 0 .. rows - 1 do
                let first = row * lows.Length

                for index in 0 .. lows.Length - 1 do
                    actions[first + index] <-
                        float32 (Math.Clamp(coordinates[first + index], lows[index], highs[index]))
        else
            for row in 0 .. rows - 1 do
                this.ToAction(
                    coordinates.Slice(row * lows.Length, lows.Length),
                    ReadOnlySpan.Empty,
                    actions.Slice(row * choices.Length, choices.Length)
                )
