/// Rollouts with ends of both kinds, the recurrence in its plainest form, and the estimators called on them.
module Rl.Tests.Objectives.RandomRollouts

open System
open FsCheck.FSharp
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

    /// What the estimators read.
    member this.Steps = Steps<float>(this.Columns, this.Rewards, this.Discounts, this.NextValues, this.Traces)

let lambdaAfter (following: float[]) (rollout: Rollout) =
    let result = Array.zeroCreate<float> rollout.Rewards.Length
    Returns.Lambda(rollout.Steps, following, result)
    result

let advantagesAfter (following: float[]) (rollout: Rollout) =
    let result = Array.zeroCreate<float> rollout.Rewards.Length
    Returns.Advantages(rollout.Steps, rollout.Values, following, result)
    result

let nStep window (rollout: Rollout) =
    let result = Array.zeroCreate<float> rollout.Rewards.Length
    Returns.NStep(rollout.Steps, window, result)
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

/// What a random rollout is made from: the numbers of its arrays follow from the seed.
type RandomRollout = { Seed: uint64; Rows: int; Columns: int }

/// How FsCheck makes and shrinks them: 1 to 12 steps of 1 to 20 copies.
type RandomRollouts =
    static member RandomRollout() =
        let generator =
            gen {
                let! seed = Gen.choose (0, Int32.MaxValue)
                let! rows = Gen.choose (1, 12)
                let! columns = Gen.choose (1, 20)
                return { Seed = uint64 seed; Rows = rows; Columns = columns }
            }

        let shrink (random: RandomRollout) =
            seq {
                if random.Rows > 1 then yield { random with Rows = random.Rows - 1 }
                if random.Columns > 1 then yield { random with Columns = random.Columns - 1 }
                if random.Seed > 0UL then yield { random with Seed = random.Seed / 2UL }
            }

        Arb.fromGenShrink (generator, shrink)

/// The rollout, with ends of both kinds.
let randomRollout (random: RandomRollout) discount trace =
    let mutable rng = Rng.create random.Seed

    let next draw =
        let struct (value, after) = draw rng
        rng <- after
        value

    let columns, size = random.Columns, random.Rows * random.Columns
    let normals count = Array.init count (fun _ -> next Rng.normal)
    let coins count = Array.init count (fun _ -> next (Rng.bernoulli 0.15))
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
