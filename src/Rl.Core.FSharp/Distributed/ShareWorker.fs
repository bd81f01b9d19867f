/// Acts for a learner in another process: a request in, an answer out, both bytes.
namespace Rl.Core.Distributed

open System
open System.Collections.Generic
open System.Diagnostics
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Training

/// Some copies of an environment in this process with all that they act with.
[<Sealed>]
type private Share(description: ShareDescription, batch: BatchEnvironment, workers: Workers) =
    /// The state after acting, with what writes what the copies did.
    let act: ShareRequest -> TrainingState -> struct (TrainingState * (BinaryOut -> unit)) =
        match description.Work with
        | ShareWork.Rollouts(network, options) ->
            let collector = Collector(network, batch, options, workers)

            fun _ state ->
                let struct (rollout, acted) = collector.Collect state
                struct (acted, RolloutRows.write (CopyRows.ofRollout options.SequenceLength rollout))
        | ShareWork.Candidates(actor, trial) ->
            let part = Part.mode actor
            let judges = Judges(actor, batch, trial, workers)

            fun request state ->
                let asked = request.Candidates.Value
                let seeds = ShareCandidates.seeds part state asked
                let judged = judges.Judge(state, Candidates.drawn part seeds, request.First, asked.Copies)
                struct (judged.Acted, CandidateRows.write asked.Copies request.First request.Number judged)

    let mutable last: TrainingState voption = ValueNone
    let mutable blowups = 0L

    let isWhereItWas (request: ShareRequest) =
        match last with
        | ValueSome state -> request.Environments.AsSpan().SequenceEqual(ReadOnlySpan state.Environments.Bytes)
        | ValueNone -> false

    let snapshot (request: ShareRequest) : BatchSnapshot =
        {
            EnvironmentId = batch.Id
            Count = batch.Count
            Wrappers = batch.Wrappers
            Statistics = []
            Bytes = request.Environments
            Instances = []
        }

    /// The state that the learner asks about, of which collecting reads these parts alone.
    let stateOf (request: ShareRequest) (isContinued: bool) : TrainingState =
        let recurrent =
            // Who cannot take up an episode where it was has begun another, and remembers nothing of the former.
            if isContinued || batch.RestoresEpisodes then
                request.Recurrent
            else
                Array.zeroCreate request.Recurrent.Length

        {
            Steps = 0L
            Updates = 0L
            Parameters = request.Parameters
            Arrays = if recurrent.Length > 0 then [ ArrayNames.RecurrentStates, recurrent ] else []
            Observations = request.Observations
            Rewards = RunningStatistics.create 0
            DiscountedReturns = [||]
            Key = Rng.create 0UL
            // Candidates take the most probable actions, and draw none.
            ActionKeys =
                if request.Candidates.IsSome then
                    Array.zeroCreate request.Number
                else
                    request.Keys
            Replay = None
            Frozen = []
            Environments =
                match last with
                | ValueSome state when isContinued -> state.Environments
                | _ -> snapshot request
        }

    member _.Batch = batch

    member _.Act(request: ShareRequest) : byte[] =
        let began = Stopwatch.GetTimestamp()
        let isContinued = isWhereItWas request
        let state = stateOf request isContinued
        last <- ValueNone

        try
            let struct (acted, write) = act request state
            last <- ValueSome acted
            let ended = batch.Blowups
            let since = ended - blowups
            blowups <- ended
            let shown = Array.zeroCreate<float32>(batch.Count * batch.ObservationSize)
            batch.Observe(Span shown)

            let answer =
                {
                    Keys = if request.Candidates.IsSome then [||] else acted.ActionKeys
                    Recurrent =
                        if request.Recurrent.Length > 0 then
                            acted.Array ArrayNames.RecurrentStates
                        else
                            [||]
                    Environments = acted.Environments.Bytes
                    Shown = shown
                    HasRestarted = not isContinued && not batch.RestoresEpisodes
                    Blowups = since
                    Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds
                }

            ShareFormat.writeAnswer answer write
        with error ->
            match ShareFormat.failureOf request.First error with
            | ValueSome failure -> ShareFormat.writeFailure failure
            | ValueNone -> reraise ()

/// Acts for one learner: requests are answered for whatever copies they ask for. What it answers follows from the
/// request alone, so that any worker may answer it, again too, with the same bits; of an environment that cannot take
/// up the states of a snapshot, a worker goes on with the episodes that it has where a request continues its own
/// answer, and begins new ones otherwise. Not thread-safe.
[<Sealed>]
type ShareWorker
    /// `create` makes a batch of so many copies. Raises `ShareRefusal` where version, environment or spaces are not
    /// those of the description, which is the one of a `DistributedRound`.
    (description: byte[], create: Func<int, BatchEnvironment>, threads: int) =
    let key = ShareFormat.key description
    let known = ShareFormat.readDescription description
    let layout = known.Work.Layout

    // The copies of the latest requests, by the range that they were for. Those that can take up any state are soon
    // replaced; others hold the episodes of their range as long as they may.
    let shares = Dictionary<struct (int * int), Share>()
    let order = Queue<struct (int * int)>()

    let make (number: int) : BatchEnvironment = ShareCopies.make known.Contract create number

    // Fails at once, not with the first request, and before there are threads to end.
    do (make 1).Release()
    let workers = new Workers(threads)

    let shareOfNew (number: int) : Share =
        let batch = make number

        try
            Share(known, batch, workers)
        with _ ->
            batch.Release()
            reraise ()

    let forgetOldest () =
        let range = order.Dequeue()
        shares[range].Batch.Release()
        shares.Remove range |> ignore

    let shareOf (request: ShareRequest) : Share =
        let range = struct (request.First, request.Number)

        match shares.TryGetValue range with
        | true, share -> share
        | false, _ ->
            let share = shareOfNew request.Number
            let most = if share.Batch.RestoresEpisodes then 2 else 64

            while order.Count >= most do
                forgetOldest ()

            shares.Add(range, share)
            order.Enqueue range
            share

    let requireFit (request: ShareRequest) =
        let fail what found needed =
            Guard.fail (nameof request) $"The request has {what} of {found} numbers; its description needs {needed}."

        let observed =
            match known.Work with
            | ShareWork.Rollouts(_, options) when options.Normalise -> Encoding.size known.Contract.Observations
            | ShareWork.Candidates _ when request.Observations.Size > 0 -> Encoding.size known.Contract.Observations
            | _ -> request.Observations.Size

        if request.Key <> key then
            Guard.fail (nameof request) "The request is for another description; give the worker that first."

        if request.Parameters.Length <> layout.Count then
            fail "parameters" request.Parameters.Length layout.Count

        if request.Observations.Size <> observed then
            fail "statistics" request.Observations.Size observed

        let remembered = request.Number * known.Work.Actor.StateSize

        if request.Recurrent.Length <> remembered then
            fail "recurrent states" request.Recurrent.Length remembered

        match known.Work, request.Candidates with
        | ShareWork.Rollouts _, ValueNone -> ()
        | ShareWork.Candidates(actor, _), ValueSome { Spread = CandidateSpread.Around deviations } ->
            let searched = (Part.mode actor).Layout.Count

            if deviations.Length <> searched then
                fail "deviations" deviations.Length searched
        | ShareWork.Candidates _, ValueSome _ -> ()
        | _ -> Guard.fail (nameof request) "The request is for other work than its description."

    /// Acts, and answers with what was done. A failure of the environment or of the network is an answer too;
    /// `InvalidDataException` for a request that is damaged, `ArgumentException` for one of another description.
    member _.Answer(request: byte[]) : byte[] =
        let request = ShareFormat.readRequest request
        requireFit request
        (shareOf request).Act request

    interface IShareWorker with
        member this.Answer(request) = this.Answer request

        member _.Dispose() =
            for share in shares.Values do
                share.Batch.Release()

            shares.Clear()
            (workers :> IDisposable).Dispose()
