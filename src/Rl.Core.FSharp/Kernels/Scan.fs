/// The backward recurrence over the rows of a rollout: advantages and V-trace errors in one pass over memory.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Rows t of `Columns` copies. While an episode runs: δ = r + γ v′ − v with v′ the value of the row after, and
/// Aₜ = w δ + γ c Aₜ₊₁. Weights w and traces c are 1 and λ without ratios ρ, and min(clip, ρ) and λ min(1, ρ) with
/// them.
[<Sealed>]
type internal ScanKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// One row from `first` to before `last`, a multiple of the lanes apart. Flags are bytes; final values are read
    /// where `truncated` alone. A discount of 0 takes what terminated out, a trace of 0 what was cut.
    static member inline private Row<'K, 'W when 'K :> ILanes<'W, 'T>>
        (
            scan: inref<RolloutScan<'T>>,
            row: int,
            first: int,
            last: int,
            [<InlineIfLambda>] weigh: int -> 'W -> 'W -> struct ('W * 'W)
        ) : unit =
        let start = row * scan.Columns
        let ends = row = scan.Rows - 1

        let nextValues =
            if ends then
                scan.LastValues
            else
                Memory.at<'T> scan.Values (start + scan.Columns)

        let discount, trace = 'K.Broadcast scan.Discount, 'K.Broadcast scan.Trace
        // Addresses in registers: a store through one of them could otherwise have changed the others.
        let rewards, values, result =
            Memory.at<'T> scan.Rewards start, Memory.at<'T> scan.Values start, Memory.at<'T> scan.Result start

        let terminated, truncated = scan.Terminated + nativeint start, scan.Truncated + nativeint start
        let after = Memory.at<'T> result scan.Columns
        let mutable column = first

        while column < last do
            let dead, cut = 'K.Flags(terminated, column), 'K.Flags(truncated, column)
            let mutable bootstrap = 'K.Load(nextValues, column)

            if 'K.Any cut then
                let cut = 'K.AndNot(dead, cut)
                bootstrap <- 'K.Select(cut, 'K.LoadMasked(scan.FinalValues, start + column, cut), bootstrap)

            let discount = 'K.AndNot(dead, discount)
            let trace = 'K.AndNot(dead, 'K.AndNot(cut, trace))
            let next = if ends then 'K.Constant 0.0 else 'K.Load(after, column)

            let error =
                'K.Subtract('K.Add('K.Load(rewards, column), 'K.Multiply(discount, bootstrap)), 'K.Load(values, column))

            let struct (error, trace) = weigh column error trace
            'K.Store(result, column, 'K.Add(error, 'K.Multiply(discount, 'K.Multiply(trace, next))))
            column <- column + 'K.Count

    static member private Advantages<'K, 'W when 'K :> ILanes<'W, 'T>>
        (scan: inref<RolloutScan<'T>>, row: int, first: int, last: int)
        : unit =
        ScanKernel<'L, 'V, 'S, 'T>.Row<'K, 'W>(&scan, row, first, last, fun _ error trace -> struct (error, trace))

    static member private VTrace<'K, 'W when 'K :> ILanes<'W, 'T>>
        (scan: inref<RolloutScan<'T>>, row: int, first: int, last: int)
        : unit =
        let ratios = Memory.at<'T> scan.Ratios (row * scan.Columns)
        let clip, one = 'K.Broadcast scan.RatioClip, 'K.Constant 1.0

        ScanKernel<'L, 'V, 'S, 'T>
            .Row<'K, 'W>(
                &scan,
                row,
                first,
                last,
                fun column error trace ->
                    let ratio = 'K.Load(ratios, column)
                    struct ('K.Multiply('K.Minimum(clip, ratio), error), 'K.Multiply('K.Minimum(one, ratio), trace))
            )

    /// The whole rollout, the last row first.
    static member Run(scan: inref<RolloutScan<'T>>) : unit =
        let full = scan.Columns - scan.Columns % 'L.Count

        for row in scan.Rows - 1 .. -1 .. 0 do
            if scan.Ratios = 0n then
                ScanKernel<'L, 'V, 'S, 'T>.Advantages<'L, 'V>(&scan, row, 0, full)
                ScanKernel<'L, 'V, 'S, 'T>.Advantages<'S, 'T>(&scan, row, full, scan.Columns)
            else
                ScanKernel<'L, 'V, 'S, 'T>.VTrace<'L, 'V>(&scan, row, 0, full)
                ScanKernel<'L, 'V, 'S, 'T>.VTrace<'S, 'T>(&scan, row, full, scan.Columns)
