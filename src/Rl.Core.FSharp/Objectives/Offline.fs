/// The losses of learning from recorded steps alone: what keeps a policy, or its values, near what the data shows.
namespace Rl.Core.Objectives

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations

/// Values, advantages, log-probabilities and losses are [M], one a sample, to be averaged by the caller; actions [M,
/// n]. Weights and scales are constant to derivatives.
[<RequireQualifiedAccess>]
module Offline =

    /// |τ − 1[u < 0]| u² [M] with u = q̄(s, a) − V(s), q̄ constant: V becomes the τ-expectile of what the actions of
    /// the data are worth, their mean at τ = ½, their best at τ → 1 (Kostrikov, Nair and Levine 2022, equation 5).
    let expectileLoss (expectile: float) (value: Expr) (actionValue: Expr) : Expr =
        Losses.expectile expectile value (Expr.stopGradient actionValue)

    /// min(exp(β A), w) [M]: the weight of an action by its advantage; β ≥ 0 and w > 0 (Kostrikov, Nair and Levine
    /// 2022, equation 7; Nair et al. 2020; Wang et al. 2020).
    let exponentialWeight (inverseTemperature: float) (largestWeight: float) (advantage: Expr) : Expr =
        Guard.notNegativeNumber (nameof inverseTemperature) inverseTemperature
        Guard.positiveLimit (nameof largestWeight) largestWeight

        Expr.clamp -infinity (Math.Log largestWeight) (inverseTemperature * advantage)
        |> Expr.exp
        |> Expr.stopGradient

    /// 1[A > 0] [M] (Wang et al. 2020, equation 3).
    let binaryWeight (advantage: Expr) : Expr = Expr.stopGradient (Expr.greater advantage (Expr.number 0.0))

    /// M softmax(β A) [M] over all samples, whose mean is 1 (Nair et al. 2020 as published, with a partition function
    /// from the batch).
    let normalisedWeight (inverseTemperature: float) (advantage: Expr) : Expr =
        Guard.notNegativeNumber (nameof inverseTemperature) inverseTemperature

        float advantage.Shape[0] * Expr.softmax 0 (inverseTemperature * advantage) |> Expr.stopGradient

    /// −w ln π(a|s) [M]: cloning of some actions more than of others.
    let weightedCloning (weight: Expr) (logProbability: Expr) : Expr = -(Expr.stopGradient weight * logProbability)

    /// Σ (x − y)² [M] over the numbers of actions [M, n]; derivatives flow into both.
    let squaredDistance (action: Expr) (other: Expr) : Expr = Expr.sumOver [| -1 |] (Expr.square (action - other))

    /// α / mean |q|, a scalar: what makes values of any size count as much beside cloning (Fujimoto and Gu 2021,
    /// equation 5). Values that are all 0 give α / `least`.
    let valueScale (alpha: float) (least: float) (values: Expr) : Expr =
        Guard.notNegativeNumber (nameof alpha) alpha
        Guard.notNegativeNumber (nameof least) least
        let size = Expr.mean (Expr.abs values)
        let safe = if least > 0.0 then Expr.maximum (Expr.number least) size else size
        Expr.stopGradient (alpha / safe)

    /// −λ q(s, π(s)) + (1/n) Σ (π(s) − a)² [M], with λ from `valueScale`: TD3 with behaviour cloning (Fujimoto and Gu
    /// 2021, equation 3).
    let clonedActorLoss (scale: Expr) (value: Expr) (policyAction: Expr) (action: Expr) : Expr =
        Expr.stopGradient scale * -value
        + squaredDistance policyAction (Expr.stopGradient action) * (1.0 / float action.Shape[1])

    /// −λ q(s, π(s)) + β Σ (π(s) − a)² [M] (Tarasov et al. 2023, equation 4).
    let regularisedActorLoss (penalty: float) (scale: Expr) (value: Expr) (policyAction: Expr) (action: Expr) : Expr =
        Expr.stopGradient scale * -value + penalty * squaredDistance policyAction (Expr.stopGradient action)

    /// y = r + γ (q′ − β Σ (a′ − â′)²) [M], with â′ the next action of the data: values of policies far from the data
    /// are kept down too (Tarasov et al. 2023, equation 5). Constant to derivatives.
    let regularisedTarget
        (penalty: float)
        reward
        discount
        (nextValue: Expr)
        (nextAction: Expr)
        (recorded: Expr)
        : Expr =
        OffPolicy.target reward discount (nextValue - penalty * squaredDistance nextAction recorded)

    /// t ln Σⱼ exp(qⱼ / t) − q(s, a) [M] from values [M, K] of K actions beside that of the data: at least 0 where that
    /// is among them, and a bound below for the expectation's excess where values have ln of their actions' density
    /// taken off (Kumar et al. 2020, equations 2 to 4); t > 0.
    let conservativeGap (temperature: float) (others: Expr) (value: Expr) : Expr =
        Guard.positiveNumber (nameof temperature) temperature
        temperature * Expr.logSumExp -1 (others * (1.0 / temperature)) - value

    /// The values of target critics between the least and the largest of them [M]: λ min + (1 − λ) max (Fujimoto,
    /// Meger and Precup 2019, equation 13).
    let mixedValue (share: float) (values: Expr list) : Expr =
        Guard.inRange (nameof share) 0.0 1.0 share
        share * List.reduce Expr.minimum values + (1.0 - share) * List.reduce Expr.maximum values

    /// ½ mean (μ² + σ² − 1 − 2 ln σ) [M] over latent numbers: D(N(μ, σ) ‖ N(0, 1)), a number each (Kingma and Welling
    /// 2014), the mean over them instead of the sum as BCQ has it.
    let latentDivergence (mean: Expr) (logDeviation: Expr) : Expr =
        0.5
        * Expr.meanOver [| -1 |] (Expr.square mean + Expr.exp (2.0 * logDeviation) - 1.0 - 2.0 * logDeviation)

    /// The penalty of critics that agree in what they learn from actions: Σ_{i≠j} cos(∇ₐqᵢ, ∇ₐqⱼ) / (N − 1) [M] from
    /// the gradients [M, n] of N ≥ 2 critics (An et al. 2021, equation 3).
    let diversity (gradients: Expr list) : Expr =
        if gradients.Length < 2 then
            Guard.fail (nameof gradients) $"There are {gradients.Length} critics; diversity is of two at least."

        let directions =
            gradients
            |> List.map (fun gradient ->
                // 10⁻¹⁰ beside the norm, as the authors have it; and within, since √0 has no derivative: a critic
                // whose units are all off learns nothing from actions.
                gradient / (Expr.sqrt (Expr.sumKeep [| -1 |] (Expr.square gradient) + 1e-20) + 1e-10))

        // Σ_{i≠j} uᵢ·uⱼ = |Σ uᵢ|² − Σ |uᵢ|².
        let squared (x: Expr) = Expr.sumOver [| -1 |] (Expr.square x)
        let all = squared (List.reduce (+) directions)
        let own = directions |> List.map squared |> List.reduce (+)
        (all - own) * (1.0 / float (gradients.Length - 1))

    /// √(mean k(xᵢ, xⱼ) + mean k(yᵢ, yⱼ) − 2 mean k(xᵢ, yⱼ) + 10⁻⁶) [M] of samples x [M, K, n] and y [M, L, n] with
    /// k(x, y) = exp(−|x − y| / 2σ) summed over components, or exp(−|x − y|² / 2σ): the maximum mean discrepancy of two
    /// policies (Kumar et al. 2019, section 5).
    let discrepancy (isGaussian: bool) (deviation: float) (x: Expr) (y: Expr) : Expr =
        Guard.positiveNumber (nameof deviation) deviation

        let kernel (x: Expr) (y: Expr) =
            let difference = Expr.expandAxis 2 x - Expr.expandAxis 1 y
            let sized = if isGaussian then Expr.square difference else Expr.abs difference
            let distance = Expr.sumOver [| -1 |] sized
            Expr.meanOver [| 1; 2 |] (Expr.exp (distance * (-1.0 / (2.0 * deviation))))

        Expr.sqrt (kernel x x + kernel y y - 2.0 * kernel x y + 1e-6)

    /// 1 for choices whose probability is at least τ of the largest's [M, K], from logits (Fujimoto et al. 2019,
    /// equation 18); τ ∈ [0, 1), 0 for all. Constant to derivatives.
    let permitted (threshold: float) (logits: Expr) : Expr =
        Guard.inRange (nameof threshold) 0.0 1.0 threshold
        let logs = Expr.logSoftmax -1 logits

        Expr.greater (logs - Expr.maxKeep [| -1 |] logs) (Expr.number (Math.Log threshold))
        |> Expr.stopGradient

    /// The best of the permitted choices [M], as numbers of their own (the first of equals).
    let bestPermitted (values: Expr) (permitted: Expr) : Expr =
        Expr.argMax -1 (Expr.select permitted values (Expr.number -infinity))
