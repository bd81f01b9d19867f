/// Surrogate losses whose gradients are policy gradients; all take one number a sample and are to be minimised.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions

/// Arguments are vectors over samples, [M]; results are [M] too, to be averaged (or weighted) by the caller.
/// Advantages, returns and old log-probabilities are data: no derivative flows into them.
[<RequireQualifiedAccess>]
module PolicyGradients =

    /// −log π(a|s) · A: its gradient is the score-function estimator −∇log π(a|s) A (Williams 1992; slides 8 and 15).
    let score (logProbability: Expr) (advantage: Expr) : Expr = -(logProbability * Expr.stopGradient advantage)

    /// The importance ratio π(a|s) / π_old(a|s) = exp(log π − log π_old).
    let ratio (logProbability: Expr) (oldLogProbability: Expr) : Expr =
        Expr.exp (logProbability - Expr.stopGradient oldLogProbability)

    /// −min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) with the ratio ρ and ε > 0, a scalar expression (Schulman et al. 2017, eq.
    /// 7).
    let clippedSurrogate (range: Expr) (ratio: Expr) (advantage: Expr) : Expr =
        let advantage = Expr.stopGradient advantage
        let low, high = 1.0 - range, 1.0 + range
        let clipped = Expr.select (Expr.less ratio low) low (Expr.select (Expr.less high ratio) high ratio)
        -(Expr.minimum (ratio * advantage) (clipped * advantage))

    /// ½ (V − R)²: half the squared error of a value against a return.
    let valueLoss (value: Expr) (target: Expr) : Expr = 0.5 * Expr.square (value - Expr.stopGradient target)

    /// ½ max((V − R)², (clip(V, V_old − ε, V_old + ε) − R)²): the clipped value loss of the original implementation of
    /// PPO (Engstrom et al. 2020, section 3).
    let clippedValueLoss (range: Expr) (value: Expr) (oldValue: Expr) (target: Expr) : Expr =
        let target, oldValue = Expr.stopGradient target, Expr.stopGradient oldValue
        let change = value - oldValue
        let clipped = oldValue + Expr.maximum (-range) (Expr.minimum range change)
        0.5 * Expr.maximum (Expr.square (value - target)) (Expr.square (clipped - target))

    /// (ρ − 1) − log ρ, without a derivative in the old policy: an unbiased estimate of KL(π_old ‖ π) that is never
    /// negative (Schulman 2020, "Approximating KL divergence").
    let approximateKl (logProbability: Expr) (oldLogProbability: Expr) : Expr =
        let logRatio = logProbability - Expr.stopGradient oldLogProbability
        Expr.expMinusOne logRatio - logRatio

    /// 1 where the ratio lies outside [1 − ε, 1 + ε], else 0.
    let isClipped (range: Expr) (ratio: Expr) : Expr = Expr.less range (Expr.abs (ratio - 1.0))

    /// (A − mean A) / (std A + 10⁻⁸) with the unbiased standard deviation, over all samples; M ≥ 2. Equal advantages
    /// give exactly 0.
    let standardise (advantage: Expr) : Expr =
        if advantage.Count < 2 then
            Guard.fail
                (nameof advantage)
                $"advantage has {advantage.Count} elements; a standard deviation needs two samples at least."

        let count = float advantage.Count
        let centred = Expr.centre [| 0 .. advantage.Rank - 1 |] advantage
        let variance = Expr.sum (Expr.square centred) * (1.0 / (count - 1.0))
        centred / (Expr.sqrt variance + 1e-8)

    /// (x − mean x) / (std x + 10⁻⁸) of numbers, with the standard deviation √(Σ (x − mean x)² / (M − freedom)):
    /// freedom 1 for the unbiased one, 0 for the biased one; M > freedom. Equal numbers give exactly 0.
    let standardiseValues (freedom: int) (values: ReadOnlySpan<float>) : float[] =
        Guard.inIntRange (nameof freedom) 0 1 freedom
        Guard.inIntRange "values.Length" (freedom + 1) Int32.MaxValue values.Length
        let mutable farthest = 0.0

        for value in values do
            farthest <- max farthest (abs (value - values[0]))

        // As `Expr.centre`: the rounding of a mean of numbers that are close to one another would be what is left of
        // them.
        let origin = if farthest <= 1e-3 * abs values[0] then values[0] else 0.0
        let mutable total = 0.0

        for value in values do
            total <- total + (value - origin)

        let mean = total / float values.Length
        let result = Array.zeroCreate<float> values.Length
        let mutable squares = 0.0

        for index in 0 .. values.Length - 1 do
            let centred = (values[index] - origin) - mean
            result[index] <- centred
            squares <- squares + centred * centred

        let deviation = sqrt (squares / float (values.Length - freedom))

        for index in 0 .. result.Length - 1 do
            result[index] <- result[index] / (deviation + 1e-8)

        result

    /// The dual-clipped surrogate: −max(min(ρ A, clip(ρ) A), c A) where A < 0, the clipped surrogate elsewhere; c > 1
    /// bounds how much a bad action with a large ratio can cost (Ye et al. 2020, equation 5).
    let dualClippedSurrogate (range: Expr) (bound: float) (ratio: Expr) (advantage: Expr) : Expr =
        if not (bound > 1.0) then
            Guard.inRange (nameof bound) 1.0 infinity bound
            Guard.fail (nameof bound) "bound is 1; it must be greater than 1."

        let advantage = Expr.stopGradient advantage
        let clipped = clippedSurrogate range ratio advantage
        let isBad = Expr.less advantage (Expr.number 0.0)
        Expr.select isBad (Expr.minimum clipped (-(bound * advantage))) clipped

    /// −ρ A + β KL(π_old ‖ π): PPO's penalised surrogate, with the coefficient β ≥ 0 adapted by `adaptCoefficient`
    /// (Schulman et al. 2017, equation 8).
    let penalisedSurrogate (coefficient: Expr) (ratio: Expr) (advantage: Expr) (kl: Expr) : Expr =
        coefficient * kl - ratio * Expr.stopGradient advantage

    /// β after a policy update that moved by `kl`: half where kl < target/1.5, double where kl > 1.5 target, else
    /// unchanged (Schulman et al. 2017, section 4).
    let adaptCoefficient (target: float) (kl: float) (coefficient: float) : float =
        Guard.positiveNumber (nameof target) target
        Guard.finite (nameof kl) kl
        Guard.notNegativeNumber (nameof coefficient) coefficient

        if kl < target / 1.5 then coefficient / 2.0
        elif kl > target * 1.5 then coefficient * 2.0
        else coefficient

    // --- All actions ------------------------------------------------------------------------------------------------

    /// q − Σ π q: advantages of all actions [..., A] under π = softmax(logits), constant.
    let private allAdvantages (logits: Expr) (values: Expr) =
        let values = Expr.stopGradient values
        let baseline = Expr.sumKeep [| -1 |] (Expr.stopGradient (Expr.softmax -1 logits) * values)
        values - baseline

    /// −Σ π(a) A(a) [...]: the all-action policy gradient, without the variance of drawing the action ("QPG",
    /// Srinivasan et al. 2018; "mean actor-critic", Allen et al. 2017). Logits and values [..., A].
    let allAction (logits: Expr) (values: Expr) : Expr =
        -(Expr.sumOver [| -1 |] (Expr.softmax -1 logits * allAdvantages logits values))

    /// −Σ π(a) max(A(a), 0) [...]: regret matching policy gradient ("RMPG", Srinivasan et al. 2018).
    let regretMatching (logits: Expr) (values: Expr) : Expr =
        -(Expr.sumOver [| -1 |] (Expr.softmax -1 logits * Expr.relu (allAdvantages logits values)))

    /// Σ max(A(a), 0) [...] with A differentiable through the baseline Σ π q: regret policy gradient ("RPG", Srinivasan
    /// et al. 2018).
    let regret (logits: Expr) (values: Expr) : Expr =
        let values = Expr.stopGradient values
        let baseline = Expr.sumKeep [| -1 |] (Expr.softmax -1 logits * values)
        Expr.sumOver [| -1 |] (Expr.relu (values - baseline))

    /// Σ π ln π [...], the negative entropy of softmax(logits [..., A]): what an entropy bonus minimises.
    let negativeEntropy (logits: Expr) : Expr = -(Categorical.entropy (Categorical.ofLogits logits))

    // --- Deterministic policies -------------------------------------------------------------------------------------

    /// x · min(1, bound/‖x‖) over the last axis, bound > 0: x itself where it is no longer than the bound.
    let clipNorm (bound: float) (x: Expr) : Expr =
        Guard.positiveNumber (nameof bound) bound
        let squared = Expr.sumKeep [| -1 |] (Expr.square x)
        let isLong = Expr.less (Expr.number (bound * bound)) squared
        // The root is taken of long vectors only, so that the derivative at 0 is not 0/0.
        Expr.select isLong (x * bound / Expr.sqrt (Expr.select isLong squared (Expr.number 1.0))) x

    /// ½ Σ (a + clip(∂q/∂a) − a)² [...] with the first a + ∂q/∂a constant: its derivative in a is −clip(∂q/∂a), the
    /// deterministic policy gradient (Silver et al. 2014; Lillicrap et al. 2015). a, ∂q/∂a [..., n]; `clip` > 0 bounds
    /// each coordinate, infinity for none.
    let deterministic (clip: float) (action: Expr) (actionGradient: Expr) : Expr =
        if not (clip > 0.0) then Guard.positiveNumber (nameof clip) clip

        let target = Expr.stopGradient (action + Expr.clamp -clip clip actionGradient)
        0.5 * Expr.sumOver [| -1 |] (Expr.square (target - action))
