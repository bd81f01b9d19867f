/// Rollouts of random numbers with ends of both kinds, and what corrections make of them.
module Rl.Tests.Objectives.CorrectionRollouts

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Foundations
open Rl.Core.Objectives
open Xunit

/// Random numbers in [low, high).
let uniform (low: float) (high: float) (count: int) (rng: Rng byref) : float[] =
    let values = Array.zeroCreate<float> count

    for i in 0 .. count - 1 do
        let struct (value, next) = Rng.uniformIn low high rng
        values[i] <- value
        rng <- next

    values

/// A rollout [T, N] with its own next values; episodes end by chance, in either way.
type Rollout =
    {
        Columns: int
        Rewards: float[]
        Values: float[]
        Discounts: float[]
        NextValues: float[]
        Ends: float[]
        Ratios: float[]
    }

    member this.Count = this.Rewards.Length

    /// Traces λ inside episodes, 0 at their ends.
    member this.Traces(lambda: float) = this.Ends |> Array.map (fun ends -> lambda * (1.0 - ends))

    /// What the estimators read, with these traces.
    member this.With(traces: float[]) =
        Steps<float>(this.Columns, this.Rewards, this.Discounts, this.NextValues, traces)

    /// What the estimators read, with traces λ inside episodes.
    member this.Steps(lambda: float) = this.With(this.Traces lambda)

let rollout (seed: uint64) : Rollout =
    let mutable rng = Rng.create seed
    let struct (steps, next) = Rng.below 9 rng
    let struct (columns, next) = Rng.below 11 next
    rng <- next
    let steps, columns = steps + 1, columns + 1
    let count = steps * columns
    let values = uniform -2.0 2.0 count &rng
    let ends = uniform 0.0 1.0 count &rng |> Array.map (fun u -> if u < 0.2 then 1.0 else 0.0)
    let terminates = uniform 0.0 1.0 count &rng |> Array.map (fun u -> u < 0.5)
    let outside = uniform -2.0 2.0 count &rng

    {
        Columns = columns
        Rewards = uniform -1.0 1.0 count &rng
        Values = values
        Discounts = Array.init count (fun i -> if ends[i] = 1.0 && terminates[i] then 0.0 else 0.9)
        NextValues =
            Array.init count (fun i ->
                if ends[i] = 1.0 || i + columns >= count then
                    outside[i]
                else
                    values[i + columns])
        Ends = ends
        Ratios = uniform 0.1 3.0 count &rng
    }

let filled (r: Rollout) (fill: float[] -> unit) =
    let result = Array.zeroCreate<float> r.Count
    fill result
    result

let lambdaReturns (r: Rollout) lambda =
    filled r (fun result -> Returns.Lambda(r.Steps lambda, ReadOnlySpan.Empty, result))

let advantages (r: Rollout) lambda =
    filled r (fun result -> Returns.Advantages(r.Steps lambda, r.Values, ReadOnlySpan.Empty, result))

let leaky (r: Rollout) mixing clip (ratios: float[]) lambda =
    filled r (fun result -> Corrections.LeakyVTrace(r.Steps lambda, r.Values, ratios, mixing, clip, result))

let general (r: Rollout) (nextActionValues: float[]) (traces: float[]) =
    filled r (fun result -> Corrections.GeneralOffPolicy(r.With traces, nextActionValues, result))

let near (expected: float[]) (actual: float[]) =
    Assert.Equal(expected.Length, actual.Length)

    Array.iter2
        (fun (e: float) a ->
            if not (abs (e - a) <= 1e-11 * (1.0 + abs e)) then
                Assert.Fail $"{a:R} instead of {e:R}")
        expected
        actual

let ones (r: Rollout) = Array.create r.Count 1.0
