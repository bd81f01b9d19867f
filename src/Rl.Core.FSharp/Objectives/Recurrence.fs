/// The loops of the recurrence of returns over one row of copies: one equation, in vectors.
namespace Rl.Core.Objectives

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// The equation itself, for whatever can be added and multiplied: vectors of numbers in `Recurrence`, expressions in `Unrolled`.
[<RequireQualifiedAccess>]
module internal Equation =

    /// G = r + γ [(1 − λ) v′ + λ G′].
    let inline backup (one: ^V) (reward: ^V) (discount: ^V) (bootstrap: ^V) (trace: ^V) (next: ^V) : ^V =
        reward + discount * ((one - trace) * bootstrap + trace * next)

/// Rows of `Returns`; lengths are checked there. Loops over full vectors stay free of calls; the columns that do not fill a vector go
/// through padded ones, so that the equation is written once.
[<AbstractClass; Sealed>]
type internal Recurrence =

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

    /// Whether a vector's worth of flags from `at` on holds a true one.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member AnyFlag<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType>
        (flags: byref<byte>, at: int)
        : bool =
        let start = &Unsafe.Add(&flags, at)

        match Vector<'T>.Count with
        | 2 -> Unsafe.ReadUnaligned<uint16> &start <> 0us
        | 4 -> Unsafe.ReadUnaligned<uint32> &start <> 0u
        | 8 -> Unsafe.ReadUnaligned<uint64> &start <> 0UL
        | lanes ->
            let mutable lane = 0

            while lane < lanes && Unsafe.Add(&start, lane) = 0uy do
                lane <- lane + 1

            lane < lanes

    /// The columns from `column` on, at most a vector's worth, where episodes may end.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    static member RolloutAtEnds<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            column: int,
            discount: 'T,
            trace: 'T,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            terminated: ReadOnlySpan<bool>,
            truncated: ReadOnlySpan<bool>,
            finalValues: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let mutable discounts = Vector<'T> discount
        let mutable traces = Vector<'T> trace
        let full = column <= result.Length - Vector<'T>.Count

        let mutable bootstraps =
            if full then
                Vector.LoadUnsafe(&MemoryMarshal.GetReference nextValues, unativeint column)
            else
                Recurrence.LoadRest(nextValues, column)

        let discountLanes = &Unsafe.As<Vector<'T>, 'T> &discounts
        let traceLanes = &Unsafe.As<Vector<'T>, 'T> &traces
        let bootstrapLanes = &Unsafe.As<Vector<'T>, 'T> &bootstraps

        for lane in 0 .. min Vector<'T>.Count (result.Length - column) - 1 do
            if terminated[column + lane] then
                Unsafe.Add(&discountLanes, lane) <- 'T.Zero
                Unsafe.Add(&traceLanes, lane) <- 'T.Zero
            elif truncated[column + lane] then
                Unsafe.Add(&traceLanes, lane) <- 'T.Zero
                Unsafe.Add(&bootstrapLanes, lane) <- finalValues[column + lane]

        if full then
            let at = unativeint column

            let advantage =
                Recurrence.Advantage(
                    Vector.LoadUnsafe(&MemoryMarshal.GetReference rewards, at),
                    Vector.LoadUnsafe(&MemoryMarshal.GetReference values, at),
                    discounts,
                    bootstraps,
                    traces,
                    Vector.LoadUnsafe(&MemoryMarshal.GetReference following, at)
                )

            Vector.StoreUnsafe(advantage, &MemoryMarshal.GetReference result, at)
        else
            let advantage =
                Recurrence.Advantage(
                    Recurrence.LoadRest(rewards, column),
                    Recurrence.LoadRest(values, column),
                    discounts,
                    bootstraps,
                    traces,
                    Recurrence.LoadRest(following, column)
                )

            Recurrence.StoreRest(advantage, result, column)

    /// One row of `RolloutAdvantages`; all spans have the same length.
    static member RolloutRow<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            discount: 'T,
            trace: 'T,
            rewards: ReadOnlySpan<'T>,
            values: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            terminated: ReadOnlySpan<bool>,
            truncated: ReadOnlySpan<bool>,
            finalValues: ReadOnlySpan<'T>,
            following: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        let reward = &MemoryMarshal.GetReference rewards
        let value = &MemoryMarshal.GetReference values
        let bootstrap = &MemoryMarshal.GetReference nextValues
        let dead = &MemoryMarshal.GetReference(MemoryMarshal.AsBytes terminated)
        let cut = &MemoryMarshal.GetReference(MemoryMarshal.AsBytes truncated)
        let next = &MemoryMarshal.GetReference following
        let output = &MemoryMarshal.GetReference result
        let discounts, traces = Vector<'T> discount, Vector<'T> trace
        let lanes = Vector<'T>.Count
        let mutable column = 0

        while column < result.Length do
            if
                column > result.Length - lanes
                || Recurrence.AnyFlag<'T>(&dead, column)
                || Recurrence.AnyFlag<'T>(&cut, column)
            then
                Recurrence.RolloutAtEnds(
                    column,
                    discount,
                    trace,
                    rewards,
                    values,
                    nextValues,
                    terminated,
                    truncated,
                    finalValues,
                    following,
                    result
                )
            else
                let at = unativeint column

                let advantage =
                    Recurrence.Advantage(
                        Vector.LoadUnsafe(&reward, at),
                        Vector.LoadUnsafe(&value, at),
                        discounts,
                        Vector.LoadUnsafe(&bootstrap, at),
                        traces,
                        Vector.LoadUnsafe(&next, at)
                    )

                Vector.StoreUnsafe(advantage, &output, at)

            column <- column + lanes
