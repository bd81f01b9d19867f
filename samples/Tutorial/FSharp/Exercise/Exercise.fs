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
    raise (NotImplementedException "TODO 1")
    // end of TODO 1

/// Writes the action µ + σ · noise and gives log π(a|s), that of independent normal numbers.
let act (mean: float32[]) (logDeviation: float32[]) (noise: float32[]) (action: float32[]) : float32 =
    // TODO 2: act
    raise (NotImplementedException "TODO 2")
    // end of TODO 2

/// Aₜ = δₜ + γλ Aₜ₊₁ with δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ), a number a row. Nothing follows a task that terminated; the row
/// after an episode that is over is of another episode.
let advantages (rollout: Rollout) (discount: float) (lambda: float) : float32[] =
    // TODO 3: advantage
    raise (NotImplementedException "TODO 3")
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
    raise (NotImplementedException "TODO 4")
    // end of TODO 4

/// L(θ) = mean(−min(ρA, clip(ρ, 1 − ε, 1 + ε)A) + c₁ · ½ (V − R)² − c₂ H) with ρ = π(a|s; θ) / π(a|s; θ_old).
let loss (options: LossOptions) (x: LossInputs) : Expr =
    // TODO 5: loss
    raise (NotImplementedException "TODO 5")
    // end of TODO 5
