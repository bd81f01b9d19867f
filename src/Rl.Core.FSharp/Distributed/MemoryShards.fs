/// The memories of a learner's copies in workers, from a state on: what is asked of them, and what they answered.
namespace Rl.Core.Distributed

open System
open System.Collections.Generic
open System.IO
open System.Runtime.ExceptionServices
open System.Runtime.InteropServices
open System.Threading
open System.Threading.Tasks
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning

/// Copies in equal parts, one after the other, each with its memory in a worker. A memory that is lost is empty; its
/// copies go on elsewhere from where they were. Where they need not take turns with the learner, the copies of each
/// memory go on by themselves with the newest policy that was published, as many turns ahead of it as the carrier
/// allows; the learner takes a turn's steps once those of all memories are there.
[<Sealed>]
type internal MemoryShards
    (
        carrier: IMemoryCarrier,
        description: byte[],
        plan: MemoryDescription,
        options: OffPolicyOptions,
        columns: (Column * float32[])[],
        observed: int,
        start: TrainingState
    ) =
    let key = ShareFormat.key description
    let copies = plan.Copies
    let count = Math.Clamp(carrier.Memories copies, 1, copies)
    let firsts = Array.init (count + 1) (fun shard -> int (int64 shard * int64 copies / int64 count))
    let numberOf shard = firsts[shard + 1] - firsts[shard]
    let sizes = plan.Contract.CopyBytes
    let size = plan.Contract.Observations.Size
    let vectorSteps = options.TrainFrequency
    let widths = columns |> Array.map (fun (column, _) -> column.Numbers)
    let environments = Array.copy start.Environments.Bytes
    let keys = Array.copy start.ActionKeys
    let shown = Array.zeroCreate<float32>(copies * size)

    let noise =
        start.Arrays
        |> List.tryFind (fun (name, _) -> name = ArrayNames.ExplorationNoise)
        |> Option.map (snd >> Array.copy)
        |> Option.defaultValue [||]

    let noiseWidth = noise.Length / copies
    let hasBegun = Array.zeroCreate<bool> count
    let masses, counts = Array.zeroCreate<float> count, Array.zeroCreate<int> count
    let learned = Array.init count (fun _ -> List<int64>())
    let errors = Array.init count (fun _ -> List<float32>())
    let mutable blowups = 0L
    let mutable lost = 0L

    // Where copies run ahead: all below and above is written to by whoever holds the gate.
    let gate = obj ()
    let lead = carrier.Lead
    let lives = Array.zeroCreate<int64> count
    let ahead = Array.init count (fun _ -> Queue<AheadSteps>())
    let isActing = Array.zeroCreate<bool> count
    // Where the copies are that have run ahead.
    let aheadEnvironments = Array.copy environments
    let aheadKeys = Array.copy keys
    let aheadNoise = Array.copy noise
    let mutable policy: MemoryAct voption = ValueNone
    let mutable learnedTurns, takenTurns = 0L, 0L
    let mutable failure: exn voption = ValueNone
    let mutable isOver = false

    let lose shard =
        lost <- lost + int64 counts[shard]
        hasBegun[shard] <- false
        masses[shard] <- 0.0
        counts[shard] <- 0
        learned[shard].Clear()
        errors[shard].Clear()

    /// A request, with the errors that wait for it.
    let callAt (lag: int) (shard: int) (act: MemoryAct voption) (points: float[]) : MemoryCall =
        let first, number = firsts[shard], numberOf shard

        if act.IsSome && not hasBegun[shard] then lives[shard] <- MemoryLives.next ()

        let act =
            act
            |> ValueOption.map (fun act ->
                if hasBegun[shard] then
                    act
                else
                    { act with
                        Start =
                            ValueSome
                                {
                                    Keys = Array.sub aheadKeys first number
                                    Environments = SnapshotBytes.cut sizes copies first number aheadEnvironments
                                }
                    })

        let request =
            MemoryFormat.writeRequest
                {
                    Key = key
                    First = first
                    Number = number
                    Life = lives[shard]
                    Learned = learned[shard].ToArray()
                    Errors = errors[shard].ToArray()
                    Act = act
                    Points = points
                    AreParts = lead > 0
                }

        learned[shard].Clear()
        errors[shard].Clear()
        let begins = act.IsSome && not hasBegun[shard]
        let steps = if act.IsSome then int64 (number * vectorSteps) else 0L
        MemoryCall(shard, first, number, steps, begins, lag, request)

    let call = callAt 0

    /// What the copies of a memory answered; nothing if they are lost.
    let read (shard: int) (acts: bool) (draws: int) (bytes: byte[]) : struct (ShareAnswer * MemoryAnswer) voption =
        if isNull (box bytes) || bytes.Length = 0 then
            lose shard
            ValueNone
        else
            let number = numberOf shard
            let rows = number * vectorSteps
            let rest = MemoryFormat.readRest rows (rows * observed) (number * noiseWidth) draws widths

            match ShareFormat.readAnswer bytes (if acts then number else 0) rest with
            | Error failure -> MemoryCalls.raiseFailure failure
            | Ok(struct (answer, memory)) ->
                masses[shard] <- memory.Mass
                counts[shard] <- memory.Count
                ValueSome(struct (answer, memory))

    /// Takes in where the copies of a memory are.
    let move (shard: int) (answer: ShareAnswer) (acted: MemoryActed) =
        let first, number = firsts[shard], numberOf shard

        let requireLength what needed found =
            if found <> needed then
                raise (InvalidDataException $"An answer of {number} copies has {found} {what}; {needed} are needed.")

        requireLength "bytes of environments" (number * List.sum sizes) answer.Environments.Length
        requireLength "numbers of observations" (number * size) answer.Shown.Length
        Array.Copy(answer.Keys, 0, aheadKeys, first, number)
        Array.Copy(acted.Noise, 0, aheadNoise, first * noiseWidth, acted.Noise.Length)
        SnapshotBytes.paste sizes copies first number answer.Environments aheadEnvironments
        blowups <- blowups + answer.Blowups
        hasBegun[shard] <- true

    /// Takes what the copies of a memory did for a turn; their rows go where they belong among those of all.
    let take (shard: int) (answer: ShareAnswer) (acted: MemoryActed) (rows: NotedSteps) =
        let first, number = firsts[shard], numberOf shard
        Array.Copy(answer.Keys, 0, keys, first, number)
        Array.Copy(answer.Shown, 0, shown, first * size, answer.Shown.Length)
        Array.Copy(acted.Noise, 0, noise, first * noiseWidth, acted.Noise.Length)
        SnapshotBytes.paste sizes copies first number answer.Environments environments

        MemoryCalls.place vectorSteps copies first number acted.Rows rows observed

    /// Has the copies of a memory go on, where they may: no further ahead of what was learned than the lead.
    let rec goOn (shard: int) =
        let turn = takenTurns + int64 ahead[shard].Count
        let lag = turn - learnedTurns

        if not isActing[shard] && not isOver && failure.IsNone && policy.IsSome && lag <= int64 lead then
            isActing[shard] <- true

            let act =
                { policy.Value with
                    Steps = start.Steps + turn * int64 (copies * vectorSteps)
                    Noise = Array.copy aheadNoise
                }

            let call = callAt (int lag) shard (ValueSome act) [||]

            carrier
                .Begin(description, key, call)
                .ContinueWith(
                    (fun (answer: Task<byte[]>) -> arrive shard (int lag) answer),
                    CancellationToken.None,
                    TaskContinuationOptions.None,
                    TaskScheduler.Default
                )
            |> ignore

    and arrive (shard: int) (lag: int) (answer: Task<byte[]>) =
        lock gate (fun () ->
            isActing[shard] <- false

            if not isOver then
                try
                    match read shard true 0 (answer.GetAwaiter().GetResult()) with
                    | ValueSome(struct (answer, { Acted = ValueSome acted })) ->
                        move shard answer acted
                        ahead[shard].Enqueue { Answer = answer; Acted = acted; Lag = lag }
                    | ValueSome _ -> raise (InvalidDataException "An answer of copies that were to act has no steps.")
                    | ValueNone -> ()

                    goOn shard
                with error ->
                    failure <- ValueSome error

            Monitor.PulseAll gate)

    /// How many memories there are.
    member _.Shards = count
    /// How many turns copies may be ahead of the learner; 0 where they take turns.
    member _.Lead = lead
    /// Σ p^α of each, or their rows where all are drawn alike.
    member _.Masses: float[] = lock gate (fun () -> Array.copy masses)
    /// The rows of all.
    member _.Count = lock gate (fun () -> Array.sum counts)

    /// The rows that all memories together keep.
    member _.Capacity =
        Seq.init count (fun shard -> MemoryShard.Capacity(options.BufferSize, copies, numberOf shard))
        |> Seq.sum

    /// Rows that were lost with their workers.
    member _.Lost = lock gate (fun () -> lost)
    /// [N, observationSize]: what the copies show.
    member _.Shown = shown

    /// Episodes that ended because numbers lost their sense, since the last time.
    member _.TakeBlowups() : int64 =
        lock gate (fun () ->
            let taken = blowups
            blowups <- 0L
            taken)

    /// Lets all copies take their steps: those, in the order of time, then of copy.
    member _.Act(act: MemoryAct) : NotedSteps =
        let rows = MemoryCalls.newRows (copies * vectorSteps) observed
        let mutable waiting = Array.init count id

        while waiting.Length > 0 do
            let act = { act with Noise = Array.copy noise }
            let calls = waiting |> Array.map (fun shard -> call shard (ValueSome act) [||])
            let answers = carrier.Ask(description, key, calls)

            waiting <-
                Array.zip waiting answers
                |> Array.filter (fun (shard, bytes) ->
                    match read shard true 0 bytes with
                    | ValueSome(struct (answer, { Acted = ValueSome acted })) ->
                        move shard answer acted
                        take shard answer acted rows
                        false
                    | ValueSome _ -> raise (InvalidDataException "An answer of copies that were to act has no steps.")
                    | ValueNone -> true)
                |> Array.map fst

        rows

    /// From now on copies that go on act by this policy, which has learned from all turns that were taken. What it
    /// holds is not written to any more.
    member _.Publish(act: MemoryAct) : unit =
        lock gate (fun () ->
            policy <- ValueSome act
            learnedTurns <- takenTurns

            for shard in 0 .. count - 1 do
                goOn shard)

    /// The steps of the next turn of all copies, as soon as they are there, and by how old policies they were taken:
    /// struct (steps, mean lag, largest).
    member _.TakeTurn() : struct (NotedSteps * float * int) =
        lock gate (fun () ->
            while failure.IsNone && ahead |> Array.exists (fun steps -> steps.Count = 0) do
                Monitor.Wait gate |> ignore

            match failure with
            | ValueSome error ->
                isOver <- true
                ExceptionDispatchInfo.Throw error
            | ValueNone -> ()

            let rows = MemoryCalls.newRows (copies * vectorSteps) observed
            let mutable sum, largest = 0.0, 0

            for shard in 0 .. count - 1 do
                let steps = ahead[shard].Dequeue()
                take shard steps.Answer steps.Acted rows
                sum <- sum + float (steps.Lag * numberOf shard)
                largest <- max largest steps.Lag

            takenTurns <- takenTurns + 1L
            struct (rows, sum / float copies, largest))

    /// Copies go on no further, for a learner that goes on from another state.
    member _.Stop() : unit = lock gate (fun () -> isOver <- true)

    /// Tells the memories what updates have learned of their rows, so that their masses are known; those of lost ones
    /// are 0.
    member _.Settle() : unit =
        // Where copies run ahead masses are never at rest: draws take parts of what they are.
        let asked =
            [|
                for shard in 0 .. count - 1 do
                    if lead = 0 && learned[shard].Count > 0 then shard
            |]

        if asked.Length > 0 then
            let calls = asked |> Array.map (fun shard -> call shard ValueNone [||])
            let answers = carrier.Ask(description, key, calls)
            Array.iter2 (fun shard bytes -> read shard false 0 bytes |> ignore) asked answers

    /// Draws the rows at points of Σ `masses`, those of now, once all is settled; nothing where a memory was lost
    /// meanwhile. Where copies run ahead, rows come with the probability masses[k] / Σ masses · pᵢ^α / Mₖ of the mass
    /// Mₖ that memory k has by then, and their powers pᵢ^α · masses[k] / Mₖ tell so.
    member _.Draw(points: float[], masses: float[]) : DrawnRows voption =
        let places = points |> Array.map (SeveralMemories.find masses)
        let ofShard = Array.init count (fun _ -> List<int>())
        places |> Array.iteri (fun index (struct (shard, _)) -> ofShard[shard].Add index)

        let asked =
            [|
                for shard in 0 .. count - 1 do
                    if ofShard[shard].Count > 0 then shard
            |]

        let pointOf index =
            let struct (shard, point) = places[index]
            if lead > 0 then point / masses[shard] else point

        let struct (calls, livesThen, held) =
            lock gate (fun () ->
                let calls =
                    asked
                    |> Array.map (fun shard -> call shard ValueNone (ofShard[shard].ToArray() |> Array.map pointOf))

                struct (calls, Array.copy lives, Array.sum counts))

        let answers = carrier.Ask(description, key, calls)
        let numbers, powers = Array.zeroCreate<int64> points.Length, Array.zeroCreate<float> points.Length
        let sources = Array.zeroCreate<struct (MemoryDrawn * int)> points.Length
        let mutable isWhole = true

        let readDrawn shard index draws =
            lock gate (fun () ->
                // It may have begun anew meanwhile, and what the former one answered is not of it.
                if lives[shard] = livesThen[shard] then
                    read shard false draws answers[index]
                else
                    ValueNone)

        for index in 0 .. asked.Length - 1 do
            let shard = asked[index]
            let own = ofShard[shard]

            match readDrawn shard index own.Count with
            | ValueNone -> isWhole <- false
            | ValueSome(struct (_, memory)) ->
                let moved = if lead > 0 then masses[shard] / memory.Mass else 1.0

                for row in 0 .. own.Count - 1 do
                    numbers[own[row]] <- memory.Drawn.Numbers[row]
                    powers[own[row]] <- memory.Drawn.Powers[row] * moved
                    sources[own[row]] <- struct (memory.Drawn, row)

        let write index target =
            let struct (drawn, row) = sources[index]

            for column in 0 .. columns.Length - 1 do
                let width = widths[column]
                let values = MemoryMarshal.Cast<byte, float32> drawn.Columns[column].Span
                values.Slice(row * width, width).CopyTo(Span(snd columns[column], target * width, width))

        if isWhole then
            ValueSome
                {
                    Shards = places |> Array.map (fun (struct (shard, _)) -> shard)
                    Lives = livesThen
                    Numbers = numbers
                    Powers = powers
                    Total = SeveralMemories.total masses
                    Held = held
                    Write = write
                }
        else
            ValueNone

    /// An update has learned from a row, with this error; its memory is told with what it is asked next.
    member _.Learned(rows: DrawnRows, row: int, error: float32) : unit =
        lock gate (fun () ->
            let shard = rows.Shards[row]

            if hasBegun[shard] && lives[shard] = rows.Lives[shard] then
                learned[shard].Add rows.Numbers[row]
                errors[shard].Add error)

    /// The state with the copies as they are.
    member _.End(state: TrainingState) : TrainingState =
        { state with
            ActionKeys = Array.copy keys
            Environments = { state.Environments with Bytes = Array.copy environments; Instances = [] }
            Arrays =
                if noise.Length > 0 then
                    NamedArrays.replace ArrayNames.ExplorationNoise (Array.copy noise) state.Arrays
                else
                    state.Arrays
        }
