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
/// spreads the copies, and its states are the same: saved by one, resumed by the other. `inner` begins episodes and
/// tells spaces; its copies are not stepped. It stays its maker's.
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

        member _.Collect(network, options, state, into) =
            let struct (description, bytes) = describe network options

            let round = DistributedRound(bytes, ShareFormat.key bytes, description, inner.RestoresEpisodes, state, into)

            carrier.Carry round

            if not round.IsComplete then
                invalidOp "The carrier came back before all copies had acted."

            match round.Failure with
            | Some(ShareFailure.Environment(message, id, copy, step, index, value)) ->
                raise (EnvironmentFailure(message, id, copy, step, index, value, null))
            | Some(ShareFailure.NonFinite(step, copy)) -> raiseNonFinite step copy network options state
            | None ->
                blowups <- blowups + round.Blowups
                shown <- ValueSome round.Shown
                round.Acted
