/// The steps of a rollout as the estimators read them: arrays that travel together, with lengths checked once.
namespace Rl.Core.Objectives

open System
open System.Numerics
open System.Runtime.CompilerServices
open Rl.Core.Foundations

/// Lengths of arrays [T, N].
[<RequireQualifiedAccess>]
module internal StepArrays =

    /// Requires `actual` elements where `expected` are needed, which must be a whole number of rows and at least one.
    let check (columns: int) (name: string) (expected: int) (actual: int) : unit =
        Guard.positive (nameof columns) columns
        Guard.length name expected actual

        if expected = 0 then
            Guard.fail name "The trajectory is empty; it needs at least one step."

        if expected % columns <> 0 then
            Guard.fail name $"{name} has {actual} elements; it must have a multiple of columns, {columns}."

/// What the recurrence of returns reads of each step: rₜ, γₜ, v′ₜ and λₜ, time-major [T, N], flat, of float32 or
/// float64. Termination and truncation are in γ and λ: truncation bootstraps, termination does not, and neither leaks
/// into the next episode. `Returns.Discounts`, `Traces` and `NextValues` write these arrays from what a batch of
/// environments reports.
///
/// Lengths are checked here, once: an empty trajectory, or arrays that are not of one length, a multiple of `columns`,
/// raise `ArgumentException`, which names the argument. Numbers are checked by those who read them.
[<Struct; IsByRefLike; IsReadOnly; NoEquality; NoComparison>]
type Steps<'T> =
    /// N ≥ 1, the number of copies.
    val Columns: int

    /// rₜ: finite.
    val Rewards: ReadOnlySpan<'T>

    /// γₜ ∈ [0, 1]: the discount, 0 where the step *terminated*.
    val Discounts: ReadOnlySpan<'T>

    /// v′ₜ: the value of the true next observation, which is v(sₜ₊₁) inside an episode and v(the final observation)
    /// where it was *truncated*. Finite.
    val NextValues: ReadOnlySpan<'T>

    /// λₜ ∈ [0, 1], 0 where an episode ended, whichever way.
    val Traces: ReadOnlySpan<'T>

    /// The steps of `columns` copies.
    new
        (
            columns: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>
        ) =
        StepArrays.check columns (nameof rewards) rewards.Length rewards.Length
        StepArrays.check columns (nameof discounts) rewards.Length discounts.Length
        StepArrays.check columns (nameof nextValues) rewards.Length nextValues.Length
        StepArrays.check columns (nameof traces) rewards.Length traces.Length

        {
            Columns = columns
            Rewards = rewards
            Discounts = discounts
            NextValues = nextValues
            Traces = traces
        }

    /// T · N.
    member this.Count: int = this.Rewards.Length

    /// Requires an array [T, N], or [N] for `following`.
    member internal this.CheckLength(name: string, length: int) : unit =
        StepArrays.check this.Columns name this.Count length

    /// Requires what follows the last step: [N], or nothing.
    member internal this.CheckFollowing(following: ReadOnlySpan<'T>) : unit =
        if not following.IsEmpty then
            Guard.length (nameof following) this.Columns following.Length

/// A whole rollout with one γ and one λ, its ends as flags: what `Steps` are made from, for estimators that need no
/// arrays of discounts, next values and traces. `lastValues` [N] are those of the observations after the last step;
/// everything else is [T, N], time-major, flat, of float32 or float64.
///
/// Lengths, γ and λ are checked here, once; whether the arrays are finite is not, as they are read at the speed of
/// memory. What is not finite in them is so in what is made of them, where training looks for it.
[<Struct; IsByRefLike; IsReadOnly; NoEquality; NoComparison>]
type RolloutSteps<'T when 'T :> INumberBase<'T>> =
    /// N ≥ 1, the number of copies.
    val Columns: int

    /// γ ∈ [0, 1].
    val Discount: 'T

    /// λ ∈ [0, 1].
    val Trace: 'T

    /// rₜ.
    val Rewards: ReadOnlySpan<'T>

    /// v(sₜ).
    val Values: ReadOnlySpan<'T>

    /// v of the observations after the last step [N].
    val LastValues: ReadOnlySpan<'T>

    /// Where an episode reached a terminal state.
    val Terminated: ReadOnlySpan<bool>

    /// Where a limit cut an episode.
    val Truncated: ReadOnlySpan<bool>

    /// v of the observation that an episode ended with, read where truncated.
    val FinalValues: ReadOnlySpan<'T>

    /// The rollout of `columns` copies.
    new
        (
            columns: int,
            discount: 'T,
            trace: 'T,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            lastValues: ReadOnlySpan<'T>,
            terminated: ReadOnlySpan<bool>,
            truncated: ReadOnlySpan<bool>,
            finalValues: ReadOnlySpan<'T>
        ) =
        Guard.inRange (nameof discount) 0.0 1.0 (Double.CreateTruncating discount)
        Guard.inRange (nameof trace) 0.0 1.0 (Double.CreateTruncating trace)
        let count = rewards.Length
        StepArrays.check columns (nameof rewards) count count
        StepArrays.check columns (nameof values) count values.Length
        StepArrays.check columns (nameof lastValues) columns lastValues.Length
        StepArrays.check columns (nameof terminated) count terminated.Length
        StepArrays.check columns (nameof truncated) count truncated.Length
        StepArrays.check columns (nameof finalValues) count finalValues.Length

        {
            Columns = columns
            Discount = discount
            Trace = trace
            Rewards = rewards
            Values = values
            LastValues = lastValues
            Terminated = terminated
            Truncated = truncated
            FinalValues = finalValues
        }
