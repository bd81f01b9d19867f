/// Laws 1 and 2: baselines do not move the gradient's mean, and every estimator's exact expectation is the analytic ∇J.
module Rl.Tests.Theorems.PolicyGradientTheorems

open System
open Rl.Core.Autodiff
open Rl.Core.Tabular
open Rl.Core.Objectives
open Xunit

let private tolerance = 1e-9

let private isAnalytic what (estimate: Enumerated -> float[]) (instance: Instance) =
    let data = Enumerated.onPolicy instance
    Expect.close tolerance what (Enumerated.analytic data) (Enumerated.gradientOf (estimate data) data)

// --- Law 1: E[Σₜ ∇log π(aₜ|sₜ) b] = 0
// -----------------------------------------------------------------------------------

let private vanishes (baseline: Enumerated -> Instance -> float[]) (instance: Instance) =
    let data = Enumerated.onPolicy instance
    let gradient = Enumerated.gradientOf (baseline data instance) data
    Expect.close 1e-12 "E[∇log π b]" (Array.zeroCreate gradient.Length) gradient

[<Theorem>]
let ``law 1: a constant baseline has expectation zero`` (instance: Instance) =
    instance
    |> vanishes (fun data instance ->
        let constant = Instance.normals 0 1 instance
        Array.create data.Traces.Length constant[0])

[<Theorem>]
let ``law 1: a baseline that depends on time has expectation zero`` (instance: Instance) =
    instance
    |> vanishes (fun data instance ->
        let baselines = Instance.normals 0 data.Horizon instance
        data |> Enumerated.tabulate (fun time _ -> baselines[time]))

[<Theorem>]
let ``law 1: a baseline that depends on time and state has expectation zero`` (instance: Instance) =
    instance
    |> vanishes (fun data instance ->
        let states = data.Mdp.States
        let baselines = Instance.normals 0 (data.Horizon * states) instance
        data |> Enumerated.tabulate (fun time at -> baselines[time * states + data.Batch.States[at]]))

[<Fact>]
let ``law 1 has teeth: a baseline that depends on the action moves the mean`` () =
    let instance = { Seed = 5UL; Shape = Dense; States = 2; Actions = 2; Horizon = 2; Discount = 0.9 }

    let data = Enumerated.onPolicy instance
    let ofAction = data |> Enumerated.tabulate (fun _ at -> float data.Batch.Actions[at])
    Assert.True(Enumerated.gradientOf ofAction data |> Array.exists (fun value -> abs value > 0.01))

// --- Law 2: the flagship
// ------------------------------------------------------------------------------------------------

[<Theorem>]
let ``law 2: the analytic gradient is the derivative of the unrolled objective`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (policy, logits) = Instance.policy instance
    let theta = Expr.constant (Tensor.create [| mdp.States; mdp.Actions |] logits)
    let objective, gradient = Diff.fgrad (DifferentiableObjective.finiteHorizon mdp instance.Horizon) theta

    Expect.closeNumber
        1e-12
        "J"
        (FiniteHorizon.objective mdp instance.Horizon policy)
        (Reference.evaluate objective).Scalar

    Expect.close
        tolerance
        "∇J"
        (FiniteHorizon.softmaxGradient mdp instance.Horizon policy)
        ((Reference.evaluate gradient).ToArray())

[<Theorem>]
let ``law 2: the analytic gradient is the derivative of the discounted objective through the linear solve``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let struct (policy, logits) = Instance.policy instance
    let theta = Expr.constant (Tensor.create [| mdp.States; mdp.Actions |] logits)
    let objective, gradient = Diff.fgrad (DifferentiableObjective.discounted mdp) theta
    Expect.closeNumber 1e-10 "J" (Exact.objective mdp policy) (Reference.evaluate objective).Scalar
    Expect.close tolerance "∇J" (Exact.softmaxGradient mdp policy) ((Reference.evaluate gradient).ToArray())

[<Theorem>]
let ``law 2: the return of the whole trajectory`` (instance: Instance) =
    let data = Enumerated.onPolicy instance
    let full = Array.zeroCreate<float> data.Traces.Length
    Returns.FullTrajectory<float>(data.Batch.Count, Enumerated.rewardsToGo data, data.Traces, full)

    // The whole return counts from the start, so no step is discounted once more.
    let weights =
        data
        |> Enumerated.tabulate (fun _ at -> data.Batch.Mask[at] * data.Probabilities[at % data.Batch.Count])

    let gradient =
        data
        |> Enumerated.ascent weights (fun logProbability -> PolicyGradients.score logProbability (Expr.vector full))

    Expect.close tolerance "∇J" (Enumerated.analytic data) gradient

[<Theorem>]
let ``law 2: the reward to go`` (instance: Instance) = instance |> isAnalytic "∇J" Enumerated.rewardsToGo

[<Theorem>]
let ``law 2: the reward to go less a constant`` (instance: Instance) =
    let constant = (Instance.normals 1 1 instance)[0]

    instance
    |> isAnalytic "∇J" (fun data -> Enumerated.rewardsToGo data |> Array.map (fun toGo -> toGo - constant))

[<Theorem>]
let ``law 2: the reward to go less a baseline of time`` (instance: Instance) =
    instance
    |> isAnalytic "∇J" (fun data ->
        let baselines = Instance.normals 1 data.Horizon instance
        Enumerated.rewardsToGo data |> Array.mapi (fun at toGo -> toGo - baselines[at / data.Batch.Count]))

[<Theorem>]
let ``law 2: the reward to go less the state's value`` (instance: Instance) =
    instance
    |> isAnalytic "∇J" (fun data -> Array.map2 (-) (Enumerated.rewardsToGo data) (Enumerated.values data))

[<Theorem>]
let ``law 2: the actor-critic with the true action value`` (instance: Instance) =
    instance |> isAnalytic "∇J" Enumerated.actionValues

[<Theorem>]
let ``law 2: the actor-critic with the true advantage`` (instance: Instance) =
    instance
    |> isAnalytic "∇J" (fun data -> Array.map2 (-) (Enumerated.actionValues data) (Enumerated.values data))

[<Theorem>]
let ``law 2: generalised advantages of any λ with the true value`` (instance: Instance) =
    let lambda = Instance.uniform 1 instance

    instance
    |> isAnalytic "∇J" (fun data ->
        Enumerated.advantages lambda (Enumerated.values data) (Enumerated.nextValues data) data)

[<Theorem>]
let ``law 2: n-step returns with the true value`` (instance: Instance) =
    instance
    |> isAnalytic "∇J" (fun data ->
        let returns = Array.zeroCreate<float> data.Traces.Length
        let steps = 1 + int (3.0 * Instance.uniform 2 instance)

        let next = Enumerated.nextValues data
        let read = Steps<float>(data.Batch.Count, data.Batch.Rewards, data.Batch.Discounts, next, data.Traces)
        Returns.NStep(read, steps, returns)
        returns)

[<Fact>]
let ``law 2 has teeth: generalised advantages with a wrong value are biased below λ = 1`` () =
    let instance = { Seed = 5UL; Shape = Dense; States = 2; Actions = 2; Horizon = 3; Discount = 0.9 }

    let data = Enumerated.onPolicy instance
    let wrong = data |> Enumerated.tabulate (fun time at -> float (time * data.Batch.States[at]))
    let wrongNext = data |> Enumerated.tabulate (fun time at -> float ((time + 1) * data.Batch.NextStates[at]))

    let estimate (lambda: float) (nextValues: float[]) =
        let advantages = Enumerated.advantages lambda wrong nextValues data
        Expect.distance (Enumerated.analytic data) (Enumerated.gradientOf advantages data)

    let atTheEnd = wrongNext |> Array.mapi (fun at value -> data.Traces[at] * value)
    Assert.True(estimate 0.5 atTheEnd > 1e-2)
    Assert.True(estimate 1.0 atTheEnd < tolerance)

[<Theorem>]
let ``law 2: all actions weighted with their true values, in the states that the policy visits`` (instance: Instance) =
    let data = Enumerated.onPolicy instance
    let mdp, evaluation = data.Mdp, data.Evaluation
    let shape = [| mdp.States; mdp.Actions |]

    let loss logits =
        Seq.map2
            (fun (values: float[]) (occupancy: float[]) ->
                let ofStates = PolicyGradients.allAction logits (Expr.constant (Tensor.create shape values))
                Expr.dot (Expr.vector occupancy) ofStates)
            evaluation.ActionValues
            evaluation.Occupancy
        |> Seq.reduce (+)

    let gradient = Reference.evaluate (Diff.grad loss (Expr.constant (Tensor.create shape data.Logits)))
    Expect.close tolerance "∇J" (Enumerated.analytic data) (gradient.ToArray() |> Array.map (~-))
