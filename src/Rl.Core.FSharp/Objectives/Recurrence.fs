/// The loops of the recurrence of returns over one row of copies: one equation, in vectors.
namespace Rl.Core.Objectives

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open FSharp.NativeInterop
open Rl.Core.Foundations
open Rl.Core.Kernels

#nowarn "9"

/// The equation itself, for whatever can be added and multiplied: vectors of numbers in `Recurrence`, expressions in
/// `Unrolled`.
[<RequireQualifiedAccess>]
module internal Equation =

    /// G = r + γ [(1 − λ) v′ + λ G′].
    let inline backup (one: ^V) (reward: ^V) (discount: ^V) (bootstrap: ^V) (trace: ^V) (next: ^V) : ^V =
        reward + discount * ((one - trace) * bootstrap + trace * next)

/// Rows of `Returns` and `Corrections`, which check lengths by `Check`. Loops over full vectors stay free of calls; the
/// columns that do not fill a vector go through padded ones, so that the equation is written once.
[<AbstractClass; Sealed>]
type internal Recurrence =

    /// Requires `actual` elements where `expected` are needed, which must be a whole number of rows and at least one.
    static member Check(columns: int, name: string, expected: int, actual: int) : unit =
        Guard.positive (nameof columns) columns
        Guard.length name expected actual

        if expected = 0 then
            Guard.fail name "The trajectory is empty; it needs at least one step."

        if expected % columns <> 0 then
            Guard.fail name $"{name} has {actual} elements; it must have a multiple of columns, {columns}."

    /// Requires the lengths of what every recurrence reads.
    static member CheckLengths
        (
            columns: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>
        ) : unit =
        let count = rewards.Length
        Recurrence.Check(columns, nameof rewards, count, count)
        Recurrence.Check(columns, nameof discounts, count, discounts.Length)
        Recurrence.Check(columns, nameof nextValues, count, nextValues.Length)
        Recurrence.Check(columns, nameof traces, count, traces.Length)

    /// Requires its numbers to be finite, and discounts and traces to lie in [0, 1].
    static member CheckNumbers
        (rewards: ReadOnlySpan<'T>, discounts: ReadOnlySpan<'T>, nextValues: ReadOnlySpan<'T>, traces: ReadOnlySpan<'T>)
        : unit =
        Guard.finiteSpan (nameof rewards) rewards
        Guard.fractionSpan (nameof discounts) discounts
        Guard.finiteSpan (nameof nextValues) nextValues
        Guard.fractionSpan (nameof traces) traces

    /// Requires lengths and ranges of what corrections of values have in common.
    static member CheckCorrected
        (
            columns: int,
            ratios: ReadOnlySpan<'T>,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>
        ) : unit =
        Recurrence.CheckLengths(columns, rewards, discounts, nextValues, traces)
        Recurrence.Check(columns, nameof ratios, rewards.Length, ratios.Length)
        Recurrence.Check(columns, nameof values, rewards.Length, values.Length)
        Recurrence.CheckNumbers(rewards, discounts, nextValues, traces)
        Guard.notNegativeSpan (nameof ratios) ratios
        Guard.finiteSpan (nameof values) values

    /// The one equation, for as many copies as a vector has lanes.
    static member inline Backup
        (reward: Vector<'T>, discount: Vector<'T>, bootstrap: Vector<'T>, trace: Vector<'T>, next: Vector<'T>)
        : Vector<'T> =
        Equation.backup Vector<'T>.One reward discount bootstrap trace next

    /// The same equation with the temporal-difference error as the reward and nothing to bootstrap from.
    static member inline Advantage
        (
            reward: Vector<'T>,
            value: Vector<'T>,
            discount: Vector<'T>,
            nextValue: Vector<'T>,
            trace: Vector<'T>,
            next: Vector<'T>
        ) : Vector<'T> =
        let error = reward + discount * nextValue - value
        Recurrence.Backup(error, discount, Vector<'T>.Zero, trace, next)

    /// The elements of a row from `column` on, at most a vector's worth; lanes beyond the row are 0.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member LoadRest(row: ReadOnlySpan<'T>, column: int) : Vector<'T> =
        let mutable padded = Vector<'T>.Zero

        row
            .Slice(column, min Vector<'T>.Count (row.Length - column))
            .CopyTo(MemoryMarshal.CreateSpan(&Unsafe.As<Vector<'T>, 'T> &padded, Vector<'T>.Count))

        padded

    /// Writes those lanes that lie within the row.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member StoreRest(values: Vector<'T>, row: Span<'T>, column: int) : unit =
        for lane in 0 .. min Vector<'T>.Count (row.Length - column) - 1 do
            row[column + lane] <- values[lane]

    /// The columns of a row beyond the last full vector; apart, so that the loop over full vectors stays in registers.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member LambdaRest
        (
            column: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let value =
            Recurrence.Backup(
                Recurrence.LoadRest(rewards, column),
                Recurrence.LoadRest(discounts, column),
                Recurrence.LoadRest(nextValues, column),
                Recurrence.LoadRest(traces, column),
                Recurrence.LoadRest(following, column)
            )

        Recurrence.StoreRest(value, result, column)

    /// One row of `Lambda`; all spans have the same length.
    static member LambdaRow<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let reward = &MemoryMarshal.GetReference rewards
        let discount = &MemoryMarshal.GetReference discounts
        let bootstrap = &MemoryMarshal.GetReference nextValues
        let trace = &MemoryMarshal.GetReference traces
        let next = &MemoryMarshal.GetReference following
        let output = &MemoryMarshal.GetReference result
        let lanes = Vector<'T>.Count
        let mutable column = 0

        while column <= result.Length - lanes do
            let at = unativeint column

            let value =
                Recurrence.Backup(
                    Vector.LoadUnsafe(&reward, at),
                    Vector.LoadUnsafe(&discount, at),
                    Vector.LoadUnsafe(&bootstrap, at),
                    Vector.LoadUnsafe(&trace, at),
                    Vector.LoadUnsafe(&next, at)
                )

            Vector.StoreUnsafe(value, &output, at)
            column <- column + lanes

        if column < result.Length then
            Recurrence.LambdaRest(column, rewards, discounts, nextValues, traces, following, result)

    /// The columns of a row beyond the last full vector; apart, so that the loop over full vectors stays in registers.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member AdvantageRest
        (
            column: int,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let advantage =
            Recurrence.Advantage(
                Recurrence.LoadRest(rewards, column),
                Recurrence.LoadRest(values, column),
                Recurrence.LoadRest(discounts, column),
                Recurrence.LoadRest(nextValues, column),
                Recurrence.LoadRest(traces, column),
                Recurrence.LoadRest(following, column)
            )

        Recurrence.StoreRest(advantage, result, column)

    /// One row of `Advantages`; all spans have the same length.
    static member AdvantageRow<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let reward = &MemoryMarshal.GetReference rewards
        let value = &MemoryMarshal.GetReference values
        let discount = &MemoryMarshal.GetReference discounts
        let bootstrap = &MemoryMarshal.GetReference nextValues
        let trace = &MemoryMarshal.GetReference traces
        let next = &MemoryMarshal.GetReference following
        let output = &MemoryMarshal.GetReference result
        let lanes = Vector<'T>.Count
        let mutable column = 0

        while column <= result.Length - lanes do
            let at = unativeint column

            let advantage =
                Recurrence.Advantage(
                    Vector.LoadUnsafe(&reward, at),
                    Vector.LoadUnsafe(&value, at),
                    Vector.LoadUnsafe(&discount, at),
                    Vector.LoadUnsafe(&bootstrap, at),
                    Vector.LoadUnsafe(&trace, at),
                    Vector.LoadUnsafe(&next, at)
                )

            Vector.StoreUnsafe(advantage, &output, at)
            column <- column + lanes

        if column < result.Length then
            Recurrence.AdvantageRest(column, rewards, values, discounts, nextValues, traces, following, result)

    /// The lengths that the recurrences share.
    static member private CheckSteps
        (
            columns: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Recurrence.CheckLengths(columns, rewards, discounts, nextValues, traces)
        Recurrence.Check(columns, nameof result, rewards.Length, result.Length)

        if not following.IsEmpty then
            Guard.length (nameof following) columns following.Length

    /// `Returns.Lambda` without a look at the numbers: for corrections, whose discounts and traces hold ratios, and for
    /// learners, who look at their own. Checks lengths.
    static member Lambda<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Recurrence.CheckSteps(columns, rewards, discounts, nextValues, traces, following, result)
        let mutable row = rewards.Length - columns

        while row >= 0 do
            let after =
                if row + columns < rewards.Length then
                    Span.op_Implicit (result.Slice(row + columns, columns))
                elif following.IsEmpty then
                    nextValues.Slice(row, columns)
                else
                    following

            Recurrence.LambdaRow(
                rewards.Slice(row, columns),
                discounts.Slice(row, columns),
                nextValues.Slice(row, columns),
                traces.Slice(row, columns),
                after,
                result.Slice(row, columns)
            )

            row <- row - columns

    /// `Returns.Advantages` without a look at the numbers. Checks lengths.
    static member Advantages<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Recurrence.CheckSteps(columns, rewards, discounts, nextValues, traces, following, result)
        Recurrence.Check(columns, nameof values, rewards.Length, values.Length)
        let mutable row = rewards.Length - columns

        while row >= 0 do
            let last = row + columns = rewards.Length
            let output = result.Slice(row, columns)

            if last && following.IsEmpty then output.Clear()

            let after =
                if not last then Span.op_Implicit (result.Slice(row + columns, columns))
                elif following.IsEmpty then Span.op_Implicit output
                else following

            Recurrence.AdvantageRow(
                rewards.Slice(row, columns),
                values.Slice(row, columns),
                discounts.Slice(row, columns),
                nextValues.Slice(row, columns),
                traces.Slice(row, columns),
                after,
                output
            )

            row <- row - columns

    /// Checks a rollout and runs the kernel over it: advantages, or V-trace errors where `ratios` is not empty.
    static member Scan<'T when 'T: unmanaged>
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
        let length = rewards.Length
        Recurrence.Check(columns, nameof rewards, length, length)
        Recurrence.Check(columns, nameof values, length, values.Length)
        Recurrence.Check(columns, nameof lastValues, columns, lastValues.Length)
        Recurrence.Check(columns, nameof terminated, length, terminated.Length)
        Recurrence.Check(columns, nameof truncated, length, truncated.Length)
        Recurrence.Check(columns, nameof finalValues, length, finalValues.Length)
        Recurrence.Check(columns, nameof result, length, result.Length)
        use rewards = fixed rewards
        use values = fixed values
        use lastValues = fixed lastValues
        use terminated = fixed terminated
        use truncated = fixed truncated
        use finalValues = fixed finalValues
        use ratios = fixed ratios
        use result = fixed result

        Kernels.best<'T>.Scan(
            {
                Rows = length / columns
                Columns = columns
                Discount = discount
                Trace = trace
                Rewards = NativePtr.toNativeInt rewards
                Values = NativePtr.toNativeInt values
                LastValues = NativePtr.toNativeInt lastValues
                Terminated = NativePtr.toNativeInt terminated
                Truncated = NativePtr.toNativeInt truncated
                FinalValues = NativePtr.toNativeInt finalValues
                Ratios = NativePtr.toNativeInt ratios
                RatioClip = ratioClip
                Result = NativePtr.toNativeInt result
            }
        )
