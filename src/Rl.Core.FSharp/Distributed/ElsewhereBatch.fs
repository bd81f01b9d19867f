/// Batches that stand for copies which act in other places: they tell what the copies offer and do not step them.
namespace Rl.Core.Distributed

open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Learning

/// Tells what `inner` tells: spaces, masks, goals, wrappers. Its copies are not stepped by it.
[<AbstractClass>]
type ElsewhereBatch internal (inner: BatchEnvironment) =
    inherit BatchEnvironment()
    /// The batch whose copies act elsewhere.
    member _.Inner = inner
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
    override _.Reset rng = inner.Reset rng
    override _.Observe rows = inner.Observe rows
    override _.Capture() = inner.Capture()
    override _.Restore snapshot = inner.Restore snapshot

    override _.Step(_, _, _, _) =
        invalidOp (
            $"The copies of {inner.Id} act in other processes by whole rollouts or episodes or with their memory, and "
            + "this algorithm steps them itself: train it in one process, or choose another, such as ppo, dqn, sac or "
            + "es."
        )

/// All copies of a learner as a worker sees them who has some: what it binds the learner's algorithm to in order to
/// have its parts.
[<Sealed>]
type internal PartsBatch(one: BatchEnvironment, copies: int) =
    inherit ElsewhereBatch(one)
    let mutable bound: struct (OffPolicyExtras * OffPolicyOptions * OffPolicyParts) voption = ValueNone
    override _.Count = copies

    /// What the algorithm's learner was made of.
    member _.Parts =
        match bound with
        | ValueSome parts -> parts
        | ValueNone -> Guard.fail "algorithm" "The algorithm does not learn from a memory of steps."

    interface IMemoriesElsewhere with
        member _.Bind(extras, options, parts, _) =
            bound <- ValueSome(struct (extras, options, parts))

            Learner.ofFunctions
                {
                    Algorithm = parts.Algorithm
                    Environment = one
                    Network = parts.Actor
                    Options = parts.Options
                    TotalSteps = parts.TotalSteps
                    Arrays = []
                    Start = Learners.start parts.Layout one false false
                    Collect = ignore
                    Learn = fun _ () -> invalidOp "A worker does not learn."
                }
