/// Law 2 off policy: estimates from another policy's trajectories have the policy's own values and gradient as exact
/// expectation.
module Rl.Tests.Theorems.OffPolicyTheorems

open System
open Rl.Core.Autodiff
open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

let private tolerance = 1e-9

// --- Law 2
// --------------------------------------------------------------------------------------------------------------

[<Theorem>]
let ``law 2, off policy: the whole return weighted by the ratio of the trajectory`` (instance: Instance) =
    let sample = OffPolicy.collect instance
    let data = sample.Data
    let count = data.Batch.Count
    let full = OffPolicy.zeros sample
    Returns.FullTrajectory<float>(count, Enumerated.rewardsToGo data, data.Traces, full)

    let weights =
        data
        |> Enumerated.tabulate (fun _ at ->
            data.Batch.Mask[at] * data.Probabilities[at % count] * OffPolicy.wholeRatio sample (at % count))

    let gradient =
        data
        |> Enumerated.ascent weights (fun logProbability -> PolicyGradients.score logProbability (Expr.vector full))

    Expect.close tolerance "∇J" (Enumerated.analytic data) gradient

let private perDecision (sample: OffPolicy) =
    let data, result = sample.Data, OffPolicy.zeros sample
    let nothing = OffPolicy.zeros sample

    let steps = Steps<float>(data.Batch.Count, data.Batch.Rewards, data.Batch.Discounts, nothing, data.Traces)
    ImportanceSampling.PerDecision(steps, sample.Ratios, result)
    result

[<Theorem>]
let ``law 2, off policy: rewards to go weighted decision by decision`` (instance: Instance) =
    let sample = OffPolicy.collect instance
    let gradient = Enumerated.gradientOf (Array.map2 (*) sample.Before (perDecision sample)) sample.Data
    Expect.close tolerance "∇J" (Enumerated.analytic sample.Data) gradient

[<Theorem>]
let ``law 2, off policy: the importance ratio times the true advantage`` (instance: Instance) =
    let sample = OffPolicy.collect instance
    let data = sample.Data
    let advantages = Array.map2 (-) (Enumerated.actionValues data) (Enumerated.values data)

    let old =
        data
        |> Enumerated.tabulate (fun _ at -> log sample.Behaviour[data.Batch.States[at], data.Batch.Actions[at]])

    let gradient =
        data
        |> Enumerated.ascent (Array.map2 (*) (Enumerated.weights data) sample.Before) (fun logProbability ->
            -(PolicyGradients.ratio logProbability (Expr.vector old) * Expr.vector advantages))

    Expect.close tolerance "∇J" (Enumerated.analytic data) gradient

[<Fact>]
let ``law 2 has teeth: data of another policy without weights are biased`` () =
    let instance = { Seed = 5UL; Shape = Dense; States = 2; Actions = 2; Horizon = 2; Discount = 0.9 }
    let data = (OffPolicy.collect instance).Data
    let gradient = Enumerated.gradientOf (Enumerated.rewardsToGo data) data
    Assert.True(Expect.distance (Enumerated.analytic data) gradient > 1e-2)

// --- Values
// -------------------------------------------------------------------------------------------------------------

[<Theorem>]
let ``ordinary importance sampling has the objective as expectation`` (instance: Instance) =
    let sample = OffPolicy.collect instance
    let data = sample.Data
    let count = data.Batch.Count
    let toGo = Enumerated.rewardsToGo data

    // Each trajectory as one episode of its own, counted p(τ) · N times: the mean over N episodes is the expectation.
    let weights =
        Array.init count (fun column -> OffPolicy.wholeRatio sample column * data.Probabilities[column] * float count)

    let returns = Array.take count toGo
    Expect.closeNumber tolerance "J" data.Evaluation.Objective (ImportanceSampling.Ordinary<float>(weights, returns))

[<Theorem>]
let ``per-decision importance sampling has the values of the policy as expectation`` (instance: Instance) =
    let sample = OffPolicy.collect instance
    let expected = OffPolicy.startWeighted sample sample.Data.Evaluation.Values[0]
    Expect.close tolerance "V" expected (OffPolicy.fromStarts (perDecision sample) sample)

[<Theorem>]
let ``doubly robust estimates have the values of the policy as expectation, whatever q̂ they lean on``
    (instance: Instance)
    =
    let sample = OffPolicy.collect instance
    let data = sample.Data
    let actions = data.Mdp.Actions
    let guesses = Instance.normals 0 (data.Mdp.States * actions) instance

    let guess =
        data
        |> Enumerated.tabulate (fun _ at -> guesses[data.Batch.States[at] * actions + data.Batch.Actions[at]])

    let mean =
        data
        |> Enumerated.tabulate (fun _ at ->
            let state = data.Batch.States[at]

            [| 0 .. actions - 1 |]
            |> Array.sumBy (fun action -> data.Policy[state, action] * guesses[state * actions + action]))

    let result, nothing = OffPolicy.zeros sample, OffPolicy.zeros sample

    let steps = Steps<float>(data.Batch.Count, data.Batch.Rewards, data.Batch.Discounts, nothing, data.Traces)
    ImportanceSampling.DoublyRobust(steps, mean, guess, sample.Ratios, result)

    Expect.close
        tolerance
        "V"
        (OffPolicy.startWeighted sample data.Evaluation.Values[0])
        (OffPolicy.fromStarts result sample)
