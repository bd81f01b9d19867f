/// Several steps of a replay against their definition, across ends, time limits and interruptions.
[<FsCheck.Xunit.Properties(Replay = "(4719071,4719073)", MaxTest = 60)>]
module Rl.Tests.Experience.MultiStepTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit
open Rl.Tests.Experience.ReplayEpisodes

/// What n-step returns are: r₀ + γ r₁ + … within the episode, and what follows.
let private definition (all: Step[]) copies steps (discount: float) first =
    let rec go k row total =
        let total = total + Math.Pow(discount, float k) * float all[row].Reward

        if k + 1 = steps || isLast all[row] || row + copies >= all.Length then
            struct (row, total, (if all[row].Terminated then 0.0 else Math.Pow(discount, float (k + 1))))
        else
            go (k + 1) (row + copies) total

    go 0 first 0.0

[<Property>]
let ``several steps across the ends of episodes are what their definition says`` (seed: uint64, copies: byte, n: byte) =
    let copies, n = int copies % 3 + 1, int n % 7 + 1
    let steps = walk copies 50 (Rng.create seed)
    let capacity = 41 * copies
    let kept = newest capacity steps

    [ compact; plain; ReplayPlan.plain columns.All ]
    |> List.forall (fun plan ->
        let replay = Replay.ofPlan plan copies capacity |> Replay.append (data steps)
        let batch = TransitionBatch(columns, [], replay.Count, n, 0.9)
        batch.Read(replay, ReadOnlySpan(every replay))
        let samples = batch.Samples

        Seq.forall
            (fun row ->
                let struct (last, total, discount) = definition kept copies n 0.9 row
                let own (column: Column) = Array.sub samples[column] (row * column.Numbers) column.Numbers

                batch.LastRows[row] = last
                && abs (float samples[columns.Rewards].[row] - total) < 1e-5
                && samples[DrawnColumns.discounts].[row] = float32 discount
                && own columns.Observations = kept[row].Observation
                && own columns.NextObservations = kept[last].Next
                && samples.Place row = struct (row / copies, row % copies))
            (every replay))

/// What states are worth: any whole number.
let private worth (observation: float32[]) = float (int (Array.sum observation) % 17) - 8.0

/// A batch's target of a row, from what its states are worth.
let private targetOf (batch: TransitionBatch) n row =
    let samples = batch.Samples
    let own (column: Column) = Array.sub samples[column] (row * column.Numbers) column.Numbers

    let earlier =
        if batch.RowsBetween.Length = 0 then
            0.0
        else
            Array.map2
                (fun (discount: float32) observation -> float discount * worth observation)
                (own (DrawnColumns.discountsBetween n))
                (own (DrawnColumns.ofBetween n columns.NextObservations) |> Array.chunkBySize 4)
            |> Array.sum

    float samples[columns.Rewards].[row]
    + float samples[DrawnColumns.discounts].[row] * worth (own columns.NextObservations)
    + earlier

[<Property>]
let ``returns mixed by λ are what their definition says, exactly, across the ends of episodes``
    (seed: uint64, copies: byte, n: byte, quarters: byte)
    =
    // Whole rewards and values, and powers of a half: float32 loses nothing.
    let copies, n, lambda = int copies % 3 + 1, int n % 6 + 1, [| 0.0; 0.5; 0.25; 1.0 |].[int quarters % 4]
    let steps = walk copies 50 (Rng.create seed)
    let kept = newest (41 * copies) steps

    let mixture row =
        let ofSteps count =
            let struct (last, total, discount) = definition kept copies count 0.5 row
            last, total + discount * worth kept[last].Next

        let last, whole = ofSteps n
        let longest = (last - row) / copies + 1

        Math.Pow(lambda, float (longest - 1)) * whole
        + Seq.sum (
            seq { for i in 1 .. longest - 1 -> (1.0 - lambda) * Math.Pow(lambda, float (i - 1)) * snd (ofSteps i) }
        )

    [ compact; plain ]
    |> List.forall (fun plan ->
        let replay = Replay.ofPlan plan copies (41 * copies) |> Replay.append (data steps)

        let read lambda n =
            let batch = TransitionBatch(columns, [], replay.Count, n, 0.5, lambda)
            batch.Read(replay, ReadOnlySpan(every replay))
            batch

        let mixed, longest, shortest = read lambda n, read 1.0 n, read 1.0 1

        every replay
        |> Array.forall (fun row ->
            let target = targetOf mixed n row

            target = mixture row
            && (lambda < 1.0 || target = targetOf longest n row)
            && (lambda > 0.0 || target = targetOf shortest 1 row)))

[<Fact>]
let ``a truncation in a replay keeps its bootstrap: a chain that is cut keeps its value`` () =
    // One state, reward 1 for ever, cut after every third step: v = 1 / (1 − γ) solves every n-step equation.
    let discount = 0.875
    let value = 1.0 / (1.0 - discount)

    let step cut row =
        {
            Observation = Array.create 4 (float32 row)
            Reward = 1.0f
            Next = Array.create 4 (if cut row then 1_000.0f + float32 row else float32 row + 1.0f)
            Terminated = false
            Truncated = cut row
            Episode = 0
        }

    let cut row = row % 3 = 2
    let replay = Replay.ofPlan compact 1 100 |> Replay.append (data (Array.init 20 (step cut)))

    for n in 1..5 do
        let batch = TransitionBatch(columns, [], 20, n, discount)
        batch.Read(replay, ReadOnlySpan(every replay))

        for row in 0..19 do
            let target =
                float batch.Samples[columns.Rewards].[row]
                + float batch.Samples[DrawnColumns.discounts].[row] * value

            Assert.Equal(value, target, 1e-6)

    // What it leads to is what was seen last, and not the next episode's first.
    Assert.Equal<float32[]>(Array.create 4 1_002.0f, read replay columns.NextObservations [| 2 |])

[<Fact>]
let ``steps after an interruption do not follow those before`` () =
    let step row =
        {
            Observation = Array.create 4 (float32 row)
            Reward = 1.0f
            Next = Array.create 4 (float32 row + 1.0f)
            Terminated = false
            Truncated = false
            Episode = 0
        }

    let lengths plan interrupt =
        let replay =
            Replay.ofPlan plan 2 100
            |> Replay.append (data (Array.init 8 step))
            |> (if interrupt then Replay.interrupt else id)
            // One row at a time: each copy is interrupted once.
            |> Replay.append (data [| step 8 |])
            |> Replay.append (data (Array.init 5 (fun row -> step (9 + row))))

        let multiStep = MultiStep(columns, 10, 0.5)
        Array.init 14 (fun row -> multiStep.Count(replay, row))

    Assert.Equal<int[]>([| 7; 7; 6; 6; 5; 5; 4; 4; 3; 3; 2; 2; 1; 1 |], lengths plain false)
    Assert.Equal<int[]>([| 4; 4; 3; 3; 2; 2; 1; 1; 3; 3; 2; 2; 1; 1 |], lengths plain true)
