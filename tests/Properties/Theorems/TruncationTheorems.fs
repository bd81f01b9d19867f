/// Law 5: truncation bootstraps and termination does not; exact expectations over all cut trajectories keep the endless
/// value.
module Rl.Tests.Theorems.TruncationTheorems

open System
open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

/// Trajectories of a process without horizon, cut after `instance.Horizon` steps, with its true values.
type private Cut =
    {
        Mdp: Mdp
        Policy: TabularPolicy
        Values: float[]
        Batch: TrajectoryBatch
        Probabilities: float[]
        Terminated: bool[]
        Truncated: bool[]
    }

let private cut (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, _) = Instance.policy instance
    let all = Trajectories.enumerate mdp policy instance.Horizon
    let trajectories = all |> Array.map _.Trajectory
    let batch = Trajectories.batch mdp.Discount trajectories

    let isLast at =
        let trajectory = trajectories[at % batch.Count]
        at / batch.Count = trajectory.Actions.Length - 1

    let flags wanted =
        Array.init batch.Mask.Length (fun at -> isLast at && trajectories[at % batch.Count].Terminated = wanted)

    {
        Mdp = mdp
        Policy = policy
        Values = Exact.values mdp policy
        Batch = batch
        Probabilities = all |> Array.map _.Probability
        Terminated = flags true
        Truncated = flags false
    }

/// λ-returns [T, N] from flags, as an algorithm computes them; where `bootstrap` is not set, truncation is taken for
/// termination.
let private lambdaReturns (lambda: float) (bootstrap: bool) (data: Cut) =
    let batch = data.Batch
    let size = batch.Mask.Length
    let discounts, traces = Array.zeroCreate<float> size, Array.zeroCreate<float> size
    let nextValues, result = Array.zeroCreate<float> size, Array.zeroCreate<float> size
    let never = Array.create size false

    let terminated, truncated =
        if bootstrap then
            data.Terminated, data.Truncated
        else
            Array.map2 (||) data.Terminated data.Truncated, never

    let ofStates (states: int[]) : float[] = states |> Array.map (fun state -> data.Values[state])
    let values, finals = ofStates batch.States, ofStates batch.NextStates
    Returns.Discounts<float>(data.Mdp.Discount, terminated, discounts)
    Returns.Traces<float>(lambda, terminated, truncated, traces)

    // Every trajectory has ended by the last row, so nothing may read what follows it.
    let last = Array.create batch.Count 1e3
    Returns.NextValues<float>(batch.Count, values, last, truncated, finals, nextValues)
    let steps = Steps<float>(batch.Count, batch.Rewards, discounts, nextValues, traces)
    Returns.Lambda(steps, ReadOnlySpan.Empty, result)
    result

/// E[f | s₁ = s] of the numbers of the first row, [S].
let private fromEachStart (firstRow: float[]) (data: Cut) =
    let total = Array.zeroCreate<float> data.Mdp.States

    for column in 0 .. data.Batch.Count - 1 do
        let start = data.Batch.States[column]
        let share = data.Probabilities[column] / data.Mdp.Start.Span[start]
        total[start] <- total[start] + share * firstRow[column]

    total

let private started (data: Cut) (values: float[]) =
    values |> Array.mapi (fun state value -> if data.Mdp.Start.Span[state] > 0.0 then value else 0.0)

[<Theorem>]
let ``law 5: λ-returns of cut episodes that bootstrap with the true value have the endless value as expectation``
    (DiscountedInstance instance)
    =
    let data = cut instance

    for lambda in [ 0.0; 0.4; 1.0 ] do
        let expected = fromEachStart (lambdaReturns lambda true data) data
        Expect.close 1e-9 $"λ = {lambda}" (started data data.Values) expected

[<Theorem>]
let ``law 5: taking the cut for an end gives the value of the horizon instead`` (DiscountedInstance instance) =
    let data = cut instance
    let horizon = FiniteHorizon.evaluate data.Mdp instance.Horizon data.Policy
    let expected = fromEachStart (lambdaReturns 1.0 false data) data
    Expect.close 1e-9 "V of the horizon" (started data horizon.Values[0]) expected

[<Theorem>]
let ``law 5: generalised advantages of cut episodes with the true value have the true advantage as expectation``
    (DiscountedInstance instance)
    =
    let data = cut instance
    let actions = data.Mdp.Actions
    let advantages = Exact.advantages data.Mdp data.Policy
    let returns = lambdaReturns 0.7 true data
    let total, weight = Array.zeroCreate<float> advantages.Length, Array.zeroCreate<float> advantages.Length

    // Every step, wherever in the episode: the expectation given its state and action.
    for at in 0 .. returns.Length - 1 do
        if data.Batch.Mask[at] = 1.0 then
            let pair = data.Batch.States[at] * actions + data.Batch.Actions[at]
            let probability = data.Probabilities[at % data.Batch.Count]
            total[pair] <- total[pair] + probability * (returns[at] - data.Values[data.Batch.States[at]])
            weight[pair] <- weight[pair] + probability

    let seen = weight |> Array.map (fun value -> value > 0.0)
    let mean = Array.map2 (fun value share -> if share > 0.0 then value / share else 0.0) total weight
    Expect.close 1e-9 "A" (Array.map2 (fun value seen -> if seen then value else 0.0) advantages seen) mean

[<Fact>]
let ``law 5 has teeth: cutting moves the value where bootstrapping is left out`` () =
    let instance = { Seed = 5UL; Shape = Dense; States = 2; Actions = 2; Horizon = 2; Discount = 0.9 }
    let data = cut instance
    let wrong = fromEachStart (lambdaReturns 1.0 false data) data
    Assert.True(Expect.distance data.Values wrong > 0.05)
