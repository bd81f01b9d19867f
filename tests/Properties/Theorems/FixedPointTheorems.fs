/// Law 4 off policy: V-trace, Retrace and tree-backup rest where they should and are the operators that their papers
/// define.
module Rl.Tests.Theorems.FixedPointTheorems

open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

let private tolerance = 1e-9

/// V-trace errors of the values of `judged` over the horizon.
let private vTrace (clip: float) (lambda: float) (judged: TabularPolicy) (sample: OffPolicy) =
    let evaluation = FiniteHorizon.evaluate sample.Data.Mdp sample.Data.Horizon judged
    let data = { sample.Data with Evaluation = evaluation }
    let result = OffPolicy.zeros sample
    let values, nextValues = Enumerated.values data, Enumerated.nextValues data
    let traces = data.Traces |> Array.map (fun trace -> lambda * trace)

    let steps = Steps<float>(data.Batch.Count, data.Batch.Rewards, data.Batch.Discounts, nextValues, traces)
    Corrections.VTrace(steps, values, sample.Ratios, clip, result)
    result

[<Theorem>]
let ``law 4: V-trace with clip ρ̄ rests at the values of the policy ∝ min(ρ̄ μ, π), for any λ`` (instance: Instance) =
    let sample = OffPolicy.collect instance
    let states, actions = sample.Data.Mdp.States, sample.Data.Mdp.Actions

    for clip in [ 0.5; 1.0; 1e6 ] do
        let between =
            Array.init states (fun state ->
                let row =
                    Array.init actions (fun action ->
                        min (clip * sample.Behaviour[state, action]) sample.Data.Policy[state, action])

                row |> Array.map (fun weight -> weight / Array.sum row))
            |> Array.concat
            |> TabularPolicy.create states actions

        for lambda in [ 0.0; 0.6; 1.0 ] do
            let errors = OffPolicy.fromStarts (vTrace clip lambda between sample) sample
            Expect.close tolerance $"ρ̄ = {clip}, λ = {lambda}" (Array.zeroCreate states) errors

[<Theorem>]
let ``law 4: on policy and with λ = 1, V-trace targets are the rewards to go`` (instance: Instance) =
    let data = Enumerated.onPolicy instance
    let ones = Array.create data.Traces.Length 1.0
    let sample = { Data = data; Behaviour = data.Policy; Ratios = ones; Cumulative = ones; Before = ones }
    let targets = Array.map2 (+) (vTrace 1.0 1.0 data.Policy sample) (Enumerated.values data)
    let inside (values: float[]) = Array.map2 (*) data.Batch.Mask values
    Expect.close 1e-12 "targets" (inside (Enumerated.rewardsToGo data)) (inside targets)

/// How a kind of return is computed: of v′, q′ and traces [T, N] into the result.
type private Estimator = OffPolicy -> float[] -> float[] -> float[] -> float[] -> unit

/// What an estimator makes of a guess Q̂ of Q.
type private Distances =
    {
        Data: Enumerated
        /// Q̂ by time, [H][S, A].
        Guess: float[][]
        /// E_μ[G of the first step | s, a], NaN for pairs that never start.
        Mean: float[]
        /// The largest |E_μ[G | s, a] − Q(0, s, a)|.
        After: float
        /// The largest |Q̂ − Q|.
        Before: float
    }

/// Gives the estimator Q̂ = Q + `noise` times a random table of each time.
let private distances (noise: float) (lambda: float) (estimate: Estimator) (instance: Instance) =
    let sample = OffPolicy.collect instance
    let data = sample.Data
    let count, states, actions = data.Batch.Count, data.Mdp.States, data.Mdp.Actions

    let perturbed =
        data.Evaluation.ActionValues
        |> Array.mapi (fun time values ->
            Array.map2 (fun value shift -> value + noise * shift) values (Instance.normals time values.Length instance))

    let averaged (values: float[]) =
        Array.init states (fun state ->
            [| 0 .. actions - 1 |]
            |> Array.sumBy (fun action -> data.Policy[state, action] * values[state * actions + action]))

    let guess =
        { data with
            Evaluation =
                { data.Evaluation with
                    ActionValues = perturbed
                    Values = Array.append (Array.map averaged perturbed) [| Array.zeroCreate states |]
                }
        }

    let shifted (values: float[]) =
        Array.init values.Length (fun at -> if at + count < values.Length then values[at + count] else 0.0)

    let result = OffPolicy.zeros sample
    let traces = data.Traces |> Array.map (fun trace -> lambda * trace)
    estimate sample (Enumerated.nextValues guess) (shifted (Enumerated.actionValues guess)) traces result
    let total, weight = Array.zeroCreate<float>(states * actions), Array.zeroCreate<float>(states * actions)

    for column in 0 .. count - 1 do
        let pair = data.Batch.States[column] * actions + data.Batch.Actions[column]
        total[pair] <- total[pair] + data.Probabilities[column] * result[column]
        weight[pair] <- weight[pair] + data.Probabilities[column]

    let after =
        Array.init total.Length (fun pair ->
            if weight[pair] = 0.0 then
                0.0
            else
                abs (total[pair] / weight[pair] - data.Evaluation.ActionValues[0].[pair]))

    let before =
        Array.map2
            (Array.map2 (fun (guessed: float) exact -> abs (guessed - exact)))
            perturbed
            data.Evaluation.ActionValues

    {
        Data = data
        Guess = perturbed
        Mean = Array.map2 (fun value share -> if share > 0.0 then value / share else nan) total weight
        After = Array.max after
        Before = before |> Array.map Array.max |> Array.max
    }

/// The operator that `distances` estimates, without a sample: R Q̂ of the first step, [S, A], where `kept` is c(b)
/// μ(b|s).
let private operator (kept: Enumerated -> int -> int -> float) (data: Enumerated) (guess: float[][]) : float[] =
    let states, actions = data.Mdp.States, data.Mdp.Actions
    let mutable following = Array.zeroCreate<float>(states * actions)

    for time in data.Horizon - 1 .. -1 .. 0 do
        // Σ π Q̂ + Σ c μ (R Q̂ − Q̂) of the next time; nothing follows the horizon.
        let values =
            Array.init states (fun state ->
                if time = data.Horizon - 1 then
                    0.0
                else
                    [| 0 .. actions - 1 |]
                    |> Array.sumBy (fun action ->
                        let guessed = guess[time + 1].[state * actions + action]
                        let corrected = following[state * actions + action] - guessed
                        data.Policy[state, action] * guessed + kept data state action * corrected))

        following <- Mdp.actionValues data.Mdp values

    following

let private restsAtQ (estimate: Estimator) instance =
    for lambda in [ 0.0; 0.5; 1.0 ] do
        let after = (distances 0.0 lambda estimate instance).After
        Expect.closeNumber tolerance $"the distance from Q at λ = {lambda}" 0.0 after

let private contracts (estimate: Estimator) (instance: Instance) =
    for lambda in [ 0.0; 0.5; 1.0 ] do
        let distances = distances 1.0 lambda estimate instance
        let after, before = distances.After, distances.Before

        if after > instance.Discount * before + tolerance then
            failwith $"At λ = {lambda} the distance {before} from Q became {after}."

/// E_μ[G | s, a] is the operator's value where c(b) μ(b|s) = λ `weight` π μ.
let private isOperator (estimate: Estimator) (weight: float -> float -> float) (instance: Instance) =
    let struct (behaviour, _) = Instance.other instance

    for lambda in [ 0.0; 0.5; 1.0 ] do
        let found = distances 1.0 lambda estimate instance

        let kept (data: Enumerated) state action = lambda * weight data.Policy[state, action] behaviour[state, action]

        let expected = operator kept found.Data found.Guess
        let seen = Array.map2 (fun mean value -> if System.Double.IsNaN mean then 0.0 else value) found.Mean
        Expect.close tolerance $"R Q̂ at λ = {lambda}" (seen expected) (seen found.Mean)

/// The ratios of the next actions, [T, N].
let private nextRatios (sample: OffPolicy) =
    let count = sample.Data.Batch.Count
    Array.append (Array.skip count sample.Ratios) (Array.create count 1.0)

let private retrace: Estimator =
    fun sample nextValues nextActionValues traces result ->
        let batch, ratios = sample.Data.Batch, nextRatios sample
        let steps = Steps<float>(batch.Count, batch.Rewards, batch.Discounts, nextValues, traces)
        Corrections.Retrace(steps, nextActionValues, ratios, result)

let private treeBackup: Estimator =
    fun sample nextValues nextActionValues traces result ->
        let batch, policy = sample.Data.Batch, sample.Data.Policy
        let last = batch.Mask.Length - batch.Count

        let probabilities =
            Array.init batch.Mask.Length (fun at ->
                if at < last then
                    policy[batch.States[at + batch.Count], batch.Actions[at + batch.Count]]
                else
                    1.0)

        let steps = Steps<float>(batch.Count, batch.Rewards, batch.Discounts, nextValues, traces)
        Corrections.TreeBackup(steps, nextActionValues, probabilities, result)

let private importanceSampled: Estimator =
    fun sample nextValues nextActionValues traces result ->
        let batch = sample.Data.Batch
        let weighted = Array.map2 (*) traces (nextRatios sample)
        let steps = Steps<float>(batch.Count, batch.Rewards, batch.Discounts, nextValues, weighted)
        Corrections.GeneralOffPolicy(steps, nextActionValues, result)

[<Theorem>]
let ``law 4: Retrace rests at Q of the policy, for any λ`` (instance: Instance) = restsAtQ retrace instance

[<Theorem>]
let ``law 4: tree-backup rests at Q of the policy, for any λ`` (instance: Instance) = restsAtQ treeBackup instance

[<Theorem>]
let ``law 4: importance sampling of what follows rests at Q of the policy`` (instance: Instance) =
    restsAtQ importanceSampled instance

[<Theorem>]
let ``law 4: Retrace is a γ-contraction towards Q, whatever the behaviour (Munos et al. 2016)`` (instance: Instance) =
    contracts retrace instance

[<Theorem>]
let ``law 4: tree-backup is a γ-contraction towards Q, whatever the behaviour`` (instance: Instance) =
    contracts treeBackup instance

[<Theorem>]
let ``law 4: with full ratios and λ = 1, no guess of Q is left in the expectation`` (instance: Instance) =
    // The last guess, of what follows the horizon, is 0; every other is corrected away.
    let after = (distances 1.0 1.0 importanceSampled instance).After
    Expect.closeNumber tolerance "the distance from Q" 0.0 after

[<Theorem>]
let ``law 4: the expectation of Retrace returns is the operator with c μ = λ min(μ, π)`` (instance: Instance) =
    isOperator retrace min instance

[<Theorem>]
let ``law 4: the expectation of tree-backup returns is the operator with c μ = λ π μ`` (instance: Instance) =
    isOperator treeBackup (*) instance

[<Theorem>]
let ``law 4: the expectation of importance-sampled returns is the operator with c μ = λ π`` (instance: Instance) =
    isOperator importanceSampled (fun policy _ -> policy) instance
