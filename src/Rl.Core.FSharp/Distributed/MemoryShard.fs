/// Some copies of an environment in a worker, with their part of the memory: they act, remember and are drawn from.
namespace Rl.Core.Distributed

open System
open System.Diagnostics
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Training

/// Copies `first`, `first` + 1, … of a learner, which act by the parts of its algorithm, with the memory of their steps
/// and its priorities. What they do follows from the requests so far alone, and their order. One thread at a time may
/// have them act; meanwhile others may draw from what is remembered.
[<Sealed>]
type internal MemoryShard
    (
        life: int64,
        copies: int,
        first: int,
        batch: BatchEnvironment,
        extras: OffPolicyExtras,
        options: OffPolicyOptions,
        parts: OffPolicyParts,
        workers: Workers
    ) =
    // Held by whoever reads the memory or writes to it, and not while copies step.
    let gate = obj ()
    let number = batch.Count
    // Returns are followed by the learner, who knows those of all.
    let own = { extras with NormalisesRewards = false }
    let place = { First = first; Copies = copies }
    let interaction = Replayed.interactionOf own options parts parts.Layout batch place workers
    let draws = ReplayDraws(extras, options, parts.NormaliseObservations, interaction, batch)
    let capacity = MemoryShard.Capacity(options.BufferSize, copies, number)
    let priorities = draws.PrioritiesOf capacity

    do
        let needed = int (max 1L (min (int64 capacity) parts.TotalSteps))
        Replayed.requireMemory interaction.Plan number options.BufferSize needed (Replayed.free ())

    let columns = MemoryShard.ColumnsOf draws
    let rows = Array.zeroCreate<int> draws.Size
    let mutable blowups = batch.Blowups

    let stateOf (start: MemoryStart) (act: MemoryAct) : TrainingState =
        {
            Steps = act.Steps
            Updates = 0L
            Parameters = Array.zeroCreate parts.Layout.Count
            Arrays = parts.Arrays
            Observations = act.Observations
            Rewards = RunningStatistics.create 0
            DiscountedReturns = [||]
            Key = Rng.create 0UL
            ActionKeys = start.Keys
            Replay = Some(Replay.ofPlan interaction.Plan number capacity)
            Frozen = []
            Environments =
                {
                    EnvironmentId = batch.Id
                    Count = number
                    Wrappers = batch.Wrappers
                    Statistics = []
                    Bytes = start.Environments
                    Instances = []
                }
        }

    let mutable state: TrainingState voption = ValueNone

    /// Reads rows of the memory, at most a draw at a time; `take` is told where each part begins and how many it has.
    let readAll (wanted: ReadOnlyMemory<int>) (take: int -> int -> unit) =
        for start in 0 .. draws.Size .. wanted.Length - 1 do
            let count = min draws.Size (wanted.Length - start)
            wanted.Span.Slice(start, count).CopyTo(Span rows)
            // What is left of the memory is filled with a row that is there.
            Array.fill rows count (rows.Length - count) rows[0]
            draws.Read(interaction.Replay, ReadOnlySpan rows)
            take start count

    /// The first priorities of the newest rows: by the errors that an update from them would find, whose motion is
    /// forgotten.
    let judge (act: MemoryAct) (by: MemoryJudge) (from: TrainingState) (added: int) =
        let replay = interaction.Replay
        let newest = Array.init added (fun index -> replay.Count - added + index)

        let draft =
            Draft { from with Parameters = by.Parameters; Arrays = MemoryShard.Replaced(by.Arrays, from.Arrays) }

        readAll (ReadOnlyMemory newest) (fun start count ->
            draws.Normalise(act.Observations, act.RewardScale)
            parts.Load draft
            parts.Learn draws.Samples interaction.Steps (Rng.create (uint64 act.Steps)) |> ignore
            let errors = parts.Errors().Span.Slice(0, count)

            // Where numbers have lost their sense the learner will say so.
            if Guard.indexOfNonFinite errors < 0 then
                priorities.Value.Update(replay, ReadOnlySpan(newest, start, count), errors))

    let act (act: MemoryAct) : MemoryActed =
        match act.Start with
        | ValueSome start ->
            let began = stateOf start act

            lock gate (fun () ->
                state <- ValueSome began
                interaction.Begin began
                priorities |> ValueOption.iter (fun known -> known.Load(known.Initial, interaction.Replay)))
        | ValueNone -> ()

        let before = state.Value
        let carries = act.Noise.Length > 0
        let noisy = MemoryShard.Replaced([ ArrayNames.ExplorationNoise, act.Noise ], before.Arrays)
        if carries then parts.Load(Draft { before with Arrays = noisy })
        interaction.Know(act.Steps, act.Observations)
        interaction.Follow(ReadOnlySpan act.Acting)
        interaction.Act()

        let noise =
            if carries then
                let draft = Draft before
                parts.Store draft
                let width = act.Noise.Length / copies
                Array.sub (draft.Current ArrayNames.ExplorationNoise) (first * width) (number * width)
            else
                [||]

        lock gate (fun () ->
            interaction.Remember()
            state <- ValueSome { interaction.End before with Arrays = before.Arrays }
            let added = min interaction.Replay.Count (options.TrainFrequency * number)
            priorities |> ValueOption.iter _.Append(interaction.Replay)

            match act.Judge with
            | ValueSome by when priorities.IsSome -> judge act by before added
            | _ -> ())

        { Rows = interaction.Latest; Noise = noise }

    /// Takes in the errors of rows that are still there.
    let learn (numbers: int64[]) (errors: float32[]) =
        let replay = interaction.Replay
        let oldest = replay.Appended - int64 replay.Count
        let kept = numbers |> Array.indexed |> Array.filter (fun (_, number) -> number >= oldest)

        if kept.Length > 0 && priorities.IsSome then
            let rows = kept |> Array.map (fun (_, number) -> int (number - oldest))
            let errors = kept |> Array.map (fun (index, _) -> errors[index])
            priorities.Value.Update(replay, ReadOnlySpan rows, ReadOnlySpan errors)

    let massOf () =
        match priorities with
        | ValueSome priorities -> priorities.Tree.Total
        | ValueNone -> float interaction.Replay.Count

    /// The rows at points of the memory's mass, with the data of each column.
    let draw (points: float[]) : struct (MemoryDrawn * float32[][]) =
        let replay = interaction.Replay
        let found = Array.zeroCreate<int> points.Length
        let powers = Array.create points.Length 1.0

        match priorities with
        | ValueSome priorities ->
            priorities.ChooseAt(replay, Span(Array.copy points), Span found)
            priorities.Powers(replay, ReadOnlySpan found, Span powers)
        | ValueNone -> points |> Array.iteri (fun index point -> found[index] <- min (int point) (replay.Count - 1))

        let data =
            columns
            |> Array.map (fun (column: Column, _) -> Array.zeroCreate<float32>(points.Length * column.Numbers))

        readAll (ReadOnlyMemory found) (fun start count ->
            columns
            |> Array.iteri (fun index (column, values: float32[]) ->
                Array.Copy(values, 0, data[index], start * column.Numbers, count * column.Numbers)))

        let oldest = replay.Appended - int64 replay.Count

        struct ({ Numbers = found |> Array.map (fun row -> oldest + int64 row); Powers = powers; Columns = [||] }, data)

    /// The rows that the memory of `number` of N copies keeps: its part of all.
    static member Capacity(bufferSize: int, copies: int, number: int) : int =
        max 1 (int (int64 bufferSize * int64 number / int64 copies))

    /// The columns of draws that travel, in their order, with their memory: all but the weights.
    static member ColumnsOf(draws: ReplayDraws) : (Column * float32[])[] =
        draws.Samples.Columns
        |> List.filter (fun (column, _) -> column.Name <> DrawnColumns.weights.Name)
        |> List.toArray

    /// The arrays with those of the same names in their place.
    static member Replaced(these: (string * float32[]) list, arrays: (string * float32[]) list) =
        arrays
        |> List.map (fun (name, values) ->
            match List.tryFind (fun (other, _) -> other = name) these with
            | Some(_, others) -> name, others
            | None -> name, values)

    /// The copies.
    member _.Batch = batch
    /// The first of them, among all.
    member _.First = first
    /// Which beginning of these copies it is.
    member _.Life = life

    /// Does what is asked for: takes in errors, acts, draws.
    member _.Answer(request: MemoryRequest) : byte[] =
        let began = Stopwatch.GetTimestamp()

        if request.Learned.Length > 0 then
            lock gate (fun () -> learn request.Learned request.Errors)

        let acted = request.Act |> ValueOption.map act

        let struct (answer, data) =
            lock gate (fun () ->
                let mass = massOf ()

                let struct (drawn, data) =
                    if request.Points.Length = 0 then
                        struct ({ Numbers = [||]; Powers = [||]; Columns = [||] }, [||])
                    elif request.AreParts then
                        let below = Math.BitDecrement mass
                        draw (request.Points |> Array.map (fun part -> min (part * mass) below))
                    else
                        draw request.Points

                struct ({ Mass = mass; Count = interaction.Replay.Count; Acted = acted; Drawn = drawn }, data))

        let shown = Array.zeroCreate<float32>(if acted.IsSome then number * batch.ObservationSize else 0)
        if acted.IsSome then batch.Observe(Span shown)
        let since = if acted.IsSome then batch.Blowups - blowups else 0L
        blowups <- blowups + since

        ShareFormat.writeAnswer
            {
                Keys = if acted.IsSome then state.Value.ActionKeys else [||]
                Recurrent = [||]
                Environments = if acted.IsSome then state.Value.Environments.Bytes else [||]
                Shown = shown
                HasRestarted =
                    not batch.RestoresEpisodes
                    && (match request.Act with
                        | ValueSome act -> act.Start.IsSome
                        | ValueNone -> false)
                Blowups = since
                Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds
            }
            (MemoryFormat.writeRest answer data)
