/// Copies of an environment that act in other processes: what a learner is bound to in place of its own.
namespace Rl.Core.Distributed

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning

/// The copies of a batch, acting elsewhere. A learner that collects rollouts with a critic (PPO, A2C, VPG, TRPO, NPG,
/// PPG, V-MPO) or judges candidates (ES, CEM, ARS), and is bound to it, becomes the same bit for bit as if it were
/// bound to `inner`, however the carrier spreads the copies, and its states are the same: saved by one, resumed by the
/// other. A learner that corrects for the age of policies (IMPALA, APPO) has copies that do not wait for each other,
/// where the carrier is an `IAsynchronousCarrier`: what it becomes depends on who was quicker, its states are still
/// those of one process. A learner from replayed steps (DQN, SAC, TD3) has copies that remember in their workers, where
/// the carrier is an `IMemoryCarrier`. `inner` begins episodes and tells spaces; its copies are not stepped. It stays
/// its maker's. `ArgumentException` where the copies depend on each other.
[<Sealed>]
type DistributedBatch(inner: BatchEnvironment, carrier: IRoundCarrier) =
    inherit ElsewhereBatch(inner)
    let contract = ShareContract.ofBatch inner
    let mutable described: struct (ShareDescription * byte[]) voption = ValueNone
    let mutable blowups = 0L
    let mutable isBound = false
    // What the copies showed after the latest round; none before the first, and after `inner` has begun others.
    let mutable shown: float32[] voption = ValueNone
    let mutable mayLag = false
    let mutable lag = RolloutLag.Of 0
    // Shares that do not wait, and the environments of the state that they go on from.
    let mutable late: struct (AsynchronousRounds * BatchSnapshot) voption = ValueNone

    let isSame (one: ShareWork) (other: ShareWork) =
        match one, other with
        | ShareWork.Rollouts(network, options), ShareWork.Rollouts(known, before) ->
            obj.ReferenceEquals(network.Actor, known.Actor) && options = before
        | ShareWork.Candidates(actor, trial), ShareWork.Candidates(known, before) ->
            obj.ReferenceEquals(actor, known) && trial = before
        | _ -> false

    let describe (work: ShareWork) =
        match described with
        | ValueSome(struct (known, bytes)) when isSame work known.Work -> struct (known, bytes)
        | _ ->
            let description = { Contract = contract; Work = work }
            let bytes = ShareFormat.writeDescription description
            described <- ValueSome(struct (description, bytes))
            struct (description, bytes)

    /// Fails as it would have here: where a worker's network made a number that is not finite, `here` does the same in
    /// this process, which cannot compute it either.
    let raiseFailure (failure: ShareFailure) (here: Workers -> unit) : TrainingState =
        match failure with
        | ShareFailure.Environment(message, id, copy, step, index, value) ->
            raise (EnvironmentFailure(message, id, copy, step, index, value, null))
        | ShareFailure.NonFinite(step, copy) ->
            use workers = new Workers 1
            here workers

            invalidOp
                $"A worker's network made a number that is not finite in step {step} of copy {copy}; that of \
                  this process did not."

    /// Has the work done: the state after acting. `here` does the same in this process.
    let carry (work: ShareWork) (state: TrainingState) (round: IRoundWork) (here: Workers -> unit) : TrainingState =
        let struct (description, bytes) = describe work
        let round = DistributedRound(bytes, ShareFormat.key bytes, description, inner.RestoresEpisodes, state, round)
        carrier.Carry round

        if not round.IsComplete then
            invalidOp "The carrier came back before all copies had acted."

        match round.Failure with
        | Some failure -> raiseFailure failure here
        | None ->
            blowups <- blowups + round.Blowups
            shown <- ValueSome round.Shown
            round.Acted

    /// The shares that go on from a state: those of before, or others.
    let roundsFrom (description: ShareDescription) (bytes: byte[]) options maximumLag (state: TrainingState) =
        let key = ShareFormat.key bytes

        match late with
        | ValueSome(struct (rounds, left)) when rounds.Key = key && obj.ReferenceEquals(left, state.Environments) ->
            rounds
        | _ -> AsynchronousRounds(bytes, key, description, options, inner.RestoresEpisodes, maximumLag, state)

    /// A rollout of the shares that come first.
    let collectLate (carrier: IAsynchronousCarrier) network options (state: TrainingState) (into: Rollout) =
        let struct (description, bytes) = describe (ShareWork.Rollouts(network, options))
        let rounds = roundsFrom description bytes options carrier.MaximumLag state
        late <- ValueNone
        rounds.Begin(state, into)
        carrier.Fill rounds

        match rounds.Failure with
        | ValueSome(struct (failure, parameters)) ->
            raiseFailure failure (fun workers ->
                let acted = { state with Parameters = parameters }
                Collector(network, inner, options, workers).Collect acted |> ignore)
        | ValueNone ->
            if not rounds.IsFull then
                invalidOp "The carrier came back before a rollout was full."

            let struct (age, acted) = rounds.Take into
            lag <- age
            carrier.Taken(age.Mean, age.Largest, age.DroppedSteps)
            blowups <- blowups + rounds.TakeBlowups()
            shown <- ValueSome rounds.Shown
            late <- ValueSome(struct (rounds, acted.Environments))
            acted

    /// Whether a learner has been bound to it that collects whole rollouts, has candidates judged or draws from
    /// memories; another one steps the copies, which raises.
    member _.IsBound = isBound

    override _.Blowups = blowups

    override _.Reset rng =
        shown <- ValueNone
        inner.Reset rng

    override _.Restore snapshot =
        shown <- ValueNone
        inner.Restore snapshot

    override _.Observe rows =
        match shown with
        | ValueSome shown ->
            Guard.length (nameof rows) shown.Length rows.Length
            shown.AsSpan().CopyTo rows
        | ValueNone -> inner.Observe rows

    interface IRolloutsElsewhere with
        member _.Bound() = isBound <- true
        member _.MayLag() = mayLag <- true
        member _.Lag = lag

        member _.Collect(network, options, state, into) =
            match box carrier with
            | :? IAsynchronousCarrier as carrier when mayLag -> collectLate carrier network options state into
            | _ ->
                carry (ShareWork.Rollouts(network, options)) state (RolloutWork(options, state, into)) (fun workers ->
                    Collector(network, inner, options, workers).Collect state |> ignore)

    interface IMemoriesElsewhere with
        member this.Bind(extras, options, parts, workers) =
            match box carrier with
            | :? IMemoryCarrier as memories ->
                let acted (shards: MemoryShards) =
                    blowups <- blowups + shards.TakeBlowups()
                    shown <- ValueSome(Array.copy shards.Shown)

                let learner = ShardedLearner.create memories contract this inner acted extras options parts workers

                isBound <- true
                learner
            | _ ->
                Guard.fail
                    (nameof carrier)
                    "The carrier has no workers that remember: carry for an algorithm of rollouts or candidates."

    interface ICandidatesElsewhere with
        member _.Bound() = isBound <- true

        member _.Judge(actor, trial, state, seeds) =
            let work = CandidateWork(trial, state, seeds)

            let acted =
                carry (ShareWork.Candidates(actor, trial)) state work (fun workers ->
                    let candidates = Candidates.drawn (Part.mode actor) seeds
                    Judges(actor, inner, trial, workers).Judge(state, candidates, 0, inner.Count) |> ignore)

            { Results = work.Results; Seen = work.Seen; Acted = acted }
