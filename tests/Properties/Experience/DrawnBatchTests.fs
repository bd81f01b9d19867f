/// Drawn sequences of one copy, and what all drawing costs once it runs.
[<FsCheck.Xunit.Properties(Replay = "(4719071,4719073)", MaxTest = 60)>]
module Rl.Tests.Experience.DrawnBatchTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit
open Rl.Tests.Experience.ReplayEpisodes

[<Property>]
let ``a sequence is the steps of one copy, and tells where episodes begin`` (seed: uint64, copies: byte, length: byte) =
    let copies, length = int copies % 3 + 1, int length % 6 + 1
    let burnIn = length / 2
    let steps = walk copies 40 (Rng.create seed)
    let replay = Replay.ofPlan compact copies (30 * copies) |> Replay.append (data steps)
    let kept = newest (30 * copies) steps
    let batch = SequenceBatch(columns, [ columns.Actions ], 5, length, burnIn, 2, 0.9)
    let delay = SequenceBatch.Delay(length, copies)
    let priorities = Priorities<float32>(Priority.defaults, replay.Capacity, delay)
    let empty = Replay.ofPlan compact copies (30 * copies)
    priorities.Load(priorities.Initial, empty)
    let grown = Replay.append (data steps) empty
    priorities.Append grown

    let check () =
        Seq.forall
            (fun (sequence, step) ->
                let row = batch.FirstRows[sequence] + step * copies
                let index = step * 5 + sequence
                let isStart = row < copies || isLast kept[row - copies]
                // The first row that is held may be in the middle of its episode; its predecessor is not known.
                let starts = batch.Samples[SequenceColumns.starts].[index]

                row < replay.Count
                && Array.sub batch.Samples[columns.Observations] (4 * index) 4 = kept[row].Observation
                && batch.Samples[SequenceColumns.learns].[index] = flag (step >= burnIn)
                && (row < copies || starts = flag isStart))
            (Seq.allPairs (seq { 0..4 }) (seq { 0 .. length - 1 }))

    batch.Draw(replay, Rng.create seed) |> ignore
    let uniform = check ()
    batch.Draw(grown, priorities, 0.4, Rng.create seed) |> ignore

    uniform
    && check ()
    && Array.forall (fun weight -> weight = 1.0f) batch.Samples[DrawnColumns.weights]

[<Property>]
let ``what is drawn is what rows hold, however wide they are``
    (width: byte, copies: byte, seed: uint64, several: bool)
    =
    let width, copies = 1 + int width % 70, 1 + int copies % 3
    let columns = TransitionColumns.ofSizes width 2

    let plan =
        {
            Columns =
                [
                    for column in columns.All ->
                        {
                            Column = column
                            Storage = ColumnStorage.Singles
                            NextOf =
                                if column.Name = columns.NextObservations.Name then
                                    Some columns.Observations
                                else
                                    None
                        }
                ]
            Ends = Some columns.Ends
        }

    // Episodes of five steps, whose last observations are nobody's first; every second one ends for good.
    let count = 23 * copies
    let isEnd row = row / copies % 5 = 4
    let number row index = float32 (100 * row + index)

    let values (column: Column) =
        Array.init (count * column.Numbers) (fun place ->
            let row, index = place / column.Numbers, place % column.Numbers

            if column.Name = columns.Ends.Name then
                flag (isEnd row)
            elif column.Name = columns.Continues.Name then
                flag (not (isEnd row && row / copies % 10 = 9))
            elif column.Name = columns.Observations.Name then
                number row index
            elif column.Name <> columns.NextObservations.Name then
                float32 (row - index)
            elif isEnd row then
                -(number row index)
            else
                number (row + copies) index)

    let data = columns.All |> List.map (fun column -> column, values column)
    let replay = Replay.ofPlan plan copies (20 * copies) |> Replay.append data
    let oldest = count - replay.Count
    let steps = if several then 3 else 1
    let batch = TransitionBatch(columns, [], 9, steps, 0.9)
    batch.Draw(replay, Rng.create seed) |> ignore

    let agrees (column: Column) (rows: int[]) =
        let expected = List.find (fun (known: Column, _) -> known.Name = column.Name) data |> snd

        let drawn =
            rows
            |> Array.collect (fun row -> Array.sub expected ((oldest + row) * column.Numbers) column.Numbers)

        drawn = batch.Samples[column]

    let rows, last = batch.Rows.ToArray(), batch.LastRows.ToArray()

    let discount index =
        let final = oldest + last[index]

        if isEnd final && final / copies % 10 = 9 then
            0.0f
        else
            float32 (Math.Pow(0.9, float ((last[index] - rows[index]) / copies + 1)))

    agrees columns.Observations rows
    && agrees columns.Actions rows
    && agrees columns.NextObservations last
    && agrees columns.Ends last
    && (steps > 1 || agrees columns.Rewards rows)
    && batch.Samples[DrawnColumns.discounts] = Array.init 9 discount

[<Fact>]
let ``sequences that cannot be are refused`` () =
    let replay = Replay.ofPlan compact 2 40 |> Replay.append (data (walk 2 5 (Rng.create 2UL)))

    let refused (part: string) length (these: int[]) =
        let batch = SequenceBatch(columns, [], these.Length, length, 0, 1, 0.9)
        let error = Assert.Throws<ArgumentException>(fun () -> batch.Read(replay, these))
        Assert.Contains(part, error.Message)

    refused "not there yet" 3 [| 6 |]

    Assert.Throws<ArgumentException>(fun () ->
        SequenceBatch(columns, [], 2, 6, 0, 1, 0.9).Draw(replay, Rng.create 1UL) |> ignore)
    |> ignore

    Assert.Throws<ArgumentOutOfRangeException>(fun () -> SequenceBatch(columns, [], 2, 3, 3, 1, 0.9) |> ignore)
    |> ignore

[<Fact>]
let ``drawing allocates nothing once it runs`` () =
    let replay = Replay.ofPlan compact 2 400 |> Replay.append (data (walk 2 250 (Rng.create 2UL)))
    let batch = TransitionBatch(columns, [], 64, 3, 0.9)
    let priorities = Priorities<float32>(Priority.defaults, 400)
    let empty = Replay.ofPlan compact 2 400
    priorities.Load(priorities.Initial, empty)
    priorities.Append(Replay.append (data (walk 2 250 (Rng.create 2UL))) empty)
    let errors = Array.init 64 float32
    let mutable key = Rng.create 1UL

    let draw () =
        key <- batch.Draw(replay, key)
        key <- batch.Draw(replay, priorities, 0.5, key)
        priorities.Update<float32>(replay, batch.Rows, errors)

    for _ in 1..100 do
        draw ()

    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..100 do
        draw ()

    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
