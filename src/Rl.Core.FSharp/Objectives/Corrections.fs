/// Returns and values from data of another policy, corrected by V-trace, Retrace and their kin, all by the one
/// recurrence.
namespace Rl.Core.Objectives

open System
open System.Numerics
open Rl.Core.Foundations

/// Arrays, discounts, next values, traces and ratios are those of `ImportanceSampling`, and so are the errors;
/// `RolloutVTrace` says what it checks.
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

    /// Leaky V-trace errors: result = vsₜ − vₜ = eₜ = ρ̄ₜ (rₜ + γₜ v′ₜ − vₜ) + γₜ cₜ eₜ₊₁ with ρ̄ = α min(clip, ρ) + (1
    /// − α) ρ and c = λ (α min(1, ρ) + (1 − α) ρ); α = `mixing` ∈ [0, 1], clip > 0, infinity for none. α = 1 is V-trace
    /// (Espeholt et al. 2018, equation 1), smaller ones let some of the unclipped ratio through (Zahavy et al. 2020).
    /// The value targets are result + values. Allocates nothing in the steady state.
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
        Recurrence.CheckCorrected(columns, ratios, rewards, values, discounts, nextValues, traces)
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

    /// V-trace errors vsₜ − vₜ: `LeakyVTrace` with α = 1; on policy with λ = 1 the targets are n-step returns (Espeholt
    /// et al. 2018).
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

    /// `VTrace` of a whole rollout with one γ = `discount` and one λ = `trace`, without the arrays that
    /// `Returns.Discounts`, `Traces` and `NextValues` would write: the same numbers bit for bit from two thirds of the
    /// memory traffic. `ratios`, `rewards`, `values` [T, N]; `lastValues` [N] of the observations after the last step;
    /// `terminated`, `truncated` [T, N]; `finalValues` [T, N], read where truncated. `result` [T, N] must not overlap
    /// the arguments. float32 or float64. γ and λ must lie in [0, 1] and the clip be greater than 0; the arrays, read
    /// once and at the speed of memory, are not checked: what is not finite in them is so in the result.
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

    /// The policy's advantages under V-trace: ρ̃ₜ (qₜ − vₜ) with qₜ = rₜ + γₜ (v′ₜ + λₜ eₜ₊₁), e = `errors` of
    /// (Leaky)VTrace, and ρ̃ = α min(clip, ρ) + (1 − α) ρ: `advantages`, and q: `estimates`, both [T, N].
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
        Recurrence.CheckCorrected(columns, ratios, rewards, values, discounts, nextValues, traces)
        Guard.finiteSpan (nameof errors) errors
        Recurrence.Check(columns, nameof errors, count, errors.Length)
        Recurrence.Check(columns, nameof estimates, count, estimates.Length)
        Recurrence.Check(columns, nameof advantages, count, advantages.Length)

        for index in 0 .. count - 1 do
            let next = if index + columns < count then errors[index + columns] else 0.0
            estimates[index] <- rewards[index] + discounts[index] * (nextValues[index] + traces[index] * next)
            let weight = mixing * min policyRatioClip ratios[index] + (1.0 - mixing) * ratios[index]
            advantages[index] <- weight * (estimates[index] - values[index])

    /// General off-policy returns: result = Gₜ = rₜ + γₜ (v′ₜ + cₜ (Gₜ₊₁ − q′ₜ)), with v′ₜ = Σ π(a|sₜ₊₁) q(sₜ₊₁, a),
    /// q′ₜ = q(sₜ₊₁, aₜ₊₁) and the trace cₜ ≥ 0 of (sₜ₊₁, aₜ₊₁), 0 where an episode ended (Munos et al. 2016, equation
    /// 3). The last step bootstraps from v′ alone. c = 0: expected Sarsa; c = λ: Q(λ) of Harutyunyan et al.; c = λ
    /// π(a): tree-backup; c = λ min(1, ρ): Retrace; c = ρ: importance sampling.
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

    /// Retrace(λ) returns: `GeneralOffPolicy` with c = λ min(1, ρ′), ρ′ being the ratio of the *next* action (Munos et
    /// al. 2016).
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

    /// Tree-backup(λ) returns: `GeneralOffPolicy` with c = λ π′, π′ being the target policy's probability of the *next*
    /// action; needs no behaviour policy (Precup, Sutton and Singh 2000).
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
