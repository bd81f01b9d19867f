/// Returns and advantages of rollouts: one backward recurrence and its special cases.
namespace Rl.Core.Objectives

open System
open System.Numerics
open Rl.Core.Foundations

/// The recurrence over time t and copies n
///
///   Gₜ = rₜ + γₜ·[(1 − λₜ)·v′ₜ + λₜ·Gₜ₊₁]
///
/// and what follows from it (Sutton 1988; Sutton and Barto 2018, section 12.8; slide 8). `steps` hold r, γ, v′ and λ;
/// all arrays are time-major [T, N], flat, of float32 or float64.
///
/// Methods are static members so that arrays convert to spans. Wrong lengths, numbers that are not finite, and
/// discounts and traces outside [0, 1] raise `ArgumentException`, which names the argument and the element;
/// `RolloutSteps` say what they check.
[<AbstractClass; Sealed>]
type Returns =

    /// λ-returns: result = Gₜ [T, N], which may be the memory of the rewards. `following` [N] is G after the last step,
    /// such as the first row of a later part of the same rollout; if it is empty, G after the last step is v′ of the
    /// last step. λ = 0 gives one-step targets r + γ·v′, λ = 1 returns-to-go that bootstrap where the rollout or a
    /// truncated episode ends.
    static member Lambda<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, following: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Recurrence.CheckNumbers &steps
        Guard.finiteSpan (nameof following) following
        Recurrence.Lambda(&steps, following, result)

    /// Generalised advantage estimates: result = Aₜ [T, N] with δₜ = rₜ + γₜ·v′ₜ − vₜ and Aₜ = δₜ + γₜ·λₜ·Aₜ₊₁; the
    /// λ-return is Aₜ + vₜ. `values` vₜ [T, N]; `following` [N] is A after the last step, empty for 0. `result` must
    /// not overlap the arguments.
    /// Source: Schulman, Moritz, Levine, Jordan, Abbeel, "High-dimensional continuous control using generalized
    /// advantage estimation" (2016), equation 16; slide 26.
    static member Advantages<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, values: ReadOnlySpan<'T>, following: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Recurrence.CheckNumbers &steps
        Guard.finiteSpan (nameof values) values
        Guard.finiteSpan (nameof following) following
        Recurrence.Advantages(&steps, values, following, result)

    /// `Advantages` of a whole rollout with one γ and one λ, without the arrays that `Discounts`, `Traces` and
    /// `NextValues` would write: the same numbers bit for bit from half the memory traffic. `result` [T, N] must not
    /// overlap the arguments.
    static member RolloutAdvantages<'T when 'T: unmanaged and 'T :> INumberBase<'T>>
        (rollout: RolloutSteps<'T>, result: Span<'T>)
        : unit =
        Recurrence.Scan(&rollout, 'T.Zero, ReadOnlySpan.Empty, result)

    /// n-step returns: result = r₍ₜ₎ + γ r₍ₜ₊₁₎ + … over `window` ≥ 1 steps or to the end of the episode or rollout,
    /// then the bootstrap value v′ there; the recurrence with λ = `traces` within the window and 0 at its end. Traces
    /// are 1 inside an episode and 0 at its last step (or λ, for truncated λ-returns). `result` must not overlap the
    /// arguments. n = 1 is `Lambda` at λ = 0; n ≥ T is `Lambda` itself. Source: Sutton and Barto (2018), equation 7.1.
    static member NStep<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, window: int, result: Span<'T>)
        : unit =
        Guard.positive (nameof window) window
        Recurrence.CheckNumbers &steps
        steps.CheckLength(nameof result, result.Length)
        let columns = steps.Columns
        let rows = steps.Count / columns

        for row in 0 .. rows - 1 do
            let last = if window > rows - row then rows - 1 else row + window - 1
            let output = result.Slice(row * columns, columns)
            steps.NextValues.Slice(last * columns, columns).CopyTo output

            for step in last .. -1 .. row do
                Recurrence.LambdaRow(&steps, step * columns, Span.op_Implicit output, output)

    /// Full-trajectory returns: every step of an episode gets the return of the episode's first step in this rollout
    /// (slide 8: Σ γᵗ′ rₜ′ over the whole trajectory, given to each (sₜ, aₜ)). `returnsToGo` is what `Lambda` computes
    /// with λ = 1, and `traces` what it was given: 1 inside an episode and 0 at its last step. `result` may be the
    /// memory of `returnsToGo`.
    static member FullTrajectory<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (columns: int, returnsToGo: ReadOnlySpan<'T>, traces: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        Guard.finiteSpan (nameof returnsToGo) returnsToGo
        Guard.fractionSpan (nameof traces) traces
        StepArrays.check columns (nameof returnsToGo) returnsToGo.Length returnsToGo.Length
        StepArrays.check columns (nameof traces) returnsToGo.Length traces.Length
        StepArrays.check columns (nameof result) returnsToGo.Length result.Length

        for index in 0 .. result.Length - 1 do
            let begins = index < columns || 'T.IsZero traces[index - columns]
            result[index] <- if begins then returnsToGo[index] else result[index - columns]

    /// r₀ + γ r₁ + γ² r₂ + …: the discounted return of one trajectory (slide 4).
    static member Discounted(discount: float, rewards: ReadOnlySpan<float>) : float =
        Guard.inRange (nameof discount) 0.0 1.0 discount
        Guard.finiteSpan (nameof rewards) rewards
        let mutable total = 0.0

        for step in rewards.Length - 1 .. -1 .. 0 do
            total <- rewards[step] + discount * total

        total

    /// γₜ: `discount` ∈ [0, 1], and 0 where the step terminated.
    static member Discounts<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (discount: 'T, terminated: ReadOnlySpan<bool>, result: Span<'T>)
        : unit =
        Guard.inRange (nameof discount) 0.0 1.0 (Double.CreateTruncating discount)
        Guard.length (nameof result) terminated.Length result.Length

        for index in 0 .. result.Length - 1 do
            result[index] <- if terminated[index] then 'T.Zero else discount

    /// λₜ: `trace` ∈ [0, 1], and 0 where the episode ended, by termination or truncation.
    static member Traces<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (trace: 'T, terminated: ReadOnlySpan<bool>, truncated: ReadOnlySpan<bool>, result: Span<'T>)
        : unit =
        Guard.inRange (nameof trace) 0.0 1.0 (Double.CreateTruncating trace)
        Guard.length (nameof truncated) terminated.Length truncated.Length
        Guard.length (nameof result) terminated.Length result.Length

        for index in 0 .. result.Length - 1 do
            result[index] <- if terminated[index] || truncated[index] then 'T.Zero else trace

    /// v′ₜ: `finalValues` where truncated; elsewhere vₜ₊₁ of `values` [T, N], and `lastValues` [N] after the last step.
    /// Where the step terminated the number counts for nothing, as its discount is 0, but must be finite as all others
    /// that are read.
    static member NextValues<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            values: ReadOnlySpan<'T>,
            lastValues: ReadOnlySpan<'T>,
            truncated: ReadOnlySpan<bool>,
            finalValues: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Guard.finiteSpan (nameof values) values
        Guard.finiteSpan (nameof lastValues) lastValues
        StepArrays.check columns (nameof values) values.Length values.Length
        StepArrays.check columns (nameof lastValues) columns lastValues.Length
        StepArrays.check columns (nameof truncated) values.Length truncated.Length
        StepArrays.check columns (nameof finalValues) values.Length finalValues.Length
        StepArrays.check columns (nameof result) values.Length result.Length
        values.Slice(columns).CopyTo result
        lastValues.CopyTo(result.Slice(values.Length - columns))

        for index in 0 .. result.Length - 1 do
            if truncated[index] then result[index] <- finalValues[index]

        // Those that were not final are finite already.
        Guard.finiteSpan (nameof finalValues) (Span.op_Implicit result)
