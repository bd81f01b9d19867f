/// What the actor-critic learners have in common: first states, normalisation of rewards, diagnostics.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks

[<RequireQualifiedAccess>]
module internal Learners =

    /// The state before the first transition, with the arrays that the algorithm carries. One key gives four: parameters, environments,
    /// actions, shuffles.
    let initialise
        (layout: Layout)
        (environment: BatchEnvironment)
        (normaliseObservations: bool)
        (normaliseRewards: bool)
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
            Observations =
                RunningStatistics.create (
                    if normaliseObservations then Encoding.size environment.ObservationSpace else 0
                )
            Rewards = RunningStatistics.create (if normaliseRewards then 1 else 0)
            DiscountedReturns = Array.zeroCreate (if normaliseRewards then environment.Count else 0)
            Key = shuffleKey
            ActionKeys = actionKeys
            Replay = None
            Environments = environment.Capture()
        }

    /// The statistics of observations with a rollout's taken in.
    let observe (statistics: RunningStatistics) (rollout: Rollout) =
        let seen = rollout.Steps * rollout.Copies * statistics.Size
        RunningStatistics.update (ReadOnlySpan(rollout.RawObservations, 0, seen)) statistics

    /// Writes the rewards to learn from into `result`: those of the rollout, or, when the state keeps statistics of rewards, each
    /// divided by the standard deviation of the discounted returns seen up to its step and clipped to ± limit (as Gymnasium's
    /// NormalizeReward; slide 17). Returns the statistics and the discounted returns that follow.
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
            let row = Array.zeroCreate<float32> rollout.Copies
            let mutable statistics = state.Rewards

            for t in 0 .. rollout.Steps - 1 do
                for n in 0 .. rollout.Copies - 1 do
                    returns[n] <- returns[n] * discount + float rollout.Rewards[t * rollout.Copies + n]
                    row[n] <- float32 returns[n]

                statistics <- RunningStatistics.update (ReadOnlySpan row) statistics
                let scale = 1.0 / Math.Sqrt(RunningStatistics.variance 0 statistics + 1e-8)

                for n in 0 .. rollout.Copies - 1 do
                    let index = t * rollout.Copies + n
                    result[index] <- float32 (Math.Clamp(float rollout.Rewards[index] * scale, -limit, limit))
                    if rollout.Terminated[index] || rollout.Truncated[index] then returns[n] <- 0.0

            struct (statistics, returns)

    /// 1 − Var(R − V) / Var(R): 1 for perfect values, 0 for a constant, NaN when the returns do not vary.
    let explainedVariance (values: float32[]) (returns: float32[]) =
        let variance (f: int -> float) =
            // Distances from the first value, so that equal ones vary by 0.
            let origin = f 0
            let mutable sum = 0.0
            let mutable squares = 0.0

            for index in 0 .. returns.Length - 1 do
                let value = f index - origin
                sum <- sum + value
                squares <- squares + value * value

            let mean = sum / float returns.Length
            squares / float returns.Length - mean * mean

        let total = variance (fun index -> float returns[index])
        let rest = variance (fun index -> float returns[index] - float values[index])
        if total <= 0.0 then nan else 1.0 - rest / total
