/// Sums and maxima along the middle axis of [outer, length, inner].
namespace Rl.Core.Kernels

open System
open System.Runtime.CompilerServices

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Long sums are taken in blocks whose totals are then added, with the rounding errors of those
/// additions, so that the error does not grow with the length. The order of the additions depends on `length` and
/// `inner` only, never on `outer`.
[<AbstractClass; Sealed>]
type internal ReduceKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// Additions to a partial sum before it is added to the total.
    static member inline private Block = 64

    /// What is lost of `part` where `total` and `part` round to `sum`, added to what was lost before (Knuth's two-sum).
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Lost(lost: 'V, total: 'V, part: 'V, sum: 'V) : 'V =
        let taken = 'L.Subtract(sum, total)
        let error = 'L.Add('L.Subtract(total, 'L.Subtract(sum, taken)), 'L.Subtract(part, taken))
        'L.Add(lost, error)

    /// The total with what was lost of it, unless it is infinite.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Restored(total: 'V, lost: 'V) : 'V =
        'L.Select('L.Equal(lost, lost), 'L.Add(total, lost), total)

    /// One contiguous row of what `read` makes of its elements, four vectors at a time in blocks, then vector by
    /// vector.
    static member inline private Row
        (
            x: nativeint,
            length: int,
            start: 'V,
            [<InlineIfLambda>] read: 'V -> 'V,
            [<InlineIfLambda>] combine: 'V -> 'V -> 'V,
            [<InlineIfLambda>] masked: 'V -> 'V -> 'V,
            [<InlineIfLambda>] carry: 'V -> 'V -> 'V -> 'V -> 'V,
            [<InlineIfLambda>] restore: 'V -> 'V -> 'V
        ) : 'V =
        let width = 'L.Count
        let mutable total = start
        let mutable lost = 'L.Constant 0.0
        let mutable i = 0

        while i <= length - 4 * width do
            let last = min (length - 4 * width) (i + (ReduceKernel<'L, 'V, 'S, 'T>.Block - 1) * 4 * width)
            let mutable a = read ('L.Load(x, i))
            let mutable b = read ('L.Load(x, i + width))
            let mutable c = read ('L.Load(x, i + 2 * width))
            let mutable d = read ('L.Load(x, i + 3 * width))
            i <- i + 4 * width

            while i <= last do
                a <- combine a (read ('L.Load(x, i)))
                b <- combine b (read ('L.Load(x, i + width)))
                c <- combine c (read ('L.Load(x, i + 2 * width)))
                d <- combine d (read ('L.Load(x, i + 3 * width)))
                i <- i + 4 * width

            let part = combine (combine a b) (combine c d)
            let sum = combine total part
            lost <- carry lost total part sum
            total <- sum

        while i <= length - width do
            total <- combine total (read ('L.Load(x, i)))
            i <- i + width

        if i < length then
            let mask = 'L.Mask(length - i)
            total <- combine total (masked mask (read ('L.LoadMasked(x, i, mask))))

        restore total lost

    /// Rows shorter than a vector, element by element; of two elements, a vector of rows at a time.
    static member inline private ShortRows
        (
            x: nativeint,
            y: nativeint,
            outer: int,
            length: int,
            [<InlineIfLambda>] combineMany: 'V -> 'V -> 'V,
            [<InlineIfLambda>] combine: 'T -> 'T -> 'T
        ) =
        let mutable at = 0

        if length = 2 then
            let width = 'L.Count
            let mutable o = 0

            while o <= outer - width do
                let first = 'L.Load(x, 2 * o)
                let second = 'L.Load(x, 2 * o + width)
                'L.Store(y, o, combineMany ('L.Evens(first, second)) ('L.Odds(first, second)))
                o <- o + width

            while o < outer do
                'S.Store(y, o, combine ('S.Load(x, 2 * o)) ('S.Load(x, 2 * o + 1)))
                o <- o + 1
        else
            for o in 0 .. outer - 1 do
                let mutable total = 'S.Load(x, at)

                for j in 1 .. length - 1 do
                    total <- combine total ('S.Load(x, at + j))

                'S.Store(y, o, total)
                at <- at + length

    /// Columns of one [length, inner] slice: four vectors of columns at a time, then one at a time over four rows.
    static member inline private Columns
        (
            x: nativeint,
            y: nativeint,
            length: int,
            inner: int,
            [<InlineIfLambda>] combine: 'V -> 'V -> 'V,
            [<InlineIfLambda>] carry: 'V -> 'V -> 'V -> 'V -> 'V,
            [<InlineIfLambda>] restore: 'V -> 'V -> 'V
        ) =
        let width = 'L.Count
        let step = nativeint inner * nativeint sizeof<'T>
        let mutable j = 0

        while j <= inner - 4 * width do
            let mutable row = Memory.at<'T> x j
            let mutable a = 'L.Load(row, 0)
            let mutable b = 'L.Load(row, width)
            let mutable c = 'L.Load(row, 2 * width)
            let mutable d = 'L.Load(row, 3 * width)
            let mutable lostA = 'L.Constant 0.0
            let mutable lostB = 'L.Constant 0.0
            let mutable lostC = 'L.Constant 0.0
            let mutable lostD = 'L.Constant 0.0
            row <- row + step
            let mutable i = 1

            while i < length do
                let last = min length (i + ReduceKernel<'L, 'V, 'S, 'T>.Block)
                let mutable e = 'L.Load(row, 0)
                let mutable f = 'L.Load(row, width)
                let mutable g = 'L.Load(row, 2 * width)
                let mutable h = 'L.Load(row, 3 * width)
                row <- row + step
                i <- i + 1

                while i < last do
                    e <- combine e ('L.Load(row, 0))
                    f <- combine f ('L.Load(row, width))
                    g <- combine g ('L.Load(row, 2 * width))
                    h <- combine h ('L.Load(row, 3 * width))
                    row <- row + step
                    i <- i + 1

                let sum = combine a e
                lostA <- carry lostA a e sum
                a <- sum
                let sum = combine b f
                lostB <- carry lostB b f sum
                b <- sum
                let sum = combine c g
                lostC <- carry lostC c g sum
                c <- sum
                let sum = combine d h
                lostD <- carry lostD d h sum
                d <- sum

            'L.Store(y, j, restore a lostA)
            'L.Store(y, j + width, restore b lostB)
            'L.Store(y, j + 2 * width, restore c lostC)
            'L.Store(y, j + 3 * width, restore d lostD)
            j <- j + 4 * width

        while j < inner do
            let mask = 'L.Mask(inner - j)
            let mutable row = Memory.at<'T> x j
            let mutable total = 'L.LoadMasked(row, 0, mask)
            let mutable lost = 'L.Constant 0.0
            row <- row + step
            let mutable i = 1

            while i <= length - 4 do
                let last = min (length - 4) (i + (ReduceKernel<'L, 'V, 'S, 'T>.Block - 1) * 4)
                let mutable a = 'L.LoadMasked(row, 0, mask)
                let mutable b = 'L.LoadMasked(row, inner, mask)
                let mutable c = 'L.LoadMasked(row, 2 * inner, mask)
                let mutable d = 'L.LoadMasked(row, 3 * inner, mask)
                row <- row + 4n * step
                i <- i + 4

                while i <= last do
                    a <- combine a ('L.LoadMasked(row, 0, mask))
                    b <- combine b ('L.LoadMasked(row, inner, mask))
                    c <- combine c ('L.LoadMasked(row, 2 * inner, mask))
                    d <- combine d ('L.LoadMasked(row, 3 * inner, mask))
                    row <- row + 4n * step
                    i <- i + 4

                let part = combine (combine a b) (combine c d)
                let sum = combine total part
                lost <- carry lost total part sum
                total <- sum

            while i < length do
                total <- combine total ('L.LoadMasked(row, 0, mask))
                row <- row + step
                i <- i + 1

            'L.StoreMasked(y, j, restore total lost, mask)
            j <- j + width

    /// The sum of what `read` makes of the elements of one contiguous row.
    static member inline private SumRow(x: nativeint, length: int, [<InlineIfLambda>] read: 'V -> 'V) : 'T =
        let total =
            ReduceKernel<'L, 'V, 'S, 'T>
                .Row(
                    x,
                    length,
                    'L.Constant 0.0,
                    read,
                    (fun a b -> 'L.Add(a, b)),
                    (fun _ value -> value),
                    (fun lost total part sum -> ReduceKernel<'L, 'V, 'S, 'T>.Lost(lost, total, part, sum)),
                    (fun total lost -> ReduceKernel<'L, 'V, 'S, 'T>.Restored(total, lost))
                )

        'L.Sum total

    static member private SumRows(x: nativeint, y: nativeint, outer: int, length: int) : unit =
        for o in 0 .. outer - 1 do
            let row = x + nativeint o * nativeint length * nativeint sizeof<'T>

            'S.Store(y, o, ReduceKernel<'L, 'V, 'S, 'T>.SumRow(row, length, (fun value -> value)))

    /// y = Σᵢ x[i]², with the bits of the squares' sum.
    static member SumOfSquares(x: nativeint, y: nativeint, count: int) : unit =
        'S.Store(y, 0, ReduceKernel<'L, 'V, 'S, 'T>.SumRow(x, count, (fun value -> 'L.Multiply(value, value))))

    static member private MaximumRows(x: nativeint, y: nativeint, outer: int, length: int) : unit =
        let lowest = 'L.Constant Double.NegativeInfinity

        for o in 0 .. outer - 1 do
            let row = x + nativeint o * nativeint length * nativeint sizeof<'T>

            let total =
                ReduceKernel<'L, 'V, 'S, 'T>
                    .Row(
                        row,
                        length,
                        lowest,
                        (fun value -> value),
                        (fun a b -> 'L.Maximum(a, b)),
                        (fun mask value -> 'L.Select(mask, value, lowest)),
                        (fun lost _ _ _ -> lost),
                        (fun total _ -> total)
                    )

            'S.Store(y, o, 'L.Largest total)

    static member private SumShortRows(x: nativeint, y: nativeint, outer: int, length: int) : unit =
        ReduceKernel<'L, 'V, 'S, 'T>
            .ShortRows(x, y, outer, length, (fun a b -> 'L.Add(a, b)), (fun a b -> 'S.Add(a, b)))

    static member private MaximumShortRows(x: nativeint, y: nativeint, outer: int, length: int) : unit =
        ReduceKernel<'L, 'V, 'S, 'T>
            .ShortRows(x, y, outer, length, (fun a b -> 'L.Maximum(a, b)), (fun a b -> 'S.Maximum(a, b)))

    static member private SumColumns(x: nativeint, y: nativeint, length: int, inner: int) : unit =
        ReduceKernel<'L, 'V, 'S, 'T>
            .Columns(
                x,
                y,
                length,
                inner,
                (fun a b -> 'L.Add(a, b)),
                (fun lost total part sum -> ReduceKernel<'L, 'V, 'S, 'T>.Lost(lost, total, part, sum)),
                (fun total lost -> ReduceKernel<'L, 'V, 'S, 'T>.Restored(total, lost))
            )

    static member private MaximumColumns(x: nativeint, y: nativeint, length: int, inner: int) : unit =
        ReduceKernel<'L, 'V, 'S, 'T>
            .Columns(
                x,
                y,
                length,
                inner,
                (fun a b -> 'L.Maximum(a, b)),
                (fun lost _ _ _ -> lost),
                (fun total _ -> total)
            )

    /// y[o, i] = f over j of x[o, j, i]; the sum of nothing is 0 and its maximum −∞.
    static member Run
        (operation: ReduceOperation, x: nativeint, y: nativeint, outer: int, length: int, inner: int)
        : unit =
        let isSum =
            match operation with
            | ReduceOperation.Sum -> true
            | ReduceOperation.Maximum -> false
            | _ -> raise (ArgumentOutOfRangeException(nameof operation, operation, "It must be a reduction."))

        if length = 0 then
            let value = if isSum then 0.0 else Double.NegativeInfinity
            ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat value, y, outer * inner)
        elif length = 1 then
            Buffer.MemoryCopy(
                x.ToPointer(),
                y.ToPointer(),
                Int64.MaxValue,
                int64 outer * int64 inner * int64 sizeof<'T>
            )
        elif inner = 1 then
            if length <= 8 then
                if isSum then
                    ReduceKernel<'L, 'V, 'S, 'T>.SumShortRows(x, y, outer, length)
                else
                    ReduceKernel<'L, 'V, 'S, 'T>.MaximumShortRows(x, y, outer, length)
            else if isSum then
                ReduceKernel<'L, 'V, 'S, 'T>.SumRows(x, y, outer, length)
            else
                ReduceKernel<'L, 'V, 'S, 'T>.MaximumRows(x, y, outer, length)
        else
            for o in 0 .. outer - 1 do
                let slice = x + nativeint o * nativeint length * nativeint inner * nativeint sizeof<'T>
                let target = Memory.at<'T> y (o * inner)

                if isSum then
                    ReduceKernel<'L, 'V, 'S, 'T>.SumColumns(slice, target, length, inner)
                else
                    ReduceKernel<'L, 'V, 'S, 'T>.MaximumColumns(slice, target, length, inner)
