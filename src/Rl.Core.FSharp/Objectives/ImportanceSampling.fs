/// Returns and values from data of another policy, each weighted by what its actions were worth to either: importance
/// sampling.
namespace Rl.Core.Objectives

open System
open System.Numerics
open Rl.Core.Foundations

/// Steps are those of `Returns`; arrays are time-major [T, N], flat, of float32 or float64. Ratios ρₜ =
/// π(aₜ|sₜ)/μ(aₜ|sₜ) ≥ 0 belong to the action of their step. Unless said otherwise `result` must not overlap the
/// arguments. Wrong lengths, empty trajectories, numbers that are not finite, negative ratios, and discounts and traces
/// outside [0, 1] raise `ArgumentException`, which names the argument and the element.
[<AbstractClass; Sealed>]
type ImportanceSampling =

    /// ρ = exp(ln π − ln μ), element by element; ln π may be −∞, an action that the target never takes.
    static member Ratios<'T when 'T :> INumber<'T> and 'T :> IExponentialFunctions<'T>>
        (logTarget: ReadOnlySpan<'T>, logBehaviour: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Guard.length (nameof logBehaviour) logTarget.Length logBehaviour.Length
        Guard.length (nameof result) logTarget.Length result.Length

        Guard.finiteSpan (nameof logBehaviour) logBehaviour

        for index in 0 .. result.Length - 1 do
            if 'T.IsNaN logTarget[index] || 'T.IsPositiveInfinity logTarget[index] then
                Guard.fail
                    (nameof logTarget)
                    $"logTarget[{index}] is {logTarget[index]}; it must be a number, or −∞ for probability 0."

            result[index] <- 'T.Exp(logTarget[index] - logBehaviour[index])

    /// W = ∏ ρ from the start of each step's episode to the step itself [T, N]; `traces` is 0 at the last
    /// step of an episode. The weight of an episode is that of its last step. `result` may be the memory of `ratios`.
    static member CumulativeRatios<'T when 'T :> INumber<'T>>
        (columns: int, ratios: ReadOnlySpan<'T>, traces: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Guard.notNegativeSpan (nameof ratios) ratios
        Guard.fractionSpan (nameof traces) traces
        StepArrays.check columns (nameof ratios) ratios.Length ratios.Length
        StepArrays.check columns (nameof traces) ratios.Length traces.Length
        StepArrays.check columns (nameof result) ratios.Length result.Length

        for index in 0 .. result.Length - 1 do
            let continues = index >= columns && not ('T.IsZero traces[index - columns])
            result[index] <- if continues then result[index - columns] * ratios[index] else ratios[index]

    /// Ordinary importance sampling: Σ Wᵢ Gᵢ / n over n episodes with weights W = ∏ρ and returns G; unbiased (Sutton
    /// and Barto 2018, equation 5.5).
    static member Ordinary<'T when 'T :> INumber<'T>>(weights: ReadOnlySpan<'T>, returns: ReadOnlySpan<'T>) : 'T =
        Guard.notNegativeSpan (nameof weights) weights
        Guard.finiteSpan (nameof returns) returns
        StepArrays.check 1 (nameof weights) weights.Length weights.Length
        StepArrays.check 1 (nameof returns) weights.Length returns.Length
        let mutable total = 'T.Zero

        for index in 0 .. weights.Length - 1 do
            total <- total + weights[index] * returns[index]

        total / 'T.CreateTruncating weights.Length

    /// Weighted importance sampling: Σ Wᵢ Gᵢ / Σ Wᵢ, 0 if all weights are; biased, of lower variance (equation 5.6).
    static member Weighted<'T when 'T :> INumber<'T>>(weights: ReadOnlySpan<'T>, returns: ReadOnlySpan<'T>) : 'T =
        let mean: 'T = ImportanceSampling.Ordinary(weights, returns)
        let mutable total = 'T.Zero

        for weight in weights do
            total <- total + weight

        let sum: 'T = mean * 'T.CreateTruncating weights.Length
        if 'T.IsZero total then 'T.Zero else sum / total

    /// Per-decision importance sampling: result = Gₜ = ρₜ (rₜ + γₜ [(1 − λₜ) v′ₜ + λₜ Gₜ₊₁]) (Precup, Sutton and Singh
    /// 2000; Sutton and Barto 2018, section 5.9). The recurrence with rewards ρ r and discounts ρ γ. G after the last
    /// step is v′ of the last step.
    static member PerDecision<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, ratios: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        let zeros = Array.zeroCreate<'T> steps.Count
        ImportanceSampling.DoublyRobust(steps, ReadOnlySpan zeros, ReadOnlySpan zeros, ratios, result)

    /// Doubly robust evaluation: result = Vₜ = v̂ₜ + ρₜ (rₜ + γₜ [(1 − λₜ) v′ₜ + λₜ Vₜ₊₁] − q̂ₜ) with estimates v̂(sₜ):
    /// `values`, and q̂(sₜ, aₜ): `actionValues`, both [T, N]; exact if either the ratios or the estimates are (Jiang
    /// and Li 2016, equation 10). The recurrence with rewards v̂ + ρ (r − q̂) and discounts ρ γ.
    static member DoublyRobust<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            steps: Steps<'T>,
            values: ReadOnlySpan<'T>,
            actionValues: ReadOnlySpan<'T>,
            ratios: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Recurrence.CheckCorrected(&steps, values, ratios, result.Length)
        steps.CheckLength(nameof actionValues, actionValues.Length)
        Guard.finiteSpan (nameof actionValues) actionValues
        let weighted = Array.zeroCreate<'T> steps.Count

        for index in 0 .. steps.Count - 1 do
            weighted[index] <- ratios[index] * steps.Discounts[index]
            result[index] <- values[index] + ratios[index] * (steps.Rewards[index] - actionValues[index])

        let corrected =
            Steps<'T>(steps.Columns, Span.op_Implicit result, ReadOnlySpan weighted, steps.NextValues, steps.Traces)

        Recurrence.Lambda(&corrected, ReadOnlySpan.Empty, result)

    /// Importance-corrected TD errors: result = ρₜ Aₜ with Aₜ = δₜ + γₜ λₜ ρₜ₊₁ Aₜ₊₁ and δₜ = rₜ + γₜ v′ₜ − vₜ: the
    /// λ-return's error with per-decision weights (Sutton et al. 2014).
    static member ImportanceCorrectedErrors<'T
        when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, values: ReadOnlySpan<'T>, ratios: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Recurrence.CheckCorrected(&steps, values, ratios, result.Length)
        let columns = steps.Columns
        let weighted = Array.zeroCreate<'T> steps.Count

        for index in 0 .. steps.Count - columns - 1 do
            weighted[index] <- steps.Traces[index] * ratios[index + columns]

        let corrected = Steps<'T>(columns, steps.Rewards, steps.Discounts, steps.NextValues, ReadOnlySpan weighted)
        Recurrence.Advantages(&corrected, values, ReadOnlySpan.Empty, result)

        for index in 0 .. result.Length - 1 do
            result[index] <- ratios[index] * result[index]
