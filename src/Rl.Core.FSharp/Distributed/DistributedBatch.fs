/// Copies of an environment that act in other processes: what a learner of rollouts is bound to in place of its own.
namespace Rl.Core.Distributed

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks

/// The copies of a batch, acting elsewhere. A learner that collects rollouts with a critic and is bound to it (PPO,
/// A2C, VPG, TRPO, NPG, PPG, V-MPO) becomes the same bit for bit as if it were bound to `inner`, however the carrier
/// spreads the copies, and its states are the same: saved by one, resumed by the other. A learner that corrects for the
/// age of policies (IMPALA, APPO) has copies that do not wait for each other, where the carrier is an
/// `IAsynchronousCarrier`: what it becomes depends on who was quicker, its states are still those of one process.
/// `inner` begins episodes and tells spaces; its copies are not stepped. It stays its maker's.
/// `ArgumentException` where the copies depend on each other.
[<Sealed>]
type DistributedBatch(inner: BatchEnvironment, carrier: IRoundCarrier) =
    inherit BatchEnvironment()
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

    let describe (network: ActorCritic) (options: CollectorOptions) =
        match described with
        | ValueSome(struct (known, bytes)) when
            obj.ReferenceEquals(known.Network.Actor, network.Actor) && known.Options = options
            ->
            struct (known, bytes)
        | _ ->
            let description = { Contract = contract; Network = network; Options = options }
            let bytes = ShareFormat.writeDescription description
            described <- ValueSome(struct (description, bytes))
            struct (description, bytes)

    /// The failure as it would have been here: what a network cannot compute, it cannot compute in this process either.
    let raiseNonFinite (step: int) (copy: int) (network: ActorCritic) options (state: TrainingState) : TrainingState =
        use workers = new Workers 1
        Collector(network, inner, options, workers).Collect state |> ignore

        invalidOp
            $"A worker's network made a number that is not finite in step {step} of copy {copy}; that of this process \
              did not."

    let raiseFailure failure network options (state: TrainingState) : TrainingState =
        match failure with
        | ShareFailure.Environment(message, id, copy, step, index, value) ->
            raise (EnvironmentFailure(message, id, copy, step, index, value, null))
        | ShareFailure.NonFinite(step, copy) -> raiseNonFinite step copy network options state

    /// A rollout of all copies.
    let collectTogether network options (state: TrainingState) (into: Rollout) : TrainingState =
        let struct (description, bytes) = describe network options
        let round = DistributedRound(bytes, ShareFormat.key bytes, description, inner.RestoresEpisodes, state, into)
        carrier.Carry round

        if not round.IsComplete then
            invalidOp "The carrier came back before all copies had acted."

        match round.Failure with
        | Some failure -> raiseFailure failure network options state
        | None ->
            blowups <- blowups + round.Blowups
            shown <- ValueSome round.Shown
            round.Acted

    /// The shares that go on from a state: those of before, or others.
    let roundsFrom (description: ShareDescription) (bytes: byte[]) maximumLag (state: TrainingState) =
        let key = ShareFormat.key bytes

        match late with
        | ValueSome(struct (rounds, left)) when rounds.Key = key && obj.ReferenceEquals(left, state.Environments) ->
            rounds
        | _ -> AsynchronousRounds(bytes, key, description, inner.RestoresEpisodes, inner.Count, maximumLag, state)

    /// A rollout of the shares that come first.
    let collectLate (carrier: IAsynchronousCarrier) network options (state: TrainingState) (into: Rollout) =
        let struct (description, bytes) = describe network options
        let rounds = roundsFrom description bytes carrier.MaximumLag state
        late <- ValueNone
        rounds.Begin(state, into)
        carrier.Fill rounds

        match rounds.Failure with
        | ValueSome(struct (failure, parameters)) ->
            raiseFailure failure network options { state with Parameters = parameters }
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

    /// The batch whose copies act elsewhere.
    member _.Inner = inner

    /// Whether a learner has been bound to it that collects whole rollouts; another one steps the copies, which raises.
    member _.IsBound = isBound

    override _.Id = inner.Id
    override _.Count = inner.Count
    override _.ObservationSpace = inner.ObservationSpace
    override _.ActionSpace = inner.ActionSpace
    override _.ObservationSize = inner.ObservationSize
    override _.ActionSize = inner.ActionSize
    override _.MaxEpisodeSteps = inner.MaxEpisodeSteps
    override _.RewardThreshold = inner.RewardThreshold
    override _.Wrappers = inner.Wrappers
    override _.Statistics = inner.Statistics
    override _.RestoreStatistics(statistics, isFrozen) = inner.RestoreStatistics(statistics, isFrozen)
    override _.Innermost = inner.Innermost
    override _.HasActionMasks = inner.HasActionMasks
    override _.RestoresEpisodes = inner.RestoresEpisodes
    override _.CopyBytes = inner.CopyBytes
    override _.FramesPerSecond = inner.FramesPerSecond
    override _.Blowups = blowups

    override _.Reset rng =
        shown <- ValueNone
        inner.Reset rng

    override _.Capture() = inner.Capture()

    override _.Restore snapshot =
        shown <- ValueNone
        inner.Restore snapshot

    override _.Observe rows =
        match shown with
        | ValueSome shown ->
            Guard.length (nameof rows) shown.Length rows.Length
            shown.AsSpan().CopyTo rows
        | ValueNone -> inner.Observe rows

    override _.Step(_, _, _, _) =
        invalidOp (
            $"The copies of {inner.Id} act in other processes by whole rollouts, and this algorithm steps them itself: "
            + "train it in one process, or choose one that collects rollouts, such as ppo or a2c."
        )

    interface IRolloutsElsewhere with
        member _.Bound() = isBound <- true
        member _.MayLag() = mayLag <- true
        member _.Lag = lag

        member _.Collect(network, options, state, into) =
            match box carrier with
            | :? IAsynchronousCarrier as carrier when mayLag -> collectLate carrier network options state into
            | _ -> collectTogether network options state into
