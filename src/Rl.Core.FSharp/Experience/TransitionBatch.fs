/// Drawn transitions in memory that is used again and again: what an update from replayed steps learns from.
namespace Rl.Core.Experience

open System
open Rl.Core.Foundations

/// The columns that learning from replayed steps reads beside those of transitions.
[<RequireQualifiedAccess>]
module DrawnColumns =

    /// What s′'s value is multiplied with: γ^k of the k steps to it, or 0 where it is terminal.
    let discounts: Column = Column.number "discounts"
    /// The importance weight of the draw; 1 where all rows are drawn alike.
    let weights: Column = Column.number "weights"

    let private between (steps: int) (name: string) numbers = Column.step $"{name} between" ((steps - 1) * numbers)

    /// A column of s′ at the n − 1 states before it that returns of up to n steps are mixed with, one after the other.
    let ofBetween (steps: int) (column: Column) : Column = between steps column.Name column.Numbers

    /// What their values are multiplied with.
    let discountsBetween (steps: int) : Column = between steps discounts.Name 1

/// `size` transitions of up to n steps, drawn again and again into the same memory. Its samples have the columns of
/// transitions, where `Rewards` are the sums Σ γ^i r and `NextObservations`, `Continues` and `Ends` those of the last
/// step, the `DrawnColumns`, and further columns of the replay, of the first step. With λ below 1 (`MultiStep`) there
/// are the states between and their discounts too. Not thread-safe.
[<Sealed>]
type TransitionBatch
    internal
    (columns: TransitionColumns, further: Column list, size, units: int, steps: int, discount: float, lambda: float) =
    do Guard.positive (nameof size) size
    let multiStep = MultiStep(columns, steps, discount, lambda)
    let rows, last = Array.zeroCreate<int> size, Array.zeroCreate<int> size
    let memory (column: Column) = column, Array.zeroCreate<float32>(size * column.Numbers)
    let ofFirst = columns.Observations :: columns.Actions :: further |> List.map memory
    let ofLast = [ columns.NextObservations; columns.Continues; columns.Ends ] |> List.map memory
    let rewards = memory columns.Rewards
    let returns = snd rewards
    let placesOf memories = memories |> List.map fst |> ReplayPlaces
    let targetsOf (memories: (Column * float32[]) list) = memories |> List.map snd |> List.toArray
    let firstPlaces, lastPlaces = placesOf ofFirst, placesOf ofLast
    let firstTargets, lastTargets = targetsOf ofFirst, targetsOf ofLast
    // Of transitions of one step all are of the same row.
    let ofStep = ofFirst @ [ rewards ] @ ofLast
    let stepPlaces, stepTargets = placesOf ofStep, targetsOf ofStep
    let _, discounts = memory DrawnColumns.discounts
    let _, weights = memory DrawnColumns.weights
    // The rows that lead to the states before s′ whose values count, of one transition after the other.
    let between = Array.zeroCreate<int>(if lambda < 1.0 then size * (steps - 1) else 0)

    let ofBetween =
        if between.Length = 0 then
            []
        else
            [ DrawnColumns.ofBetween steps columns.NextObservations; DrawnColumns.discountsBetween steps ]
            |> List.map memory

    let observationsBetween, discountsBetween =
        match ofBetween with
        | [ (_, observations); (_, discounts) ] -> observations, discounts
        | _ -> [||], [||]

    let nextPlaces, nextTargets = ReplayPlaces [ columns.NextObservations ], [| observationsBetween |]
    let mutable copies = 1

    let samples =
        Samples(
            units,
            (fun row -> struct (rows[row] / copies, rows[row] % copies)),
            [
                yield! ofFirst
                yield! ofLast
                rewards
                DrawnColumns.discounts, discounts
                DrawnColumns.weights, weights
                yield! ofBetween
            ]
        )

    let found, foundBetween = RowGather size, RowGather between.Length
    let continues = ofLast |> List.find (fun (column, _) -> column.Name = columns.Continues.Name) |> snd

    let read (replay: Replay) =
        copies <- replay.Copies

        if steps = 1 then
            found.Read(replay.Rows, ReadOnlySpan rows, stepPlaces.Of replay, stepTargets)
            Array.Copy(rows, last, size)

            for index in 0 .. size - 1 do
                discounts[index] <- if continues[index] = 0.0f then 0.0f else float32 discount
        else
            found.Read(replay.Rows, ReadOnlySpan rows, firstPlaces.Of replay, firstTargets)
            multiStep.Read(replay, ReadOnlySpan rows, Span last, Span returns, Span discounts)
            found.Read(replay.Rows, ReadOnlySpan last, lastPlaces.Of replay, lastTargets)

        if between.Length > 0 then
            multiStep.ReadBetween(copies, ReadOnlySpan rows, ReadOnlySpan last, Span between, Span discountsBetween)
            foundBetween.Read(replay.Rows, ReadOnlySpan between, nextPlaces.Of replay, nextTargets)

    /// `size` transitions of up to n steps with the discount γ, whose returns are mixed by λ. `further` columns of the
    /// replay are of the first step.
    new(columns: TransitionColumns, further: Column list, size: int, steps: int, discount: float, lambda: float) =
        TransitionBatch(columns, further, size, size, steps, discount, lambda)

    /// Those of the longest return alone.
    new(columns: TransitionColumns, further: Column list, size: int, steps: int, discount: float) =
        TransitionBatch(columns, further, size, size, steps, discount, 1.0)

    member internal _.Columns = columns
    member internal _.MultiStep = multiStep
    member internal _.ObservationsBetween = observationsBetween
    member internal _.DiscountsBetween = discountsBetween
    /// The number of transitions.
    member _.Size = size
    /// The rows that were drawn last.
    member _.Rows = ReadOnlySpan<int> rows
    /// The last row of each transition.
    member _.LastRows = ReadOnlySpan<int> last
    /// The rows that lead to the states before s′ whose values count, n − 1 of each transition; none with λ = 1.
    member _.RowsBetween = ReadOnlySpan<int> between
    /// The importance weights.
    member _.Weights = ReadOnlySpan<float32> weights
    /// The drawn transitions, valid until the next draw.
    member _.Samples = samples

    /// Draws from all rows with equal probability; the generator that follows.
    member _.Draw(replay: Replay, key: Rng) : Rng =
        let next = Replay.drawInto (Span rows) replay key
        Array.Fill(weights, 1.0f)
        read replay
        next

    /// Draws by priority, with weights of exponent β; the generator that follows.
    member _.Draw(replay: Replay, priorities: Priorities<float32>, exponent: float, key: Rng) : Rng =
        let next = priorities.Draw(replay, Span rows, key)
        priorities.Weights(replay, ReadOnlySpan rows, exponent, Span weights)
        read replay
        next

    /// Reads these rows, all with weight 1.
    member _.Read(replay: Replay, these: ReadOnlySpan<int>) : unit =
        Guard.length (nameof these) size these.Length
        these.CopyTo(Span rows)
        Array.Fill(weights, 1.0f)
        read replay
