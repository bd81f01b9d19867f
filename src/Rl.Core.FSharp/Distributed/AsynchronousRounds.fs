/// Rollouts of copies that act in other processes and do not wait for each other: which copies act next by which
/// policy, whose shares have come, how old they may be.
namespace Rl.Core.Distributed

open System
open System.Collections.Generic
open System.IO
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning

/// Some copies in the hands of a worker.
[<Sealed; AllowNullLiteral>]
type LateShare
    internal (first: int, number: int, updates: int64, worker: obj, parameters: float32[], request: Lazy<byte[]>) =
    /// The first copy.
    member _.First = first
    /// How many.
    member _.Number = number
    /// The updates that its policy has learned from.
    member _.Updates = updates
    /// Who acts.
    member _.Worker = worker
    /// What they are to do.
    member _.Request = request.Value
    /// θ of its policy.
    member internal _.Parameters = parameters

/// Neighbouring copies that act together.
[<AllowNullLiteral>]
type private CopyRange(first: int, number: int) =
    member val First = first with get, set
    member val Number = number with get, set
    /// When it came back: those that have waited longest are next.
    member val Since = 0L with get, set
    /// Of copies whose episodes one worker alone has: that worker.
    member val Owner: obj voption = ValueNone with get, set
    member val Share: LateShare = null with get, set

/// The rollout of a share that has come, of which some columns may have been taken.
type private ReadyShare =
    {
        Number: int
        Updates: int64
        Rollout: ReadOnlyMemory<byte>
        Parameters: float32[]
        mutable Taken: int
    }

    member this.Left = this.Number - this.Taken

/// The shares of a learner's copies, from a state on. A worker that is free is given the copies that have waited
/// longest and the newest policy; a rollout is made of the shares that come first, a column a copy, so that a copy may
/// have several columns in one or none. No share is begun that would be learned from more than `maximumLag` updates
/// later if it came in its turn; what is older all the same is thrown away and counted. A share that is lost costs
/// itself alone. All members may be called by several threads at once.
[<Sealed>]
type AsynchronousRounds
    internal
    (
        description: byte[],
        key: uint64,
        plan: ShareDescription,
        options: CollectorOptions,
        restoresEpisodes: bool,
        maximumLag: int,
        start: TrainingState
    ) =
    let gate = obj ()
    let copies = start.Environments.Count
    let sizes = plan.Contract.CopyBytes
    let stateSize = plan.Work.Actor.StateSize
    let observationSize = plan.Contract.Observations.Size
    let environments = Array.copy start.Environments.Bytes
    let keys = Array.copy start.ActionKeys

    let recurrent =
        if stateSize > 0 then
            Array.copy (start.Array ArrayNames.RecurrentStates)
        else
            [||]

    let shown = Array.zeroCreate<float32>(copies * observationSize)
    let ranges = List<CopyRange>([ CopyRange(0, copies) ])
    let ready = Queue<ReadyShare>()
    let mutable present = start
    let mutable columns = 0
    let mutable acting = 0
    let mutable clock = 0L
    let mutable dropped = 0L
    let mutable blowups = 0L
    let mutable restarted = 0
    let mutable failure: struct (ShareFailure * float32[]) voption = ValueNone
    let mutable rows: CopyRows list = []
    let mutable isLearning = false

    let isTooOld (updates: int64) = present.Updates - updates > int64 maximumLag

    let drop (number: int) = dropped <- dropped + int64 (number * options.Steps)

    /// Throws away what has become too old.
    let dropOld () =
        for _ in 1 .. ready.Count do
            let share = ready.Dequeue()

            if isTooOld share.Updates then
                columns <- columns - share.Left
                drop share.Left
            else
                ready.Enqueue share

    let isWaiting (range: CopyRange) = isNull range.Share

    let isOwnedBy (worker: obj) (range: CopyRange) =
        match range.Owner with
        | ValueSome owner -> owner.Equals worker
        | ValueNone -> false

    /// The range with waiting ones next to it, until it has `number` copies; what is more stays behind.
    let resize (range: CopyRange) (number: int) =
        let mutable index = ranges.IndexOf range

        let joins at =
            range.Number < number
            && at >= 0
            && at < ranges.Count
            && isWaiting ranges[at]
            && ranges[at].Owner.IsNone

        while joins (index + 1) do
            range.Number <- range.Number + ranges[index + 1].Number
            ranges.RemoveAt(index + 1)

        while joins (index - 1) do
            range.First <- ranges[index - 1].First
            range.Number <- range.Number + ranges[index - 1].Number
            ranges.RemoveAt(index - 1)
            index <- index - 1

        if range.Number > number then
            let rest = CopyRange(range.First + number, range.Number - number, Since = range.Since)
            ranges.Insert(index + 1, rest)
            range.Number <- number

    /// The request of a range's copies, whose bytes are written when they are asked for.
    let share (range: CopyRange) (worker: obj) =
        let first, number, from = range.First, range.Number, present
        let ownKeys = Array.sub keys first number
        let ownRecurrent = Array.sub recurrent (first * stateSize) (number * stateSize)
        let ownEnvironments = SnapshotBytes.cut sizes copies first number environments

        let write () =
            ShareFormat.writeRequest
                {
                    Key = key
                    First = first
                    Number = number
                    Parameters = from.Parameters
                    Observations = if options.Normalise then from.Observations else RunningStatistics.create 0
                    Keys = ownKeys
                    Recurrent = ownRecurrent
                    Environments = ownEnvironments
                    Candidates = ValueNone
                }

        LateShare(first, number, from.Updates, worker, from.Parameters, lazy (write ()))

    let rangeOf (share: LateShare) = ranges |> Seq.tryFind (fun range -> obj.ReferenceEquals(range.Share, share))

    /// The share's copies wait again.
    let free (range: CopyRange) =
        acting <- acting - range.Number
        range.Share <- null

    /// What stays the same from share to share: what a `ShareWorker` is made of.
    member _.Description = description
    /// The hash of the description.
    member _.Key = key
    /// N: the copies, and the columns of a rollout.
    member _.Copies = copies
    /// T: the steps of a share.
    member _.Steps = options.Steps
    /// Whether any worker can take up any copy's episode.
    member _.RestoresEpisodes = restoresEpisodes
    /// Copies whose episodes a worker began anew because it did not have them.
    member _.RestartedCopies = lock gate (fun () -> restarted)
    /// The columns that have come and were not yet taken.
    member _.ReadyColumns = lock gate (fun () -> columns)

    /// Whether a rollout can be taken, or will never be.
    member _.IsFull = lock gate (fun () -> columns >= copies || failure.IsSome)

    /// The next share for a worker that is free, one of so many; null where it must wait.
    member _.TryBegin(worker: obj, workers: int) : LateShare =
        lock gate (fun () ->
            let waiting =
                ranges.FindAll(fun range -> isWaiting range && (range.Owner.IsNone || isOwnedBy worker range))

            if waiting.Count = 0 || failure.IsSome then
                null
            else
                let range = Seq.minBy (fun (range: CopyRange) -> range.Since) waiting
                let wanted = (copies + workers - 1) / max workers 1
                // What begins while the learner learns is learned from in the next update at the earliest.
                let begun = columns + acting + (if isLearning then copies else 0)
                let room = (maximumLag + 1) * copies - begun
                let isAwaited = not isLearning && acting = 0 && columns < copies

                if range.Owner.IsNone && (room >= wanted || isAwaited) then
                    resize range (min room wanted)

                // One that only its owner has keeps its size.
                if range.Number <= room || isAwaited then
                    if not restoresEpisodes then range.Owner <- ValueSome worker
                    range.Share <- share range worker
                    acting <- acting + range.Number
                    range.Share
                else
                    null)

    /// The share is lost; its copies wait for another worker, or for the same where it is there and alone has them.
    member _.Lose(share: LateShare, isWorkerGone: bool) : unit =
        lock gate (fun () ->
            match rangeOf share with
            | Some range -> free range
            | None -> ()

            if isWorkerGone then
                for range in ranges do
                    if isOwnedBy share.Worker range then range.Owner <- ValueNone)

    /// Takes in what a share's copies did; `InvalidDataException` for an answer that is damaged, of which nothing is
    /// taken. Nothing is taken of a share that was lost meanwhile, and no steps are given.
    member _.Accept(share: LateShare, answer: byte[]) : ShareDone =
        let number = share.Number

        let requireLength what needed found =
            if found <> needed then
                raise (
                    InvalidDataException $"The answer of {number} copies has {found} {what} where {needed} are needed."
                )

        lock gate (fun () ->
            match rangeOf share with
            | None -> { Steps = 0L; Seconds = 0.0 }
            | Some range ->
                match ShareFormat.readAnswer answer number (RolloutRows.read rows number) with
                | Error failed ->
                    free range
                    failure <- ValueSome(struct (failed, share.Parameters))
                    { Steps = 0L; Seconds = 0.0 }
                | Ok(struct (answer, rollout)) ->
                    requireLength "numbers of recurrent states" (number * stateSize) answer.Recurrent.Length
                    requireLength "bytes of environments" (number * List.sum sizes) answer.Environments.Length
                    requireLength "numbers of observations" (number * observationSize) answer.Shown.Length
                    let first = share.First
                    Array.Copy(answer.Keys, 0, keys, first, number)
                    Array.Copy(answer.Shown, 0, shown, first * observationSize, answer.Shown.Length)
                    Array.Copy(answer.Recurrent, 0, recurrent, first * stateSize, answer.Recurrent.Length)
                    SnapshotBytes.paste sizes copies first number answer.Environments environments
                    blowups <- blowups + answer.Blowups
                    if answer.HasRestarted then restarted <- restarted + number
                    free range
                    clock <- clock + 1L
                    range.Since <- clock

                    if isTooOld share.Updates then
                        drop number
                    else
                        columns <- columns + number

                        ready.Enqueue
                            {
                                Number = number
                                Updates = share.Updates
                                Rollout = rollout
                                Parameters = share.Parameters
                                Taken = 0
                            }

                    { Steps = int64 (number * options.Steps); Seconds = answer.Seconds })

    /// From now on shares begin with the policy of a state, which later rollouts are collected for.
    member internal _.Begin(state: TrainingState, rollout: Rollout) : unit =
        lock gate (fun () ->
            rows <- CopyRows.ofRollout options.SequenceLength rollout
            present <- state
            isLearning <- false
            dropOld ())

    /// The failure to tell of, with θ of the policy that acted.
    member internal _.Failure = lock gate (fun () -> failure)

    /// Fills a rollout with the columns that came first: struct (how old they are, the state after acting).
    member internal _.Take(rollout: Rollout) : struct (RolloutLag * TrainingState) =
        lock gate (fun () ->
            let rows = CopyRows.ofRollout options.SequenceLength rollout
            let mutable filled, sum, largest = 0, 0L, 0

            while filled < copies do
                let share = ready.Peek()
                let number = min share.Left (copies - filled)
                CopyRows.pasteSome rows copies filled number share.Number share.Taken share.Rollout.Span
                let age = int (present.Updates - share.Updates)
                sum <- sum + int64 (age * number)
                largest <- max largest age
                share.Taken <- share.Taken + number
                filled <- filled + number
                if share.Left = 0 then ready.Dequeue() |> ignore

            columns <- columns - copies
            let lag = { Mean = float sum / float copies; Largest = largest; DroppedSteps = dropped }
            dropped <- 0L
            isLearning <- true

            let state =
                { present with
                    ActionKeys = Array.copy keys
                    Environments = { present.Environments with Bytes = Array.copy environments; Instances = [] }
                    Arrays =
                        if stateSize > 0 then
                            NamedArrays.replace ArrayNames.RecurrentStates (Array.copy recurrent) present.Arrays
                        else
                            present.Arrays
                }

            struct (lag, state))

    /// [N, observationSize]: what the copies show after the shares that have come.
    member internal _.Shown = lock gate (fun () -> Array.copy shown)

    /// Episodes that ended because numbers lost their sense, since the last time.
    member internal _.TakeBlowups() : int64 =
        lock gate (fun () ->
            let taken = blowups
            blowups <- 0L
            taken)

/// Has shares done by workers in other processes that do not wait for each other.
type IAsynchronousCarrier =
    /// How many updates older than the policy that learns a share's may be; at least 0, where all copies wait for each
    /// other.
    abstract MaximumLag: int

    /// Returns when a rollout is full. Workers go on acting afterwards, while its learner learns, until the next is
    /// asked for of other rounds.
    abstract Fill: rounds: AsynchronousRounds -> unit

    /// Is told how old the steps of a rollout are that was taken, in updates, and how many were thrown away.
    abstract Taken: mean: float * largest: int * droppedSteps: int64 -> unit
