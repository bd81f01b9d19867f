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

/// `size` transitions of up to n steps, drawn again and again into the same memory. Its samples have the columns of
/// transitions, where `Rewards` are the sums Σ γ^i r and `NextObservations`, `Continues` and `Ends` those of the last
/// step, the `DrawnColumns`, and further columns of the replay, of the first step. Not thread-safe.
[<Sealed>]
type TransitionBatch
    internal (columns: TransitionColumns, further: Column list, size: int, units: int, steps: int, discount: float) =
    do Guard.positive (nameof size) size
    let multiStep = MultiStep(columns, steps, discount)
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

    let mutable copies = 1

    let samples =
        Samples(
            units,
            (fun row -> struct (rows[row] / copies, rows[row] % copies)),
            [ yield! ofFirst; yield! ofLast; rewards; DrawnColumns.discounts, discounts; DrawnColumns.weights, weights ]
        )

    let found = RowGather size
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

    /// `size` transitions of up to n steps with the discount γ. `further` columns of the replay are of the first step.
    new(columns: TransitionColumns, further: Column list, size: int, steps: int, discount: float) =
        TransitionBatch(columns, further, size, size, steps, discount)

    member internal _.Columns = columns
    member internal _.MultiStep = multiStep
    /// The number of transitions.
    member _.Size = size
    /// The rows that were drawn last.
    member _.Rows = ReadOnlySpan<int> rows
    /// The last row of each transition.
    member _.LastRows = ReadOnlySpan<int> last
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
