/// The memories of a learner's copies in workers, from a state on: what is asked of them, and what they answered.
namespace Rl.Core.Distributed

open System
open System.Collections.Generic
open System.IO
open System.Runtime.InteropServices
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning

/// What some copies and their memory are asked for.
[<Sealed>]
type MemoryCall internal (shard: int, first: int, number: int, steps: int64, begins: bool, request: byte[]) =
    /// The number of the memory.
    member _.Shard = shard
    /// The first copy.
    member _.First = first
    /// How many.
    member _.Number = number
    /// Environment steps that it takes.
    member _.Steps = steps
    /// Whether copies begin with an empty memory, so that any worker will do; else only the one that has them.
    member _.Begins = begins
    /// What they are to do.
    member _.Request = request

/// Has copies act and remember in other processes.
type IMemoryCarrier =
    /// Over how many memories the steps of so many copies are spread; at least 1. What is learned depends on it, and
    /// not on how many workers have them. May wait for a worker.
    abstract Memories: copies: int -> int

    /// Asks for all: the answers in the order of the calls; null or empty where whoever had the copies is lost or has
    /// them no more.
    abstract Ask: description: byte[] * key: uint64 * calls: MemoryCall[] -> byte[][]

/// Rows that were drawn from the memories, in the order of the points.
[<NoEquality; NoComparison>]
type internal DrawnRows =
    {
        /// The memory of each.
        Shards: int[]
        Numbers: int64[]
        Powers: float[]
        /// Copies row i of the draws to a row of the columns' data.
        Write: int -> int -> unit
    }

/// Copies in equal parts, one after the other, each with its memory in a worker. A memory that is lost is empty; its
/// copies go on elsewhere from where they were.
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

    let lose shard =
        lost <- lost + int64 counts[shard]
        hasBegun[shard] <- false
        masses[shard] <- 0.0
        counts[shard] <- 0
        learned[shard].Clear()
        errors[shard].Clear()

    /// A request, with the errors that wait for it.
    let call (shard: int) (act: MemoryAct voption) (points: float[]) : MemoryCall =
        let first, number = firsts[shard], numberOf shard

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
                                    Keys = Array.sub keys first number
                                    Environments = SnapshotBytes.cut sizes copies first number environments
                                }
                    })

        let request =
            MemoryFormat.writeRequest
                {
                    Key = key
                    First = first
                    Number = number
                    Learned = learned[shard].ToArray()
                    Errors = errors[shard].ToArray()
                    Act = act
                    Points = points
                }

        learned[shard].Clear()
        errors[shard].Clear()
        let begins = act.IsSome && not hasBegun[shard]
        let steps = if act.IsSome then int64 (number * vectorSteps) else 0L
        MemoryCall(shard, first, number, steps, begins, request)

    let raiseFailure (failure: ShareFailure) : 'T =
        match failure with
        | ShareFailure.Environment(message, id, copy, step, index, value) ->
            raise (EnvironmentFailure(message, id, copy, step, index, value, null))
        | ShareFailure.NonFinite(step, copy) ->
            invalidOp
                $"A worker's network made a number that is not finite in step {step} of copy {copy}: use a smaller \
                  learning rate or a bound for gradients, or look for large observations or rewards."

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
            | Error failure -> raiseFailure failure
            | Ok(struct (answer, memory)) ->
                masses[shard] <- memory.Mass
                counts[shard] <- memory.Count
                ValueSome(struct (answer, memory))

    /// Takes in what the copies of a memory did; their rows go where they belong among those of all.
    let take (shard: int) (answer: ShareAnswer) (acted: MemoryActed) (rows: NotedSteps) =
        let first, number = firsts[shard], numberOf shard

        let requireLength what needed found =
            if found <> needed then
                raise (InvalidDataException $"An answer of {number} copies has {found} {what}; {needed} are needed.")

        requireLength "bytes of environments" (number * List.sum sizes) answer.Environments.Length
        requireLength "numbers of observations" (number * size) answer.Shown.Length
        Array.Copy(answer.Keys, 0, keys, first, number)
        Array.Copy(answer.Shown, 0, shown, first * size, answer.Shown.Length)
        Array.Copy(acted.Noise, 0, noise, first * noiseWidth, acted.Noise.Length)
        SnapshotBytes.paste sizes copies first number answer.Environments environments
        blowups <- blowups + answer.Blowups
        hasBegun[shard] <- true

        let place (source: 'T[]) (target: 'T[]) width =
            for t in 0 .. vectorSteps - 1 do
                Array.Copy(source, t * number * width, target, (t * copies + first) * width, number * width)

        place acted.Rows.Observations rows.Observations observed
        place acted.Rows.Rewards rows.Rewards 1
        place acted.Rows.EpisodeReturns rows.EpisodeReturns 1
        place acted.Rows.EpisodeLengths rows.EpisodeLengths 1

    /// How many memories there are.
    member _.Shards = count
    /// Σ p^α of each, or their rows where all are drawn alike.
    member _.Masses = masses
    /// The rows of all.
    member _.Count = Array.sum counts

    /// The rows that all memories together keep.
    member _.Capacity =
        Seq.init count (fun shard -> MemoryShard.Capacity(options.BufferSize, copies, numberOf shard))
        |> Seq.sum

    /// Rows that were lost with their workers.
    member _.Lost = lost
    /// [N, observationSize]: what the copies show.
    member _.Shown = shown

    /// Episodes that ended because numbers lost their sense, since the last time.
    member _.TakeBlowups() : int64 =
        let taken = blowups
        blowups <- 0L
        taken

    /// Lets all copies take their steps: those, in the order of time, then of copy.
    member _.Act(act: MemoryAct) : NotedSteps =
        let samples = copies * vectorSteps

        let rows =
            {
                Observations = Array.zeroCreate (samples * observed)
                Rewards = Array.zeroCreate samples
                EpisodeReturns = Array.zeroCreate samples
                EpisodeLengths = Array.zeroCreate samples
            }

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
                        take shard answer acted rows
                        false
                    | ValueSome _ -> raise (InvalidDataException "An answer of copies that were to act has no steps.")
                    | ValueNone -> true)
                |> Array.map fst

        rows

    /// Tells the memories what updates have learned of their rows, so that their masses are known; those of lost ones
    /// are 0.
    member _.Settle() : unit =
        let asked =
            [|
                for shard in 0 .. count - 1 do
                    if learned[shard].Count > 0 then shard
            |]

        if asked.Length > 0 then
            let calls = asked |> Array.map (fun shard -> call shard ValueNone [||])
            let answers = carrier.Ask(description, key, calls)
            Array.iter2 (fun shard bytes -> read shard false 0 bytes |> ignore) asked answers

    /// Draws the rows at points of Σ masses, once all is settled; nothing where a memory was lost meanwhile, whose mass
    /// is 0 then.
    member _.Draw(points: float[]) : DrawnRows voption =
        let places = points |> Array.map (SeveralMemories.find masses)
        let ofShard = Array.init count (fun _ -> List<int>())
        places |> Array.iteri (fun index (struct (shard, _)) -> ofShard[shard].Add index)

        let asked =
            [|
                for shard in 0 .. count - 1 do
                    if ofShard[shard].Count > 0 then shard
            |]

        let pointOf index =
            let struct (_, point) = places[index]
            point

        let calls =
            asked
            |> Array.map (fun shard -> call shard ValueNone (ofShard[shard].ToArray() |> Array.map pointOf))

        let answers = carrier.Ask(description, key, calls)
        let numbers, powers = Array.zeroCreate<int64> points.Length, Array.zeroCreate<float> points.Length
        let sources = Array.zeroCreate<struct (MemoryDrawn * int)> points.Length
        let mutable isWhole = true

        for index in 0 .. asked.Length - 1 do
            let own = ofShard[asked[index]]

            match read asked[index] false own.Count answers[index] with
            | ValueNone -> isWhole <- false
            | ValueSome(struct (_, memory)) ->
                for row in 0 .. own.Count - 1 do
                    numbers[own[row]] <- memory.Drawn.Numbers[row]
                    powers[own[row]] <- memory.Drawn.Powers[row]
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
                    Numbers = numbers
                    Powers = powers
                    Write = write
                }
        else
            ValueNone

    /// An update has learned from a row, with this error; its memory is told with what it is asked next.
    member _.Learned(shard: int, number: int64, error: float32) : unit =
        if hasBegun[shard] then
            learned[shard].Add number
            errors[shard].Add error

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
