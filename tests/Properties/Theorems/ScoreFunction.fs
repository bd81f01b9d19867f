/// The exact expectation of a score-function estimator: the library's loss over every trajectory, weighted by its
/// probability.
namespace Rl.Tests.Theorems

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Tabular
open Rl.Core.Objectives

/// Every trajectory of an instance under the policy of the data.
type Enumerated =
    {
        Mdp: Mdp
        Policy: TabularPolicy
        Logits: float[]
        Horizon: int
        Batch: TrajectoryBatch
        /// p(τ) of the data's policy, [N].
        Probabilities: float[]
        /// 1 inside a trajectory and 0 at its last step, [T, N].
        Traces: float[]
        Evaluation: FiniteHorizonEvaluation
    }

[<RequireQualifiedAccess>]
module Enumerated =

    /// All trajectories of `instance` that `behaviour` produces, to estimate the gradient of π's objective with.
    let under (behaviour: TabularPolicy) (instance: Instance) : Enumerated =
        let mdp = Instance.mdp instance
        let struct (policy, logits) = Instance.policy instance
        let all = Trajectories.enumerate mdp behaviour instance.Horizon
        let batch = Trajectories.batch mdp.Discount (all |> Array.map _.Trajectory)

        {
            Mdp = mdp
            Policy = policy
            Logits = logits
            Horizon = instance.Horizon
            Batch = batch
            Probabilities = all |> Array.map _.Probability
            Traces =
                Array.init batch.Mask.Length (fun at ->
                    if at + batch.Count < batch.Mask.Length then
                        batch.Mask[at + batch.Count]
                    else
                        0.0)
            Evaluation = FiniteHorizon.evaluate mdp instance.Horizon policy
        }

    /// All trajectories of the policy itself.
    let onPolicy (instance: Instance) : Enumerated =
        let struct (policy, _) = Instance.policy instance
        under policy instance

    /// f t n of every step [T, N].
    let tabulate (f: int -> int -> float) (data: Enumerated) : float[] =
        Array.init data.Batch.Mask.Length (fun at -> f (at / data.Batch.Count) at)

    /// V(t, sₜ) [T, N].
    let values (data: Enumerated) =
        data |> tabulate (fun time at -> data.Evaluation.Values[time][data.Batch.States[at]])

    /// V(t + 1, sₜ₊₁) [T, N].
    let nextValues (data: Enumerated) =
        data |> tabulate (fun time at -> data.Evaluation.Values[time + 1][data.Batch.NextStates[at]])

    /// Q(t, sₜ, aₜ) [T, N].
    let actionValues (data: Enumerated) =
        data
        |> tabulate (fun time at ->
            data.Evaluation.ActionValues[time][data.Batch.States[at] * data.Mdp.Actions + data.Batch.Actions[at]])

    /// `Returns.Lambda` [T, N] with the given v′ and traces.
    let lambda (nextValues: float[]) (traces: float[]) (rewards: float[]) (discounts: float[]) (data: Enumerated) =
        let result = Array.zeroCreate<float> rewards.Length

        let steps = Steps<float>(data.Batch.Count, rewards, discounts, nextValues, traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result)
        result

    /// Rewards to go [T, N]: nothing follows the last step of the horizon.
    let rewardsToGo (data: Enumerated) =
        lambda (Array.zeroCreate data.Traces.Length) data.Traces data.Batch.Rewards data.Batch.Discounts data

    /// `Returns.Advantages` [T, N] at λ, of the given values of states and of next states.
    let advantages (lambda: float) (values: float[]) (nextValues: float[]) (data: Enumerated) =
        let result = Array.zeroCreate<float> data.Traces.Length
        let traces = data.Traces |> Array.map (fun trace -> lambda * trace)

        let steps = Steps<float>(data.Batch.Count, data.Batch.Rewards, data.Batch.Discounts, nextValues, traces)
        Returns.Advantages(steps, values, ReadOnlySpan.Empty, result)
        result

    /// log π(aₜ|sₜ) [T · N] of softmax parameters.
    let logProbability (data: Enumerated) (logits: Expr) : Expr =
        let policy = TabularPolicy.softmaxOf logits
        let indices (values: int[]) = Expr.vector (values |> Array.map float)
        let rows = Expr.indexSelect 0 (indices data.Batch.States) policy.LogProbabilities
        Categorical.logProbability (indices data.Batch.Actions) { LogProbabilities = rows }

    /// γᵗ p(τ) inside trajectories and 0 outside, [T, N].
    let weights (data: Enumerated) =
        data
        |> tabulate (fun time at ->
            data.Batch.Mask[at] * data.Probabilities[at % data.Batch.Count] * data.Mdp.Discount ** float time)

    /// −∂/∂θ of Σ weight · loss(log π) at the policy's parameters [S, A]: the ascent direction, by the compiled engine.
    let ascent (weights: float[]) (loss: Expr -> Expr) (data: Enumerated) : float[] =
        let total logits = Expr.sum (Expr.vector weights * loss (logProbability data logits))
        let logits = Expr.input "logits" [| data.Mdp.States; data.Mdp.Actions |]
        let program = Program.ofOutputs<float> [ "gradient", Diff.grad total logits ]

        if program.HasInput "logits" then
            program.Set("logits", ReadOnlySpan<float> data.Logits)

        program.Run()
        program.Output("gradient").ToArray() |> Array.map (~-)

    /// E[Σₜ γᵗ ∇log π(aₜ|sₜ) Âₜ], exactly, of an estimate  [T, N] through `PolicyGradients.score`.
    let gradientOf (estimate: float[]) (data: Enumerated) : float[] =
        data
        |> ascent (weights data) (fun logProbability -> PolicyGradients.score logProbability (Expr.vector estimate))

    /// ∇J of the softmax policy over the horizon, analytically.
    let analytic (data: Enumerated) = FiniteHorizon.softmaxGradient data.Mdp data.Horizon data.Policy
