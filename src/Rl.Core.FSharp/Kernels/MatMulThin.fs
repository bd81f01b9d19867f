/// Matrix products of which one side is so thin that tiles would be idle: few products to add, or few columns.
namespace Rl.Core.Kernels

open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// C = start + A·B with at most four products for each element, in the order of `Tiles`.
[<AbstractClass; Sealed>]
type internal ShallowProduct<'L, 'V, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T>> =

    /// Whether all of C is done by pairs of vectors, and B in registers saves enough loads.
    static member Serves(m: int, n: int, k: int) : bool = k <= 4 && m >= 8 && n % (2 * 'L.Count) = 0

    /// All rows of two vectors of columns; `start` is a row that is added to each (0n: zeros).
    static member private Columns
        (
            m: int,
            k: int,
            a: nativeint,
            aRow: int,
            aColumn: int,
            b: nativeint,
            bRow: int,
            start: nativeint,
            c: nativeint,
            cRow: int
        ) : unit =
        let width = 'L.Count
        let zero = Unchecked.defaultof<'V>
        let s0 = if start = 0n then zero else 'L.Load(start, 0)
        let s1 = if start = 0n then zero else 'L.Load(start, width)
        let b00, b01 = 'L.Load(b, 0), 'L.Load(b, width)
        let b10 = if k > 1 then 'L.Load(b, bRow) else zero
        let b11 = if k > 1 then 'L.Load(b, bRow + width) else zero
        let b20 = if k > 2 then 'L.Load(b, 2 * bRow) else zero
        let b21 = if k > 2 then 'L.Load(b, 2 * bRow + width) else zero
        let b30 = if k > 3 then 'L.Load(b, 3 * bRow) else zero
        let b31 = if k > 3 then 'L.Load(b, 3 * bRow + width) else zero
        let mutable a = a
        let mutable c = c
        let aStep = nativeint aRow * nativeint sizeof<'T>
        let cStep = nativeint cRow * nativeint sizeof<'T>

        for _ in 1..m do
            let x = 'L.Read(a, 0)
            let mutable c0 = 'L.Fma(x, b00, s0)
            let mutable c1 = 'L.Fma(x, b01, s1)

            if k > 1 then
                let x = 'L.Read(a, aColumn)
                c0 <- 'L.Fma(x, b10, c0)
                c1 <- 'L.Fma(x, b11, c1)

                if k > 2 then
                    let x = 'L.Read(a, 2 * aColumn)
                    c0 <- 'L.Fma(x, b20, c0)
                    c1 <- 'L.Fma(x, b21, c1)

                    if k > 3 then
                        let x = 'L.Read(a, 3 * aColumn)
                        c0 <- 'L.Fma(x, b30, c0)
                        c1 <- 'L.Fma(x, b31, c1)

            'L.Store(c, 0, c0)
            'L.Store(c, width, c1)
            a <- a + aStep
            c <- c + cStep

    /// C = start + A·B with contiguous columns of B and C.
    static member Multiply
        (
            m: int,
            n: int,
            k: int,
            a: nativeint,
            aRow: int,
            aColumn: int,
            b: nativeint,
            bRow: int,
            start: nativeint,
            c: nativeint,
            cRow: int
        ) : unit =
        let mutable j = 0

        while j < n do
            let sj = if start = 0n then 0n else Memory.at<'T> start j
            let bj, cj = Memory.at<'T> b j, Memory.at<'T> c j
            ShallowProduct<'L, 'V, 'T>.Columns(m, k, a, aRow, aColumn, bj, bRow, sj, cj, cRow)
            j <- j + 2 * 'L.Count

/// Cᵀ of few columns in float32 vectors of 512 bits: rows of A are turned into lanes in registers, four of their
/// elements at a time.
[<RequireQualifiedAccess>]
module internal NarrowProduct512 =

    let private width = 16

    /// Whether there are rows for a tile and products come out even; elements of a row of A must be contiguous.
    let serves (m: int) (k: int) (aColumn: int) : bool = Avx512F.IsSupported && aColumn = 1 && m >= width && k % 4 = 0

    let inline private quarter (a: nativeint) (row: int) : Vector128<float32> =
        Memory.read<Vector128<float32>>(Memory.at<float32> a row)

    let inline private half a aRow row = Vector256.Create(quarter a (row * aRow), quarter a ((row + 4) * aRow))

    /// Four elements of the rows `row`, `row` + 4, + 8 and + 12.
    let inline private load a aRow row = Vector512.Create(half a aRow row, half a aRow (row + 8))

    let inline private spread (b: nativeint) (index: int) : Vector512<float32> =
        Vector512.Create(Memory.read<float32>(Memory.at<float32> b index))

    /// y0[i] and y1[i] = their start + Σₖ a[i, k] · b[k, 0 or 1] for 16 rows, added in order.
    let inline private tile
        (k: int)
        (a: nativeint)
        (aRow: int)
        (b: nativeint)
        (bRow: int)
        (second: int)
        (start0: Vector512<float32>)
        (start1: Vector512<float32>)
        (y0: nativeint)
        (y1: nativeint)
        =
        let mutable c0, c1 = start0, start1
        let mutable a, b = a, b
        let step = nativeint (4 * bRow * sizeof<float32>)

        for _ in 1 .. k / 4 do
            let r0, r1, r2, r3 = load a aRow 0, load a aRow 1, load a aRow 2, load a aRow 3
            let p0, p1 = Avx512F.UnpackLow(r0, r1), Avx512F.UnpackHigh(r0, r1)
            let p2, p3 = Avx512F.UnpackLow(r2, r3), Avx512F.UnpackHigh(r2, r3)
            let x = Avx512F.Shuffle(p0, p2, 0x44uy)
            c0 <- Vector512.FusedMultiplyAdd(spread b 0, x, c0)
            c1 <- Vector512.FusedMultiplyAdd(spread b second, x, c1)
            let x = Avx512F.Shuffle(p0, p2, 0xEEuy)
            c0 <- Vector512.FusedMultiplyAdd(spread b bRow, x, c0)
            c1 <- Vector512.FusedMultiplyAdd(spread b (bRow + second), x, c1)
            let x = Avx512F.Shuffle(p1, p3, 0x44uy)
            c0 <- Vector512.FusedMultiplyAdd(spread b (2 * bRow), x, c0)
            c1 <- Vector512.FusedMultiplyAdd(spread b (2 * bRow + second), x, c1)
            let x = Avx512F.Shuffle(p1, p3, 0xEEuy)
            c0 <- Vector512.FusedMultiplyAdd(spread b (3 * bRow), x, c0)
            c1 <- Vector512.FusedMultiplyAdd(spread b (3 * bRow + second), x, c1)
            a <- a + 16n
            b <- b + step

        Memory.write<Vector512<float32>> y0 c0
        Memory.write<Vector512<float32>> y1 c1

    /// y[j·m + i] = bias[j] (0n: 0) + Σₖ a[i, k] · b[k, j], two columns at a time, 16 rows at a time. The
    /// last column of an odd number is computed twice, and so are the last rows that do not come out even.
    let multiply
        (m: int)
        (n: int)
        (k: int)
        (a: nativeint)
        (aRow: int)
        (b: nativeint)
        (bRow: int)
        (bColumn: int)
        (bias: nativeint)
        (y: nativeint)
        : unit =
        let mutable j = 0

        while j < n do
            let next = min (n - 1) (j + 1)
            let start j = if bias = 0n then Vector512<float32>.Zero else spread bias j
            let start0, start1 = start j, start next
            let bj = Memory.at<float32> b (j * bColumn)
            let mutable i = 0

            while i < m do
                let row = min i (m - width)
                let ai = Memory.at<float32> a (row * aRow)
                let y0, y1 = Memory.at<float32> y (j * m + row), Memory.at<float32> y (next * m + row)
                tile k ai aRow bj bRow ((next - j) * bColumn) start0 start1 y0 y1
                i <- i + width

            j <- j + 2
