/// Maximum a posteriori policy optimisation: MPO and V-MPO.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// A constraint and its Lagrange multiplier.
type LagrangePenalty =
    {
        /// α, to be learnt; it counts as no less than 10⁻¹⁰.
        Multiplier: Expr
        /// The bound ε of what is constrained.
        Bound: float
        /// Whether the last axis holds one constraint a dimension, to be summed.
        PerDimension: bool
    }

/// The parts of an (V-)MPO loss.
type MpoLoss =
    {
        /// The weighted sum of the parts.
        Total: Expr
        /// −Σ w ln π: the policy's.
        Policy: Expr
        /// The temperature's.
        Temperature: Expr
        /// Σ α KL: of the trust region, for the policy.
        Divergence: Expr
        /// Σ α (ε − KL): of the multipliers.
        Multiplier: Expr
        /// The weights w of the samples, constant.
        Weights: Expr
    }

/// Losses of MPO (Abdolmaleki et al. 2018) and V-MPO (Song et al. 2019).
[<RequireQualifiedAccess>]
module Mpo =

    [<Literal>]
    let private Tiny = 1e-10

    let private positive (multiplier: Expr) = Expr.clamp Tiny infinity multiplier

    /// The parts of a trust region KL ≤ ε: struct (α KL with α constant, α (ε − KL) with KL constant), in the shape of
    /// KL, less its last axis if the penalty is per dimension.
    let divergencePenalty (divergence: Expr) (penalty: LagrangePenalty) : struct (Expr * Expr) =
        let multiplier = positive penalty.Multiplier
        let total (x: Expr) = if penalty.PerDimension then Expr.sumOver [| -1 |] x else x

        struct (total (Expr.stopGradient multiplier * divergence),
                total (multiplier * (penalty.Bound - Expr.stopGradient divergence)))

    /// MPO's E-step over sampled actions on the first axis: struct (temperature loss η (ε + ln mean exp(q/η)) [...],
    /// weights softmax(q/η) [S, ...], constant) of values q [S, ...].
    let weights (values: Expr) (temperature: LagrangePenalty) : struct (Expr * Expr) =
        if values.Rank = 0 || values.Shape[0] = 0 then
            Guard.fail
                (nameof values)
                $"values have shape {Shape.print values.Shape}; they need at least one sampled action, [S, ...]."

        let eta = positive temperature.Multiplier
        let scaled = values / eta
        let logMean = Expr.logSumExp 0 scaled - log (float values.Shape[0])
        struct (eta * (temperature.Bound + logMean), Expr.stopGradient (Expr.softmax 0 scaled))

    /// 1 for the samples that are among the k = ⌊fraction · M⌋ largest scaled advantages (all of the k-th's equals) and
    /// whose restarting weight is not 0; the restarting weights themselves at fraction 1. Shapes are equal; M counts
    /// all elements. Quadratic in M.
    let topWeights (fraction: float) (restarting: Expr) (scaled: Expr) : Expr =
        Guard.inRange (nameof fraction) 0.0 1.0 fraction

        if fraction = 1.0 then
            restarting
        else
            let count = int (fraction * float scaled.Count)
            Guard.positive "fraction · samples" count
            let valid = scaled - (1.0 - restarting) * 1e12
            let flat = Expr.reshape [| scaled.Count |] valid
            let larger = Expr.greater (Expr.expandAxis 0 flat) (Expr.expandAxis 1 flat)
            let rank = Expr.sumOver [| 1 |] larger |> Expr.reshape scaled.Shape
            Expr.stopGradient (Expr.less rank (Expr.number (float count)) * restarting)

    /// V-MPO's E-step over all samples: struct (temperature loss η (ε + ln mean w exp(A/η)), a scalar; weights [M...],
    /// constant, that sum to 1). `restarting` is 0 where a sample must not count, `importance` the off-policy weights
    /// w; `fraction` as in `topWeights` (½ in the paper).
    let advantageWeights
        (fraction: float)
        (advantages: Expr)
        (restarting: Expr)
        (importance: Expr)
        (temperature: LagrangePenalty)
        : struct (Expr * Expr) =
        let eta = positive temperature.Multiplier
        let restarting, importance = Expr.stopGradient restarting, Expr.stopGradient importance
        let scaled = restarting * Expr.stopGradient advantages / eta
        let top = topWeights fraction restarting scaled
        // Of the samples that count, whose weights may all be small.
        let counted = Expr.select (Expr.greater top (Expr.number 0.0)) scaled (Expr.number -1e30)
        let isAny = Expr.greater (Expr.sum top) (Expr.number 0.0)
        let largest = Expr.stopGradient (Expr.select isAny (Expr.max counted) (Expr.number 0.0))
        // Those that do not count may exceed the largest that does. The exponent of one that counts is bounded by what
        // it is, not by a minimum with 0, which the largest would meet and so lose half of its derivative.
        let isCounted = Expr.greater top (Expr.number 0.0)
        let exponent = Expr.select isCounted (scaled - largest) (Expr.number 0.0)
        let weights = top * importance * Expr.exp exponent
        let total = Expr.sum weights + Tiny
        let logMean = Expr.log total + largest - Expr.log (Expr.sum top + Tiny)
        struct (eta * (temperature.Bound + logMean), Expr.stopGradient (weights / total))

    let private combine policy temperature constraints weights (coefficients: struct (float * float * float * float)) =
        let struct (policyWeight, temperatureWeight, divergenceWeight, multiplierWeight) = coefficients

        let parts = constraints |> List.map (fun (divergence, penalty) -> divergencePenalty divergence penalty)
        let total pick = parts |> List.map pick |> List.fold (+) (Expr.number 0.0)
        let divergence = total (fun struct (divergence, _) -> divergence)
        let multiplier = total (fun struct (_, multiplier) -> multiplier)

        {
            Total =
                policyWeight * policy
                + temperatureWeight * temperature
                + divergenceWeight * divergence
                + multiplierWeight * multiplier
            Policy = policy
            Temperature = temperature
            Divergence = divergence
            Multiplier = multiplier
            Weights = weights
        }

    /// MPO's loss [...] of sampled actions' log-probabilities and values [S, ...] and constraints (KL, penalty);
    /// `coefficients` multiply the policy, temperature, divergence and multiplier parts.
    let loss
        coefficients
        (logProbabilities: Expr)
        values
        temperature
        (constraints: (Expr * LagrangePenalty) list)
        : MpoLoss =
        let struct (temperatureLoss, weights) = weights values temperature
        let policy = -(Expr.sumOver [| 0 |] (weights * logProbabilities))
        combine policy temperatureLoss constraints weights coefficients

    /// V-MPO's loss [M...]; the policy's part is −M·w ln π, so that its mean over the samples is the weighted sum.
    let advantageLoss
        coefficients
        fraction
        (logProbabilities: Expr)
        advantages
        restarting
        importance
        temperature
        (constraints: (Expr * LagrangePenalty) list)
        : MpoLoss =
        let struct (temperatureLoss, weights) = advantageWeights fraction advantages restarting importance temperature
        let policy = -(float logProbabilities.Count * weights * logProbabilities)
        combine policy temperatureLoss constraints weights coefficients
