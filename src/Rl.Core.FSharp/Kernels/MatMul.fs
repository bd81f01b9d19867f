/// Matrix products: which tiles compute C, in what order, and when B is packed first.
namespace Rl.Core.Kernels

open System
open System.Runtime.CompilerServices
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// C = start + A·B, each element of which is its start plus its k products, added in order by fused multiply-adds.
/// Whatever m, the tiles, the packing and the width of vectors, the bits are the same.
[<AbstractClass; Sealed>]
type internal MatMulKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// Rows of B in a block: a panel of two vectors of columns stays in the first cache.
    static member private BlockDepth = 256

    /// B is packed where its panels would be spread over so much memory that reading them costs more than copying them.
    static member private Packs(m: int, n: int, k: int, bColumn: int) : bool =
        bColumn <> 1 || (m >= 32 && int64 n * int64 k * int64 sizeof<'T> > 1_500_000L)

    /// Whether eight rows of a transposed A are put side by side before several tiles read them: its columns lie so far
    /// apart that they share few places of the first cache.
    static member private GathersRows(n: int, k: int, aRow: int, aColumn: int) : bool =
        aRow = 1
        && aColumn * sizeof<'T> >= 2048
        && n > 2 * 'L.Count
        && k <= MatMulKernel<'L, 'V, 'S, 'T>.BlockDepth

    /// Vectors of columns that are computed together.
    static member private PanelVectors(m: int) : int = if m < 4 then 4 else 2

    /// Whether Cᵀ = Bᵀ·Aᵀ is the better product: C is thinner than a vector, and Aᵀ has contiguous rows or C is so thin
    /// that giving Aᵀ contiguous rows costs less than leaving lanes idle.
    static member private Swaps(m: int, n: int, aRow: int) : bool =
        n < 'L.Count && m > n && (aRow = 1 || (n <= 4 && m >= 'L.Count))

    /// Elements of the largest packed panel.
    static member PackedPanel: int = 4 * 'L.Count * MatMulKernel<'L, 'V, 'S, 'T>.BlockDepth

    /// Elements of scratch memory: C where it is computed elsewhere first, and a packed panel.
    static member Scratch(shape: MatMulShape) : int =
        let swaps = MatMulKernel<'L, 'V, 'S, 'T>.Swaps(shape.M, shape.N, shape.ARowStride)

        let packs =
            if swaps then
                MatMulKernel<'L, 'V, 'S, 'T>.Packs(shape.N, shape.M, shape.K, shape.ARowStride)
            else
                MatMulKernel<'L, 'V, 'S, 'T>.Packs(shape.M, shape.N, shape.K, shape.BColumnStride)

        (if swaps || shape.CColumnStride <> 1 then shape.M * shape.N else 0)
        + (if packs then MatMulKernel<'L, 'V, 'S, 'T>.PackedPanel else 0)

    /// One panel of at most PanelVectors(m) vectors of columns, all rows.
    static member private Panel
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
            startStride: int,
            c: nativeint,
            cRow: int
        ) : unit =
        let width = 'L.Count
        let many = 'L.Registers >= 32

        let gathered =
            if MatMulKernel<'L, 'V, 'S, 'T>.GathersRows(n, k, aRow, aColumn) then
                NativePtr.toNativeInt (NativePtr.stackalloc<'T>(8 * MatMulKernel<'L, 'V, 'S, 'T>.BlockDepth))
            else
                0n

        let mutable i = 0

        while i < m do
            let rows = m - i

            let rows =
                if rows >= 8 && many then 8
                elif rows >= 4 then 4
                elif rows >= 2 then 2
                else 1

            let ai = Memory.at<'T> a (i * aRow)
            let mutable j = 0
            let gathers = rows = 8 && MatMulKernel<'L, 'V, 'S, 'T>.GathersRows(n, k, aRow, aColumn)

            if gathers then
                let mutable source, target = ai, gathered

                for _ in 1..k do
                    Unsafe.CopyBlockUnaligned(target.ToPointer(), source.ToPointer(), uint32 (8 * sizeof<'T>))
                    source <- Memory.at<'T> source aColumn
                    target <- Memory.at<'T> target 8

            let ai, aColumn = (if gathers then gathered else ai), (if gathers then 8 else aColumn)

            while j < n do
                let bj = Memory.at<'T> b j
                let cij = Memory.at<'T> c (i * cRow + j)
                let sij = if start = 0n then 0n else Memory.at<'T> start (i * startStride + j)
                let columns = n - j

                if rows <= 2 && columns >= 4 * width then
                    if rows = 2 then
                        EdgeTiles<'L, 'V, 'T>.Tile2x4(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow)
                    else
                        EdgeTiles<'L, 'V, 'T>.Tile1x4(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow)

                    j <- j + 4 * width
                elif columns >= 2 * width then
                    match rows with
                    | 8 -> Tiles<'L, 'V, 'T>.Tile8x2(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow)
                    | 4 -> Tiles<'L, 'V, 'T>.Tile4x2(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow)
                    | 2 -> Tiles<'L, 'V, 'T>.Tile2x2(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow)
                    | _ -> Tiles<'L, 'V, 'T>.Tile1x2(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow)

                    j <- j + 2 * width
                else
                    let mask = 'L.Mask columns

                    match rows with
                    | 8 ->
                        EdgeTiles<'L, 'V, 'T>
                            .Tile8x1Masked(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow, mask)
                    | 4 ->
                        EdgeTiles<'L, 'V, 'T>
                            .Tile4x1Masked(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow, mask)
                    | 2 ->
                        EdgeTiles<'L, 'V, 'T>
                            .Tile2x1Masked(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow, mask)
                    | _ ->
                        EdgeTiles<'L, 'V, 'T>
                            .Tile1x1Masked(k, ai, aRow, aColumn, bj, bRow, sij, startStride, cij, cRow, mask)

                    j <- j + width

            i <- i + rows

    /// C = start + A·B with contiguous columns of C.
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
            bColumn: int,
            start: nativeint,
            startStride: int,
            c: nativeint,
            cRow: int,
            scratch: nativeint
        ) : unit =
        if k = 0 then
            for i in 0 .. m - 1 do
                let row = Memory.at<'T> c (i * cRow)

                if start = 0n then
                    ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, row, n)
                elif start <> c then
                    CopyKernel<'L, 'V, 'S, 'T>.Contiguous(Memory.at<'T> start (i * startStride), row, n)
        elif bColumn = 1 && (start = 0n || startStride = 0) && ShallowProduct<'L, 'V, 'T>.Serves(m, n, k) then
            ShallowProduct<'L, 'V, 'T>.Multiply(m, n, k, a, aRow, aColumn, b, bRow, start, c, cRow)
        else
            let packs = MatMulKernel<'L, 'V, 'S, 'T>.Packs(m, n, k, bColumn)
            let depth = MatMulKernel<'L, 'V, 'S, 'T>.BlockDepth

            let panel =
                if packs || n > 256 then
                    'L.Count * MatMulKernel<'L, 'V, 'S, 'T>.PanelVectors m
                else
                    n

            let mutable k0 = 0

            while k0 < k do
                let depth = if packs || int64 n * int64 k > 65536L then min depth (k - k0) else k - k0
                let ak = Memory.at<'T> a (k0 * aColumn)
                let start = if k0 = 0 then start else c
                let startStride = if k0 = 0 then startStride else cRow
                let mutable j = 0

                while j < n do
                    let columns = min panel (n - j)
                    let bkj = Memory.at<'T> b (k0 * bRow + j * bColumn)
                    let sj = if start = 0n then 0n else Memory.at<'T> start j
                    let cj = Memory.at<'T> c j

                    if packs then
                        CopyKernel<'L, 'V, 'S, 'T>.Plane(bkj, bRow, bColumn, scratch, columns, 1, depth, columns)

                        MatMulKernel<'L, 'V, 'S, 'T>
                            .Panel(m, columns, depth, ak, aRow, aColumn, scratch, columns, sj, startStride, cj, cRow)
                    else
                        MatMulKernel<'L, 'V, 'S, 'T>
                            .Panel(m, columns, depth, ak, aRow, aColumn, bkj, bRow, sj, startStride, cj, cRow)

                    j <- j + columns

                k0 <- k0 + depth

    /// C = A·B + bias.
    static member Run
        (shape: MatMulShape, a: nativeint, b: nativeint, c: nativeint, bias: nativeint, scratch: nativeint)
        : unit =
        let m, n, k = shape.M, shape.N, shape.K

        let swaps = MatMulKernel<'L, 'V, 'S, 'T>.Swaps(m, n, shape.ARowStride)

        if swaps && sizeof<'T> = 4 && 'L.Count = 16 && NarrowProduct512.serves m k shape.AColumnStride then
            NarrowProduct512.multiply m n k a shape.ARowStride b shape.BRowStride shape.BColumnStride bias scratch
            CopyKernel<'L, 'V, 'S, 'T>.Plane(scratch, 1, m, c, shape.CRowStride, shape.CColumnStride, m, n)
        elif swaps then
            // Row j of Cᵀ starts from bias[j].
            if bias <> 0n then
                for j in 0 .. n - 1 do
                    ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.Load(bias, j), Memory.at<'T> scratch (j * m), m)

            let start = if bias = 0n then 0n else scratch

            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(
                    n,
                    m,
                    k,
                    b,
                    shape.BColumnStride,
                    shape.BRowStride,
                    a,
                    shape.AColumnStride,
                    shape.ARowStride,
                    start,
                    m,
                    scratch,
                    m,
                    Memory.at<'T> scratch (m * n)
                )

            CopyKernel<'L, 'V, 'S, 'T>.Plane(scratch, 1, m, c, shape.CRowStride, shape.CColumnStride, m, n)
        elif shape.CColumnStride <> 1 then
            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(
                    m,
                    n,
                    k,
                    a,
                    shape.ARowStride,
                    shape.AColumnStride,
                    b,
                    shape.BRowStride,
                    shape.BColumnStride,
                    bias,
                    0,
                    scratch,
                    n,
                    Memory.at<'T> scratch (m * n)
                )

            CopyKernel<'L, 'V, 'S, 'T>.Plane(scratch, n, 1, c, shape.CRowStride, shape.CColumnStride, m, n)
        else
            MatMulKernel<'L, 'V, 'S, 'T>
                .Multiply(
                    m,
                    n,
                    k,
                    a,
                    shape.ARowStride,
                    shape.AColumnStride,
                    b,
                    shape.BRowStride,
                    shape.BColumnStride,
                    bias,
                    0,
                    c,
                    shape.CRowStride,
                    scratch
                )
