/// Returns and values from data of another policy: importance sampling, V-trace, Retrace and their kin, all by the one recurrence.
namespace Rl.Core.Objectives

open System
open System.Numerics
open Rl.Core.Foundations

/// Arrays are time-major [T, N], flat, as in `Returns`, with the same discounts γₜ, next values v′ₜ and traces λₜ (0 where an episode
/// ended). Ratios ρₜ = π(aₜ|sₜ)/μ(aₜ|sₜ) ≥ 0 belong to the action of their step. Unless said otherwise `result` must not overlap the
/// arguments. Wrong lengths, empty trajectories, numbers that are not finite, negative ratios, and discounts and traces outside [0, 1] raise
/// `ArgumentException`, which names the argument and the element; `RolloutVTrace` says what it checks.
[<AbstractClass; Sealed>]
type Corrections =

    static member private Load(row: ReadOnlySpan<'T>, column: int) : Vector<'T> =
        if column + Vector<'T>.Count <= row.Length then
            Vector<'T>(row.Slice column)
        else
            Recurrence.LoadRest(row, column)

    static member private Store(values: Vector<'T>, row: Span<'T>, column: int) : unit =
        if column + Vector<'T>.Count <= row.Length then
            values.CopyTo(row.Slice column)
        else
            Recurrence.StoreRest(values, row, column)

    /// Lengths and ranges of what corrections of values have in common.
    static member private Check
        (
            columns: int,
            ratios: ReadOnlySpan<'T>,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>
        ) : unit =
        let count = rewards.Length
        Recurrence.Check(columns, nameof rewards, count, count)
        Recurrence.Check(columns, nameof ratios, count, ratios.Length)
        Recurrence.Check(columns, nameof values, count, values.Length)
        Recurrence.Check(columns, nameof discounts, count, discounts.Length)
        Recurrence.Check(columns, nameof nextValues, count, nextValues.Length)
        Recurrence.Check(columns, nameof traces, count, traces.Length)
        Guard.notNegativeSpan (nameof ratios) ratios
        Guard.finiteSpan (nameof rewards) rewards
        Guard.finiteSpan (nameof values) values
        Guard.fractionSpan (nameof discounts) discounts
        Guard.finiteSpan (nameof nextValues) nextValues
        Guard.fractionSpan (nameof traces) traces

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

    /// Ordinary importance sampling: Σ Wᵢ Gᵢ / n over n episodes with weights W = ∏ρ and returns G; unbiased (Sutton and Barto 2018,
    /// equation 5.5).
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
        let mean = Corrections.Ordinary(weights, returns)
        let mutable total = 0.0

        for weight in weights do
            total <- total + weight

        if total = 0.0 then 0.0 else mean * float weights.Length / total

    /// Per-decision importance sampling: result = Gₜ = ρₜ (rₜ + γₜ [(1 − λₜ) v′ₜ + λₜ Gₜ₊₁]) (Precup, Sutton and Singh 2000; Sutton and Barto
    /// 2018, section 5.9). The recurrence with rewards ρ r and discounts ρ γ. G after the last step is v′ of the last step.
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
        Corrections.DoublyRobust(columns, ratios, rewards, discounts, zeros, zeros, nextValues, traces, result)

    /// Doubly robust evaluation: result = Vₜ = v̂ₜ + ρₜ (rₜ + γₜ [(1 − λₜ) v′ₜ + λₜ Vₜ₊₁] − q̂ₜ) with estimates v̂(sₜ) and q̂(sₜ, aₜ): exact if
    /// either the ratios or the estimates are (Jiang and Li 2016, equation 10). The recurrence with rewards v̂ + ρ (r − q̂) and discounts ρ γ.
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
        Corrections.Check(columns, ratios, rewards, values, discounts, nextValues, traces)
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

    /// Importance-corrected TD errors: result = ρₜ Aₜ with Aₜ = δₜ + γₜ λₜ ρₜ₊₁ Aₜ₊₁ and δₜ = rₜ + γₜ v′ₜ − vₜ: the λ-return's error with
    /// per-decision weights (Sutton et al. 2014).
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
        Corrections.Check(columns, ratios, rewards, values, discounts, nextValues, traces)
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

    /// Leaky V-trace errors: result = vsₜ − vₜ = eₜ = ρ̄ₜ (rₜ + γₜ v′ₜ − vₜ) + γₜ cₜ eₜ₊₁ with ρ̄ = α min(clip, ρ) + (1 − α) ρ and
    /// c = λ (α min(1, ρ) + (1 − α) ρ); α = `mixing` ∈ [0, 1], clip > 0, infinity for none. α = 1 is V-trace (Espeholt et al. 2018, equation 1), smaller ones let some
    /// of the unclipped ratio through (Zahavy et al. 2020). The value targets are result + values. Allocates nothing in the steady state.
    static member LeakyVTrace<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            mixing: 'T,
            ratioClip: 'T,
            ratios: ReadOnlySpan<'T>,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let count = rewards.Length
        Guard.inRange (nameof mixing) 0.0 1.0 (Double.CreateTruncating mixing)
        Guard.positiveLimit (nameof ratioClip) (Double.CreateTruncating ratioClip)
        Corrections.Check(columns, ratios, rewards, values, discounts, nextValues, traces)
        Recurrence.Check(columns, nameof result, count, result.Length)
        let one = Vector<'T>.One
        let mixing = Vector<'T> mixing
        let clip = Vector<'T> ratioClip
        let mutable row = count - columns

        while row >= 0 do
            let mutable column = 0
            let output = result.Slice(row, columns)

            while column < columns do
                let ratio = Corrections.Load(ratios.Slice(row, columns), column)
                let discount = Corrections.Load(discounts.Slice(row, columns), column)
                let unclipped = (one - mixing) * ratio
                let weight = mixing * Vector.Min(clip, ratio) + unclipped
                let trace = mixing * Vector.Min(one, ratio) + unclipped

                let error =
                    Corrections.Load(rewards.Slice(row, columns), column)
                    + discount * Corrections.Load(nextValues.Slice(row, columns), column)
                    - Corrections.Load(values.Slice(row, columns), column)

                let next =
                    if row + columns = count then
                        Vector<'T>.Zero
                    else
                        Corrections.Load(Span.op_Implicit (result.Slice(row + columns, columns)), column)

                let trace = trace * Corrections.Load(traces.Slice(row, columns), column)
                let corrected = Recurrence.Backup(weight * error, discount, Vector<'T>.Zero, trace, next)
                Corrections.Store(corrected, output, column)
                column <- column + Vector<'T>.Count

            row <- row - columns

    /// V-trace errors vsₜ − vₜ: `LeakyVTrace` with α = 1; on policy with λ = 1 the targets are n-step returns (Espeholt et al. 2018).
    static member VTrace<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            ratioClip: 'T,
            ratios: ReadOnlySpan<'T>,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Corrections.LeakyVTrace(
            columns,
            'T.One,
            ratioClip,
            ratios,
            rewards,
            values,
            discounts,
            nextValues,
            traces,
            result
        )

    /// `VTrace` of a whole rollout with one γ = `discount` and one λ = `trace`, without the arrays that `Returns.Discounts`, `Traces` and
    /// `NextValues` would write: the same numbers bit for bit from two thirds of the memory traffic. `ratios`, `rewards`, `values` [T, N];
    /// `lastValues` [N] of the observations after the last step; `terminated`, `truncated` [T, N]; `finalValues` [T, N], read where
    /// truncated. `result` [T, N] must not overlap the arguments. float32 or float64. γ and λ must lie in [0, 1] and the clip be greater than 0; the
    /// arrays, read once and at the speed of memory, are not checked: what is not finite in them is so in the result.
    static member RolloutVTrace<'T
        when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            discount: 'T,
            trace: 'T,
            ratioClip: 'T,
            ratios: ReadOnlySpan<'T>,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            lastValues: ReadOnlySpan<'T>,
            terminated: ReadOnlySpan<bool>,
            truncated: ReadOnlySpan<bool>,
            finalValues: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Guard.inRange (nameof discount) 0.0 1.0 (Double.CreateTruncating discount)
        Guard.inRange (nameof trace) 0.0 1.0 (Double.CreateTruncating trace)
        Guard.positiveLimit (nameof ratioClip) (Double.CreateTruncating ratioClip)
        Recurrence.Check(columns, nameof ratios, rewards.Length, ratios.Length)


        Recurrence.Scan(
            columns,
            discount,
            trace,
            ratioClip,
            ratios,
            rewards,
            values,
            lastValues,
            terminated,
            truncated,
            finalValues,
            result
        )

    /// The policy's advantages under V-trace: ρ̃ₜ (qₜ − vₜ) with qₜ = rₜ + γₜ (v′ₜ + λₜ eₜ₊₁), e = `errors` of (Leaky)VTrace, and
    /// ρ̃ = α min(clip, ρ) + (1 − α) ρ: `advantages`, and q: `estimates`, both [T, N].
    static member VTraceAdvantages
        (
            columns: int,
            mixing: float,
            policyRatioClip: float,
            ratios: ReadOnlySpan<float>,
            rewards: ReadOnlySpan<float>,
            values: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            errors: ReadOnlySpan<float>,
            estimates: Span<float>,
            advantages: Span<float>
        ) : unit =
        let count = rewards.Length
        Guard.inRange (nameof mixing) 0.0 1.0 mixing
        Guard.positiveLimit (nameof policyRatioClip) policyRatioClip
        Corrections.Check(columns, ratios, rewards, values, discounts, nextValues, traces)
        Guard.finiteSpan (nameof errors) errors
        Recurrence.Check(columns, nameof errors, count, errors.Length)
        Recurrence.Check(columns, nameof estimates, count, estimates.Length)
        Recurrence.Check(columns, nameof advantages, count, advantages.Length)

        for index in 0 .. count - 1 do
            let next = if index + columns < count then errors[index + columns] else 0.0
            estimates[index] <- rewards[index] + discounts[index] * (nextValues[index] + traces[index] * next)
            let weight = mixing * min policyRatioClip ratios[index] + (1.0 - mixing) * ratios[index]
            advantages[index] <- weight * (estimates[index] - values[index])

    /// General off-policy returns: result = Gₜ = rₜ + γₜ (v′ₜ + cₜ (Gₜ₊₁ − q′ₜ)), with v′ₜ = Σ π(a|sₜ₊₁) q(sₜ₊₁, a), q′ₜ = q(sₜ₊₁, aₜ₊₁) and the trace
    /// cₜ ≥ 0 of (sₜ₊₁, aₜ₊₁), 0 where an episode ended (Munos et al. 2016, equation 3). The last step bootstraps from v′ alone. c = 0: expected
    /// Sarsa; c = λ: Q(λ) of Harutyunyan et al.; c = λ π(a): tree-backup; c = λ min(1, ρ): Retrace; c = ρ: importance sampling.
    static member GeneralOffPolicy<'T
        when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            nextActionValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let count = rewards.Length
        Guard.finiteSpan (nameof rewards) rewards
        Guard.fractionSpan (nameof discounts) discounts
        Guard.finiteSpan (nameof nextValues) nextValues
        Guard.finiteSpan (nameof nextActionValues) nextActionValues
        Guard.notNegativeSpan (nameof traces) traces
        Recurrence.Check(columns, nameof rewards, count, count)
        Recurrence.Check(columns, nameof discounts, count, discounts.Length)
        Recurrence.Check(columns, nameof nextValues, count, nextValues.Length)
        Recurrence.Check(columns, nameof nextActionValues, count, nextActionValues.Length)
        Recurrence.Check(columns, nameof result, count, result.Length)
        let mutable column = 0

        // r + γ (v′ − q′) as the reward and q′ as the value to bootstrap from make it the one recurrence.
        while column < count do
            let adjusted =
                Corrections.Load(rewards, column)
                + Corrections.Load(discounts, column)
                  * (Corrections.Load(nextValues, column) - Corrections.Load(nextActionValues, column))

            Corrections.Store(adjusted, result, column)
            column <- column + Vector<'T>.Count

        Recurrence.Lambda(
            columns,
            Span.op_Implicit result,
            discounts,
            nextActionValues,
            traces,
            ReadOnlySpan.Empty,
            result
        )

    /// Retrace(λ) returns: `GeneralOffPolicy` with c = λ min(1, ρ′), ρ′ being the ratio of the *next* action (Munos et al. 2016).
    static member Retrace
        (
            columns: int,
            rewards: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            nextActionValues: ReadOnlySpan<float>,
            nextRatios: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Guard.notNegativeSpan (nameof nextRatios) nextRatios
        Guard.fractionSpan (nameof traces) traces
        Recurrence.Check(columns, nameof nextRatios, rewards.Length, nextRatios.Length)
        Recurrence.Check(columns, nameof traces, rewards.Length, traces.Length)
        let clipped = Array.zeroCreate<float> traces.Length

        for index in 0 .. clipped.Length - 1 do
            clipped[index] <- traces[index] * min 1.0 nextRatios[index]

        Corrections.GeneralOffPolicy(
            columns,
            rewards,
            discounts,
            nextValues,
            nextActionValues,
            ReadOnlySpan clipped,
            result
        )

    /// Tree-backup(λ) returns: `GeneralOffPolicy` with c = λ π′, π′ being the target policy's probability of the *next* action; needs no
    /// behaviour policy (Precup, Sutton and Singh 2000).
    static member TreeBackup
        (
            columns: int,
            rewards: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            nextActionValues: ReadOnlySpan<float>,
            nextProbabilities: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Guard.fractionSpan (nameof nextProbabilities) nextProbabilities
        // A probability is its own minimum with 1.
        Corrections.Retrace(
            columns,
            rewards,
            discounts,
            nextValues,
            nextActionValues,
            nextProbabilities,
            traces,
            result
        )
