/// The five gaps of proximal policy optimisation (Schulman et al. 2017; slides 7, 14, 15, 20 and 26), in the order in
/// which a training step meets them. What stands around them is in `Given/Training.fs`.
module Rl.Tutorial.Exercise

open System
open Rl.Core.Autodiff
open Rl.Core.Optimisers

/// What the loss of a minibatch is made of: vectors over its M samples.
type LossInputs =
    {
        /// log π(a|s; θ) by the policy that is being changed.
        LogProbability: Expr
        /// log π(a|s; θ_old) by the policy that acted.
        OldLogProbability: Expr
        /// A, standardised already.
        Advantage: Expr
        /// V(s; θ).
        Value: Expr
        /// R, what the value is to become.
        Return: Expr
        /// H(π(·|s; θ)).
        Entropy: Expr
    }

/// Writes a step of a copy into its row of the rollout: row t · N + n.
let store (rollout: Rollout) (time: int) (copy: int) (transition: Transition) : unit =
    // TODO 1: store data
    let row = time * rollout.Copies + copy
    transition.Observation.CopyTo(rollout.Observations.AsMemory(row * rollout.ObservationSize))
    transition.Action.CopyTo(rollout.Actions.AsMemory(row * rollout.ActionSize))
    rollout.LogProbabilities[row] <- transition.LogProbability
    rollout.Values[row] <- transition.Value
    rollout.Rewards[row] <- transition.Reward
    rollout.NextValues[row] <- transition.NextValue
    rollout.Terminated[row] <- transition.Terminated
    rollout.Over[row] <- transition.Over
    // end of TODO 1

/// Writes the action µ + σ · noise and gives log π(a|s), that of independent normal numbers.
let act (mean: float32[]) (logDeviation: float32[]) (noise: float32[]) (action: float32[]) : float32 =
    // TODO 2: act
    let mutable logProbability = 0.0f

    for i in 0 .. mean.Length - 1 do
        action[i] <- mean[i] + exp logDeviation[i] * noise[i]
        let density = -0.5f * noise[i] * noise[i] - logDeviation[i] - 0.5f * MathF.Log(2.0f * MathF.PI)
        logProbability <- logProbability + density

    logProbability
    // end of TODO 2

/// Aₜ = δₜ + γλ Aₜ₊₁ with δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ), a number a row. Nothing follows a task that terminated; the row
/// after an episode that is over is of another episode.
let advantages (rollout: Rollout) (discount: float) (lambda: float) : float32[] =
    // TODO 3: advantage
    let result = Array.zeroCreate<float32> rollout.Rows
    let discount, lambda = float32 discount, float32 lambda

    for row in rollout.Rows - 1 .. -1 .. 0 do
        let next = if rollout.Terminated[row] then 0.0f else rollout.NextValues[row]
        let delta = rollout.Rewards[row] + discount * next - rollout.Values[row]
        let isLast = row + rollout.Copies >= rollout.Rows
        let rest = if isLast || rollout.Over[row] then 0.0f else result[row + rollout.Copies]
        result[row] <- delta + discount * lambda * rest

    result
    // end of TODO 3

/// One step of an optimiser down the gradient of a loss, which is scaled down to a largest norm:
/// struct (new θ, new state).
let descend
    (optimiser: Transform)
    (maxGradientNorm: float)
    (loss: Expr)
    (state: Expr list)
    (theta: Expr)
    : struct (Expr * Expr list) =
    // TODO 4: gradient
    let gradient = (Diff.gradients loss [| theta |])[0]
    let norm = Expr.sqrt (Expr.sum (Expr.square gradient))
    let scale = Expr.minimum (Expr.number 1.0) (maxGradientNorm / (norm + 1e-6))
    Optimiser.update optimiser (scale * gradient) state theta
    // end of TODO 4

/// L(θ) = mean(−min(ρA, clip(ρ, 1 − ε, 1 + ε)A) + c₁ · ½ (V − R)² − c₂ H) with ρ = π(a|s; θ) / π(a|s; θ_old).
let loss (options: LossOptions) (x: LossInputs) : Expr =
    // TODO 5: loss
    let ratio = Expr.exp (x.LogProbability - x.OldLogProbability)
    let clipped = Expr.clamp (1.0 - options.ClipRange) (1.0 + options.ClipRange) ratio
    let policy = -(Expr.minimum (ratio * x.Advantage) (clipped * x.Advantage))
    let value = 0.5 * Expr.square (x.Value - x.Return)
    Expr.mean (policy + options.ValueCoefficient * value - options.EntropyCoefficient * x.Entropy)
    // end of TODO 5
