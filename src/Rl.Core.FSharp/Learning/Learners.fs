/// What the actor-critic learners have in common: first states, normalisation of rewards, diagnostics.
namespace Rl.Core.Learning

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Objectives

[<RequireQualifiedAccess>]
module internal Learners =

    /// The state before the first transition, with the arrays that the algorithm carries. One key gives four:
    /// parameters, environments, actions, shuffles.
    let private stateBefore
        (layout: Layout)
        (environment: BatchEnvironment)
        (observed: int)
        (rewarded: int)
        (arrays: (string * float32[]) list)
        (key: Rng)
        : TrainingState =
        let struct (parameterKey, rest) = Rng.split key
        let struct (environmentKey, rest) = Rng.split rest
        let struct (actionKey, shuffleKey) = Rng.split rest
        let struct (parameters, _) = Layout.initialise parameterKey layout
        let struct (actionKeys, _) = Rng.splitMany environment.Count actionKey
        environment.Reset environmentKey

        {
            Steps = 0L
            Updates = 0L
            Parameters = Array.map float32 parameters
            Arrays = arrays
            Observations = RunningStatistics.create observed
            Rewards = RunningStatistics.create rewarded
            DiscountedReturns = Array.zeroCreate (rewarded * environment.Count)
            Key = shuffleKey
            ActionKeys = actionKeys
            Replay = None
            Frozen = []
            Environments = environment.Capture()
        }

    /// How states start, with statistics of observations and of rewards where they are normalised.
    let start
        (layout: Layout)
        (environment: BatchEnvironment)
        (normaliseObservations: bool)
        (normaliseRewards: bool)
        : StateStart =
        let observed = if normaliseObservations then Encoding.size environment.ObservationSpace else 0
        let rewarded = if normaliseRewards then 1 else 0

        {
            Layout = layout
            Observations = observed
            Rewards = rewarded
            Replay = None
            Initialise = stateBefore layout environment observed rewarded
        }

    /// The statistics of observations with a rollout's taken in.
    let observe (statistics: RunningStatistics) (rollout: Rollout) =
        let seen = rollout.Steps * rollout.Copies * statistics.Size
        RunningStatistics.update (ReadOnlySpan(rollout.RawObservations, 0, seen)) statistics

    /// Writes the rewards of one step of each copy into `result`, each divided by the standard deviation of the
    /// discounted returns so far and clipped to ± limit; `returns` takes the step in and begins at 0 where `isEnd`. The
    /// statistics that follow. `rewards` and `result` may be the same memory.
    let scaleStep
        (discount: float)
        (limit: float)
        (isEnd: int -> bool)
        (statistics: RunningStatistics)
        (returns: float[])
        (rewards: ReadOnlySpan<float32>)
        (result: Span<float32>)
        : RunningStatistics =
        for n in 0 .. returns.Length - 1 do
            returns[n] <- returns[n] * discount + float rewards[n]

        let statistics = RunningStatistics.updateExact (ReadOnlySpan returns) statistics
        let scale = 1.0 / Math.Sqrt(RunningStatistics.variance 0 statistics + 1e-8)

        for n in 0 .. returns.Length - 1 do
            result[n] <- float32 (Math.Clamp(float rewards[n] * scale, -limit, limit))
            if isEnd n then returns[n] <- 0.0

        statistics

    /// Writes the rewards to learn from into `result`: those of the rollout, or, when the state keeps statistics of
    /// rewards, each divided by the standard deviation of the discounted returns seen up to its step and clipped to ±
    /// limit (as Gymnasium's NormalizeReward; slide 17). Returns the statistics and the discounted returns that follow.
    let normaliseRewards
        (discount: float)
        (limit: float)
        (state: TrainingState)
        (rollout: Rollout)
        (result: float32[])
        : struct (RunningStatistics * float[]) =
        if state.Rewards.Size = 0 then
            rollout.Rewards.CopyTo(result, 0)
            struct (state.Rewards, state.DiscountedReturns)
        else
            let returns = Array.copy state.DiscountedReturns
            let mutable statistics = state.Rewards

            for t in 0 .. rollout.Steps - 1 do
                let first = t * rollout.Copies

                statistics <-
                    scaleStep
                        discount
                        limit
                        (fun n -> rollout.Terminated[first + n] || rollout.Truncated[first + n])
                        statistics
                        returns
                        (ReadOnlySpan(rollout.Rewards, first, rollout.Copies))
                        (Span(result, first, rollout.Copies))

            struct (statistics, returns)
