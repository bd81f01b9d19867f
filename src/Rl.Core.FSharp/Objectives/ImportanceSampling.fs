/// Returns and values from data of another policy, each weighted by what its actions were worth to either: importance
/// sampling.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// Arrays are time-major [T, N], flat, as in `Returns`, with the same discounts γₜ, next values v′ₜ and traces λₜ (0
/// where an episode ended). Ratios ρₜ = π(aₜ|sₜ)/μ(aₜ|sₜ) ≥ 0 belong to the action of their step. Unless said otherwise
/// `result` must not overlap the arguments. Wrong lengths, empty trajectories, numbers that are not finite, negative
/// ratios, and discounts and traces outside [0, 1] raise `ArgumentException`, which names the argument and the element.
[<AbstractClass; Sealed>]
type ImportanceSampling =

    /// ρ = exp(ln π − ln μ), element by element; ln π may be −∞, an action that the target never takes.
    static member Ratios
        (logTarget: ReadOnlySpan<float>, logBehaviour: ReadOnlySpan<float>, result: Span<float>)
        : unit =
        Guard.length (nameof logBehaviour) logTarget.Length logBehaviour.Length
        Guard.length (nameof result) logTarget.Length result.Length

        Guard.finiteSpan (nameof logBehaviour) logBehaviour

        for index in 0 .. result.Length - 1 do
            if not (logTarget[index] < infinity) then
                Guard.fail
                    (nameof logTarget)
                    $"logTarget[{index}] is {logTarget[index]}; it must be a number, or −∞ for probability 0."

            result[index] <- Math.Exp(logTarget[index] - logBehaviour[index])

    /// W = ∏ ρ from the start of each step's episode to the step itself [T, N]; `traces` is 0 at the last
    /// step of an episode. The weight of an episode is that of its last step. `result` may be the memory of `ratios`.
    static member CumulativeRatios
        (columns: int, ratios: ReadOnlySpan<float>, traces: ReadOnlySpan<float>, result: Span<float>)
        : unit =
        Guard.notNegativeSpan (nameof ratios) ratios
        Guard.fractionSpan (nameof traces) traces
        Recurrence.Check(columns, nameof ratios, ratios.Length, ratios.Length)
        Recurrence.Check(columns, nameof traces, ratios.Length, traces.Length)
        Recurrence.Check(columns, nameof result, ratios.Length, result.Length)

        for index in 0 .. result.Length - 1 do
            let continues = index >= columns && traces[index - columns] <> 0.0
            result[index] <- if continues then result[index - columns] * ratios[index] else ratios[index]

    /// Ordinary importance sampling: Σ Wᵢ Gᵢ / n over n episodes with weights W = ∏ρ and returns G; unbiased (Sutton
    /// and Barto 2018, equation 5.5).
    static member Ordinary(weights: ReadOnlySpan<float>, returns: ReadOnlySpan<float>) : float =
        Guard.notNegativeSpan (nameof weights) weights
        Guard.finiteSpan (nameof returns) returns
        Recurrence.Check(1, nameof weights, weights.Length, weights.Length)
        Recurrence.Check(1, nameof returns, weights.Length, returns.Length)
        let mutable total = 0.0

        for index in 0 .. weights.Length - 1 do
            total <- total + weights[index] * returns[index]

        total / float weights.Length

    /// Weighted importance sampling: Σ Wᵢ Gᵢ / Σ Wᵢ, 0 if all weights are; biased, of lower variance (equation 5.6).
    static member Weighted(weights: ReadOnlySpan<float>, returns: ReadOnlySpan<float>) : float =
        let mean = ImportanceSampling.Ordinary(weights, returns)
        let mutable total = 0.0

        for weight in weights do
            total <- total + weight

        if total = 0.0 then 0.0 else mean * float weights.Length / total

    /// Per-decision importance sampling: result = Gₜ = ρₜ (rₜ + γₜ [(1 − λₜ) v′ₜ + λₜ Gₜ₊₁]) (Precup, Sutton and Singh
    /// 2000; Sutton and Barto 2018, section 5.9). The recurrence with rewards ρ r and discounts ρ γ. G after the last
    /// step is v′ of the last step.
    static member PerDecision
        (
            columns: int,
            ratios: ReadOnlySpan<float>,
            rewards: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Recurrence.Check(columns, nameof ratios, rewards.Length, ratios.Length)
        let zeros = Array.zeroCreate<float> rewards.Length
        ImportanceSampling.DoublyRobust(columns, ratios, rewards, discounts, zeros, zeros, nextValues, traces, result)

    /// Doubly robust evaluation: result = Vₜ = v̂ₜ + ρₜ (rₜ + γₜ [(1 − λₜ) v′ₜ + λₜ Vₜ₊₁] − q̂ₜ) with estimates v̂(sₜ)
    /// and q̂(sₜ, aₜ): exact if either the ratios or the estimates are (Jiang and Li 2016, equation 10). The recurrence
    /// with rewards v̂ + ρ (r − q̂) and discounts ρ γ.
    static member DoublyRobust
        (
            columns: int,
            ratios: ReadOnlySpan<float>,
            rewards: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            values: ReadOnlySpan<float>,
            actionValues: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        let count = rewards.Length
        Recurrence.CheckCorrected(columns, ratios, rewards, values, discounts, nextValues, traces)
        Recurrence.Check(columns, nameof actionValues, count, actionValues.Length)
        Guard.finiteSpan (nameof actionValues) actionValues
        Recurrence.Check(columns, nameof result, count, result.Length)
        let weighted = Array.zeroCreate<float> count

        for index in 0 .. count - 1 do
            weighted[index] <- ratios[index] * discounts[index]
            result[index] <- values[index] + ratios[index] * (rewards[index] - actionValues[index])

        Recurrence.Lambda(
            columns,
            Span.op_Implicit result,
            ReadOnlySpan weighted,
            nextValues,
            traces,
            ReadOnlySpan.Empty,
            result
        )

    /// Importance-corrected TD errors: result = ρₜ Aₜ with Aₜ = δₜ + γₜ λₜ ρₜ₊₁ Aₜ₊₁ and δₜ = rₜ + γₜ v′ₜ − vₜ: the
    /// λ-return's error with per-decision weights (Sutton et al. 2014).
    static member ImportanceCorrectedErrors
        (
            columns: int,
            ratios: ReadOnlySpan<float>,
            rewards: ReadOnlySpan<float>,
            values: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Recurrence.CheckCorrected(columns, ratios, rewards, values, discounts, nextValues, traces)
        let weighted = Array.zeroCreate<float> rewards.Length

        for index in 0 .. rewards.Length - columns - 1 do
            weighted[index] <- traces[index] * ratios[index + columns]

        Recurrence.Advantages(
            columns,
            rewards,
            values,
            discounts,
            nextValues,
            ReadOnlySpan weighted,
            ReadOnlySpan.Empty,
            result
        )

        for index in 0 .. result.Length - 1 do
            result[index] <- ratios[index] * result[index]
