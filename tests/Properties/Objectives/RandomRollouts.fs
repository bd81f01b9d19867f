/// Rollouts with ends of both kinds, the recurrence in its plainest form, and the estimators called on them.
module Rl.Tests.Objectives.RandomRollouts

open System
open Rl.Core.Foundations
open Rl.Core.Objectives
open Rl.Tests.Golden

/// The arrays of a rollout [T, N].
type Rollout =
    {
        Columns: int
        Rewards: float[]
        Values: float[]
        Discounts: float[]
        NextValues: float[]
        Traces: float[]
    }

let lambdaAfter (following: float[]) (rollout: Rollout) =
    let result = Array.zeroCreate<float> rollout.Rewards.Length

    Returns.Lambda<float>(
        rollout.Columns,
        rollout.Rewards,
        rollout.Discounts,
        rollout.NextValues,
        rollout.Traces,
        following,
        result
    )

    result

let advantagesAfter (following: float[]) (rollout: Rollout) =
    let result = Array.zeroCreate<float> rollout.Rewards.Length

    Returns.Advantages<float>(
        rollout.Columns,
        rollout.Rewards,
        rollout.Values,
        rollout.Discounts,
        rollout.NextValues,
        rollout.Traces,
        following,
        result
    )

    result

let nStep steps (rollout: Rollout) =
    let result = Array.zeroCreate<float> rollout.Rewards.Length

    Returns.NStep<float>(
        rollout.Columns,
        steps,
        rollout.Rewards,
        rollout.Discounts,
        rollout.NextValues,
        rollout.Traces,
        result
    )

    result

let lambda = lambdaAfter [||]
let advantages = advantagesAfter [||]

/// Builds the arrays as an algorithm does: from values, ends of episodes, and the values of final observations.
let build
    columns
    discount
    trace
    (rewards: float[])
    (values: float[])
    (terminated: bool[])
    (truncated: bool[])
    (lastValues: float[])
    (finalValues: float[])
    : Rollout =
    let size = Array.length rewards
    let discounts = Array.zeroCreate<float> size
    let traces = Array.zeroCreate<float> size
    let nextValues = Array.zeroCreate<float> size
    Returns.Discounts<float>(discount, terminated, discounts)
    Returns.Traces<float>(trace, terminated, truncated, traces)
    Returns.NextValues<float>(columns, values, lastValues, truncated, finalValues, nextValues)

    {
        Columns = columns
        Rewards = rewards
        Values = values
        Discounts = discounts
        NextValues = nextValues
        Traces = traces
    }

/// A random rollout of 1–12 steps and 1–20 copies with ends of both kinds.
let randomRollout (seed: uint64) discount trace =
    let mutable rng = Rng.create seed

    let next draw =
        let struct (value, after) = draw rng
        rng <- after
        value

    let rows, columns = 1 + next (Rng.below 12), 1 + next (Rng.below 20)
    let normals count = Array.init count (fun _ -> next Rng.normal)
    let coins count = Array.init count (fun _ -> next (Rng.bernoulli 0.15))
    let size = rows * columns
    let terminated = coins size
    let truncated = coins size |> Array.map2 (fun over cut -> cut && not over) terminated
    build columns discount trace (normals size) (normals size) terminated truncated (normals columns) (normals size)

let close (expected: float[]) (actual: float[]) = Array.forall2 (Golden.isClose 1e-11 1e-11) expected actual

/// The same rollout without the dynamics of arrays: the recurrence of one copy, step by step.
let plainLambda (rollout: Rollout) =
    let rows = rollout.Rewards.Length / rollout.Columns
    let result = Array.zeroCreate<float> rollout.Rewards.Length

    for column in 0 .. rollout.Columns - 1 do
        let mutable next = rollout.NextValues[(rows - 1) * rollout.Columns + column]

        for row in rows - 1 .. -1 .. 0 do
            let at = row * rollout.Columns + column
            let trace = rollout.Traces[at]

            next <-
                rollout.Rewards[at]
                + rollout.Discounts[at] * ((1.0 - trace) * rollout.NextValues[at] + trace * next)

            result[at] <- next

    result
