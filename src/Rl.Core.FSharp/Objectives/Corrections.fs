/// Returns and values from data of another policy, corrected by V-trace, Retrace and their kin, all by the one
/// recurrence.
namespace Rl.Core.Objectives

open System
open System.Numerics
open Rl.Core.Foundations

/// Steps are those of `Returns`, ratios those of `ImportanceSampling`, and so are the errors; numbers are float32 or
/// float64. Unless said otherwise `result` [T, N] must not overlap the arguments.
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
    /// `values` v and `ratios` ρ are [T, N]. The value targets are result + values. Allocates nothing in the steady
    /// state.
    static member LeakyVTrace<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            steps: Steps<'T>,
            values: ReadOnlySpan<'T>,
            ratios: ReadOnlySpan<'T>,
            mixing: 'T,
            ratioClip: 'T,
            result: Span<'T>
        ) : unit =
        Guard.inRange (nameof mixing) 0.0 1.0 (Double.CreateTruncating mixing)
        Guard.positiveLimit (nameof ratioClip) (Double.CreateTruncating ratioClip)
        Recurrence.CheckCorrected(&steps, values, ratios, result.Length)
        let columns, count = steps.Columns, steps.Count
        let one = Vector<'T>.One
        let mixing = Vector<'T> mixing
        let clip = Vector<'T> ratioClip
        let mutable row = count - columns

        while row >= 0 do
            let mutable column = 0
            let output = result.Slice(row, columns)

            while column < columns do
                let ratio = Corrections.Load(ratios.Slice(row, columns), column)
                let discount = Corrections.Load(steps.Discounts.Slice(row, columns), column)
                let unclipped = (one - mixing) * ratio
                let weight = mixing * Vector.Min(clip, ratio) + unclipped
                let trace = mixing * Vector.Min(one, ratio) + unclipped

                let error =
                    Corrections.Load(steps.Rewards.Slice(row, columns), column)
                    + discount * Corrections.Load(steps.NextValues.Slice(row, columns), column)
                    - Corrections.Load(values.Slice(row, columns), column)

                let next =
                    if row + columns = count then
                        Vector<'T>.Zero
                    else
                        Corrections.Load(Span.op_Implicit (result.Slice(row + columns, columns)), column)

                let trace = trace * Corrections.Load(steps.Traces.Slice(row, columns), column)
                let corrected = Recurrence.Backup(weight * error, discount, Vector<'T>.Zero, trace, next)
                Corrections.Store(corrected, output, column)
                column <- column + Vector<'T>.Count

            row <- row - columns

    /// V-trace errors vsₜ − vₜ: `LeakyVTrace` with α = 1; on policy with λ = 1 the targets are n-step returns (Espeholt
    /// et al. 2018).
    static member VTrace<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, values: ReadOnlySpan<'T>, ratios: ReadOnlySpan<'T>, ratioClip: 'T, result: Span<'T>)
        : unit =
        Corrections.LeakyVTrace(steps, values, ratios, 'T.One, ratioClip, result)

    /// `VTrace` of a whole rollout with one γ and one λ, without the arrays that `Returns.Discounts`, `Traces` and
    /// `NextValues` would write: the same numbers bit for bit from two thirds of the memory traffic. `ratios` [T, N]
    /// are as little checked as the numbers of the rollout; the clip must be greater than 0.
    static member RolloutVTrace<'T when 'T: unmanaged and 'T :> INumberBase<'T>>
        (rollout: RolloutSteps<'T>, ratios: ReadOnlySpan<'T>, ratioClip: 'T, result: Span<'T>)
        : unit =
        Guard.positiveLimit (nameof ratioClip) (Double.CreateTruncating ratioClip)
        StepArrays.check rollout.Columns (nameof ratios) rollout.Rewards.Length ratios.Length
        Recurrence.Scan(&rollout, ratioClip, ratios, result)

    /// The policy's advantages under V-trace: ρ̃ₜ (qₜ − vₜ) with qₜ = rₜ + γₜ (v′ₜ + λₜ eₜ₊₁), e = `errors` of
    /// (Leaky)VTrace, and ρ̃ = α min(clip, ρ) + (1 − α) ρ: `advantages`, and q: `estimates`, both [T, N].
    static member VTraceAdvantages<'T
        when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            steps: Steps<'T>,
            values: ReadOnlySpan<'T>,
            ratios: ReadOnlySpan<'T>,
            errors: ReadOnlySpan<'T>,
            mixing: 'T,
            policyRatioClip: 'T,
            estimates: Span<'T>,
            advantages: Span<'T>
        ) : unit =
        Guard.inRange (nameof mixing) 0.0 1.0 (Double.CreateTruncating mixing)
        Guard.positiveLimit (nameof policyRatioClip) (Double.CreateTruncating policyRatioClip)
        steps.CheckLength(nameof errors, errors.Length)
        steps.CheckLength(nameof estimates, estimates.Length)
        Recurrence.CheckCorrected(&steps, values, ratios, advantages.Length)
        Guard.finiteSpan (nameof errors) errors
        let columns, count = steps.Columns, steps.Count
        let unmixed: 'T = 'T.One - mixing

        for index in 0 .. count - 1 do
            let next = if index + columns < count then errors[index + columns] else 'T.Zero
            let following: 'T = steps.NextValues[index] + steps.Traces[index] * next
            estimates[index] <- steps.Rewards[index] + steps.Discounts[index] * following
            let clipped: 'T = mixing * 'T.Min(policyRatioClip, ratios[index])
            let weight: 'T = clipped + unmixed * ratios[index]
            advantages[index] <- weight * (estimates[index] - values[index])

    /// `VTraceAdvantages` with α = 1 of a whole rollout, of the errors of `RolloutVTrace`: the same numbers bit for bit
    /// without the arrays that it reads. Lengths are checked, numbers as little as there; `advantages` [T, N] must not
    /// overlap the arguments.
    static member RolloutVTraceAdvantages<'T when 'T: unmanaged and 'T :> INumber<'T>>
        (
            rollout: RolloutSteps<'T>,
            ratios: ReadOnlySpan<'T>,
            errors: ReadOnlySpan<'T>,
            policyRatioClip: 'T,
            advantages: Span<'T>
        ) : unit =
        Guard.positiveLimit (nameof policyRatioClip) (Double.CreateTruncating policyRatioClip)
        let columns, count = rollout.Columns, rollout.Rewards.Length
        StepArrays.check columns (nameof ratios) count ratios.Length
        StepArrays.check columns (nameof errors) count errors.Length
        StepArrays.check columns (nameof advantages) count advantages.Length

        for index in 0 .. count - 1 do
            let isLast = index + columns >= count

            let next =
                if rollout.Truncated[index] then rollout.FinalValues[index]
                elif isLast then rollout.LastValues[index + columns - count]
                else rollout.Values[index + columns]

            let following =
                if isLast || rollout.Truncated[index] then
                    next
                else
                    next + rollout.Trace * errors[index + columns]

            let estimate =
                if rollout.Terminated[index] then
                    rollout.Rewards[index]
                else
                    rollout.Rewards[index] + rollout.Discount * following

            advantages[index] <- 'T.Min(policyRatioClip, ratios[index]) * (estimate - rollout.Values[index])

    /// General off-policy returns: result = Gₜ = rₜ + γₜ (v′ₜ + cₜ (Gₜ₊₁ − q′ₜ)), with v′ₜ = Σ π(a|sₜ₊₁) q(sₜ₊₁, a),
    /// q′ₜ = q(sₜ₊₁, aₜ₊₁): `nextActionValues` [T, N], and the steps' traces for cₜ ≥ 0 of (sₜ₊₁, aₜ₊₁), 0 where an
    /// episode ended, which may be greater than 1 (Munos et al. 2016, equation 3). The last step bootstraps from v′
    /// alone. c = 0: expected Sarsa; c = λ: Q(λ) of Harutyunyan et al.; c = λ π(a): tree-backup; c = λ min(1, ρ):
    /// Retrace; c = ρ: importance sampling.
    static member GeneralOffPolicy<'T
        when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, nextActionValues: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Guard.finiteSpan "rewards" steps.Rewards
        Guard.fractionSpan "discounts" steps.Discounts
        Guard.finiteSpan "nextValues" steps.NextValues
        Guard.finiteSpan (nameof nextActionValues) nextActionValues
        Guard.notNegativeSpan "traces" steps.Traces
        steps.CheckLength(nameof nextActionValues, nextActionValues.Length)
        steps.CheckLength(nameof result, result.Length)
        let mutable column = 0

        // r + γ (v′ − q′) as the reward and q′ as the value to bootstrap from make it the one recurrence.
        while column < steps.Count do
            let corrected = Corrections.Load(steps.NextValues, column) - Corrections.Load(nextActionValues, column)

            let adjusted =
                Corrections.Load(steps.Rewards, column) + Corrections.Load(steps.Discounts, column) * corrected

            Corrections.Store(adjusted, result, column)
            column <- column + Vector<'T>.Count

        let adjusted =
            Steps<'T>(steps.Columns, Span.op_Implicit result, steps.Discounts, nextActionValues, steps.Traces)

        Recurrence.Lambda(&adjusted, ReadOnlySpan.Empty, result)

    /// Retrace(λ) returns: `GeneralOffPolicy` with c = λ min(1, ρ′), λ the steps' traces and ρ′ = `nextRatios` [T, N]
    /// the ratio of the *next* action (Munos et al. 2016).
    static member Retrace<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, nextActionValues: ReadOnlySpan<'T>, nextRatios: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        steps.CheckLength(nameof nextRatios, nextRatios.Length)
        Guard.notNegativeSpan (nameof nextRatios) nextRatios
        Guard.fractionSpan "traces" steps.Traces
        let clipped = Array.zeroCreate<'T> steps.Count

        for index in 0 .. clipped.Length - 1 do
            clipped[index] <- steps.Traces[index] * 'T.Min('T.One, nextRatios[index])

        let traced = Steps<'T>(steps.Columns, steps.Rewards, steps.Discounts, steps.NextValues, ReadOnlySpan clipped)
        Corrections.GeneralOffPolicy(traced, nextActionValues, result)

    /// Tree-backup(λ) returns: `GeneralOffPolicy` with c = λ π′, λ the steps' traces and π′ = `nextProbabilities`
    /// [T, N] the target policy's probability of the *next* action; needs no behaviour policy (Precup, Sutton and Singh
    /// 2000).
    static member TreeBackup<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, nextActionValues: ReadOnlySpan<'T>, nextProbabilities: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Guard.fractionSpan (nameof nextProbabilities) nextProbabilities
        // A probability is its own minimum with 1.
        Corrections.Retrace(steps, nextActionValues, nextProbabilities, result)
