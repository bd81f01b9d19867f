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

/// Rows of `Returns` and `Corrections`. Loops over full vectors stay free of calls; the columns that do not fill a
/// vector go through padded ones, so that the equation is written once.
[<AbstractClass; Sealed>]
type internal Recurrence =

    /// Requires the steps' numbers to be finite, and discounts and traces to lie in [0, 1].
    static member CheckNumbers(steps: inref<Steps<'T>>) : unit =
        Guard.finiteSpan "rewards" steps.Rewards
        Guard.fractionSpan "discounts" steps.Discounts
        Guard.finiteSpan "nextValues" steps.NextValues
        Guard.fractionSpan "traces" steps.Traces

    /// Requires lengths and ranges of what corrections of values have in common.
    static member CheckCorrected
        (steps: inref<Steps<'T>>, values: ReadOnlySpan<'T>, ratios: ReadOnlySpan<'T>, resultLength: int)
        : unit =
        steps.CheckLength(nameof ratios, ratios.Length)
        steps.CheckLength(nameof values, values.Length)
        steps.CheckLength("result", resultLength)
        Recurrence.CheckNumbers &steps
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

    /// The columns of the row that begins at `first` beyond the last full vector; apart, so that the loop over full
    /// vectors stays in registers.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member LambdaRest
        (steps: inref<Steps<'T>>, first: int, column: int, following: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        let length = result.Length

        let value =
            Recurrence.Backup(
                Recurrence.LoadRest(steps.Rewards.Slice(first, length), column),
                Recurrence.LoadRest(steps.Discounts.Slice(first, length), column),
                Recurrence.LoadRest(steps.NextValues.Slice(first, length), column),
                Recurrence.LoadRest(steps.Traces.Slice(first, length), column),
                Recurrence.LoadRest(following, column)
            )

        Recurrence.StoreRest(value, result, column)

    /// One row of `Lambda`, which begins at `first`; `following` and `result` are rows.
    static member LambdaRow<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: inref<Steps<'T>>, first: int, following: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        let length = result.Length
        let reward = &MemoryMarshal.GetReference(steps.Rewards.Slice(first, length))
        let discount = &MemoryMarshal.GetReference(steps.Discounts.Slice(first, length))
        let bootstrap = &MemoryMarshal.GetReference(steps.NextValues.Slice(first, length))
        let trace = &MemoryMarshal.GetReference(steps.Traces.Slice(first, length))
        let next = &MemoryMarshal.GetReference following
        let output = &MemoryMarshal.GetReference result
        let lanes = Vector<'T>.Count
        let mutable column = 0

        while column <= length - lanes do
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

        if column < length then
            Recurrence.LambdaRest(&steps, first, column, following, result)

    /// The columns of the row that begins at `first` beyond the last full vector; apart, so that the loop over full
    /// vectors stays in registers.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member AdvantageRest
        (
            steps: inref<Steps<'T>>,
            values: ReadOnlySpan<'T>,
            first: int,
            column: int,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let length = result.Length

        let advantage =
            Recurrence.Advantage(
                Recurrence.LoadRest(steps.Rewards.Slice(first, length), column),
                Recurrence.LoadRest(values.Slice(first, length), column),
                Recurrence.LoadRest(steps.Discounts.Slice(first, length), column),
                Recurrence.LoadRest(steps.NextValues.Slice(first, length), column),
                Recurrence.LoadRest(steps.Traces.Slice(first, length), column),
                Recurrence.LoadRest(following, column)
            )

        Recurrence.StoreRest(advantage, result, column)

    /// One row of `Advantages`, which begins at `first`; `values` are those of the rollout, `following` and `result`
    /// rows.
    static member AdvantageRow<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: inref<Steps<'T>>, values: ReadOnlySpan<'T>, first: int, following: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        let length = result.Length
        let reward = &MemoryMarshal.GetReference(steps.Rewards.Slice(first, length))
        let value = &MemoryMarshal.GetReference(values.Slice(first, length))
        let discount = &MemoryMarshal.GetReference(steps.Discounts.Slice(first, length))
        let bootstrap = &MemoryMarshal.GetReference(steps.NextValues.Slice(first, length))
        let trace = &MemoryMarshal.GetReference(steps.Traces.Slice(first, length))
        let next = &MemoryMarshal.GetReference following
        let output = &MemoryMarshal.GetReference result
        let lanes = Vector<'T>.Count
        let mutable column = 0

        while column <= length - lanes do
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

        if column < length then
            Recurrence.AdvantageRest(&steps, values, first, column, following, result)

    /// `Returns.Lambda` without a look at the numbers: for corrections, whose discounts and traces hold ratios, and for
    /// learners, who look at their own. Checks lengths.
    static member Lambda<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: inref<Steps<'T>>, following: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        steps.CheckLength(nameof result, result.Length)
        steps.CheckFollowing following
        let columns = steps.Columns
        let mutable row = steps.Count - columns

        while row >= 0 do
            let after =
                if row + columns < steps.Count then
                    Span.op_Implicit (result.Slice(row + columns, columns))
                elif following.IsEmpty then
                    steps.NextValues.Slice(row, columns)
                else
                    following

            Recurrence.LambdaRow(&steps, row, after, result.Slice(row, columns))
            row <- row - columns

    /// `Returns.Advantages` without a look at the numbers. Checks lengths.
    static member Advantages<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: inref<Steps<'T>>, values: ReadOnlySpan<'T>, following: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        steps.CheckLength(nameof values, values.Length)
        steps.CheckLength(nameof result, result.Length)
        steps.CheckFollowing following
        let columns = steps.Columns
        let mutable row = steps.Count - columns

        while row >= 0 do
            let last = row + columns = steps.Count
            let output = result.Slice(row, columns)

            if last && following.IsEmpty then output.Clear()

            let after =
                if not last then Span.op_Implicit (result.Slice(row + columns, columns))
                elif following.IsEmpty then Span.op_Implicit output
                else following

            Recurrence.AdvantageRow(&steps, values, row, after, output)
            row <- row - columns

    /// Runs the kernel over a rollout: advantages, or V-trace errors where `ratios` is not empty.
    static member Scan<'T when 'T: unmanaged and 'T :> INumberBase<'T>>
        (rollout: inref<RolloutSteps<'T>>, ratioClip: 'T, ratios: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        let length = rollout.Rewards.Length
        StepArrays.check rollout.Columns (nameof result) length result.Length
        use rewards = fixed rollout.Rewards
        use values = fixed rollout.Values
        use lastValues = fixed rollout.LastValues
        use terminated = fixed rollout.Terminated
        use truncated = fixed rollout.Truncated
        use finalValues = fixed rollout.FinalValues
        use ratios = fixed ratios
        use result = fixed result

        Kernels.best<'T>.Scan(
            {
                Rows = length / rollout.Columns
                Columns = rollout.Columns
                Discount = rollout.Discount
                Trace = rollout.Trace
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
