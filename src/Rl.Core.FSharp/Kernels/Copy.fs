/// Copies between strided layouts: contiguous runs, broadcasts, and transposes by blocks.
namespace Rl.Core.Kernels

open System
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Moves of elements of the size of 'T; no arithmetic, so every bit pattern survives.
[<AbstractClass; Sealed>]
type internal CopyKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// y[i] = x[i] for contiguous memory.
    static member Contiguous(x: nativeint, y: nativeint, count: int) : unit =
        let width = 'L.Count

        if count > 64 * width then
            let bytes = int64 count * int64 sizeof<'T>
            Buffer.MemoryCopy(x.ToPointer(), y.ToPointer(), bytes, bytes)
        else
            let mutable i = 0

            while i <= count - width do
                'L.Store(y, i, 'L.Load(x, i))
                i <- i + width

            while i < count do
                'S.Store(y, i, 'S.Load(x, i))
                i <- i + 1

    /// y[r·yStride + c] = x[c·xStride + r] for r < 4 and c < 8 of float32: vectors are put together of halves as they
    /// are loaded, and elements then change places within halves only.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Block4x8(x: nativeint, xStride: int, y: nativeint, yStride: int) : unit =
        let inline half row = Memory.read<Vector128<float32>>(Memory.at<float32> x (row * xStride))
        let inline load row = Vector256.Create(half row, half (row + 4))
        let inline store row value = Memory.write<Vector256<float32>> (Memory.at<float32> y (row * yStride)) value
        let r0, r1, r2, r3 = load 0, load 1, load 2, load 3
        let a0, a1 = Avx.UnpackLow(r0, r1), Avx.UnpackHigh(r0, r1)
        let a2, a3 = Avx.UnpackLow(r2, r3), Avx.UnpackHigh(r2, r3)
        store 0 (Avx.Shuffle(a0, a2, 0x44uy))
        store 1 (Avx.Shuffle(a0, a2, 0xEEuy))
        store 2 (Avx.Shuffle(a1, a3, 0x44uy))
        store 3 (Avx.Shuffle(a1, a3, 0xEEuy))

    /// The same for r < 4 and c < 16.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Block4x16(x: nativeint, xStride: int, y: nativeint, yStride: int) : unit =
        let inline quarter row = Memory.read<Vector128<float32>>(Memory.at<float32> x (row * xStride))
        let inline half row = Vector256.Create(quarter row, quarter (row + 4))
        let inline load row = Vector512.Create(half row, half (row + 8))
        let inline store row value = Memory.write<Vector512<float32>> (Memory.at<float32> y (row * yStride)) value
        let r0, r1, r2, r3 = load 0, load 1, load 2, load 3
        let a0, a1 = Avx512F.UnpackLow(r0, r1), Avx512F.UnpackHigh(r0, r1)
        let a2, a3 = Avx512F.UnpackLow(r2, r3), Avx512F.UnpackHigh(r2, r3)
        store 0 (Avx512F.Shuffle(a0, a2, 0x44uy))
        store 1 (Avx512F.Shuffle(a0, a2, 0xEEuy))
        store 2 (Avx512F.Shuffle(a1, a3, 0x44uy))
        store 3 (Avx512F.Shuffle(a1, a3, 0xEEuy))

    static member inline private ByElements
        (x: nativeint, xStride: int, y: nativeint, yStride: int, fromRow: int, rows: int, fromColumn: int, columns: int)
        =
        for r in fromRow .. rows - 1 do
            for c in fromColumn .. columns - 1 do
                'S.Store(y, r * yStride + c, 'S.Load(x, c * xStride + r))

    /// y[r·yStride + c] = x[c·xStride + r] for r < rows and c < columns.
    static member Transpose(x: nativeint, xStride: int, y: nativeint, yStride: int, rows: int, columns: int) : unit =
        if sizeof<'T> = 4 && Avx.IsSupported && 'L.Count > 1 && rows >= 8 && columns >= 8 then
            let wholeRows, wholeColumns = rows &&& ~~~7, columns &&& ~~~7
            let mutable r = 0

            while r < wholeRows do
                let mutable c = 0

                if 'L.Count = 16 && Avx512F.IsSupported then
                    while c <= wholeColumns - 16 do
                        let source = Memory.at<'T> x (c * xStride + r)
                        let target = Memory.at<'T> y (r * yStride + c)
                        CopyKernel<'L, 'V, 'S, 'T>.Block4x16(source, xStride, target, yStride)
                        let source, target = Memory.at<'T> source 4, Memory.at<'T> target (4 * yStride)
                        CopyKernel<'L, 'V, 'S, 'T>.Block4x16(source, xStride, target, yStride)
                        c <- c + 16

                while c < wholeColumns do
                    let source = Memory.at<'T> x (c * xStride + r)
                    let target = Memory.at<'T> y (r * yStride + c)
                    CopyKernel<'L, 'V, 'S, 'T>.Block4x8(source, xStride, target, yStride)
                    let source, target = Memory.at<'T> source 4, Memory.at<'T> target (4 * yStride)
                    CopyKernel<'L, 'V, 'S, 'T>.Block4x8(source, xStride, target, yStride)
                    c <- c + 8

                r <- r + 8

            CopyKernel<'L, 'V, 'S, 'T>.ByElements(x, xStride, y, yStride, 0, wholeRows, wholeColumns, columns)
            CopyKernel<'L, 'V, 'S, 'T>.ByElements(x, xStride, y, yStride, wholeRows, rows, 0, columns)
        else
            // Blocks of 16 x 16 keep both sides in the first cache.
            let mutable r = 0

            while r < rows do
                let mutable c = 0

                while c < columns do
                    let lastRow, lastColumn = min rows (r + 16), min columns (c + 16)
                    CopyKernel<'L, 'V, 'S, 'T>.ByElements(x, xStride, y, yStride, r, lastRow, c, lastColumn)
                    c <- c + 16

                r <- r + 16

    /// y[i·yStride] = x[i·xStride].
    static member Line(x: nativeint, xStride: int, y: nativeint, yStride: int, count: int) : unit =
        if xStride = 1 && yStride = 1 then
            CopyKernel<'L, 'V, 'S, 'T>.Contiguous(x, y, count)
        elif xStride = 0 && yStride = 1 then
            ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.Load(x, 0), y, count)
        else
            let mutable source = x
            let mutable target = y

            for _ in 1..count do
                'S.Store(target, 0, 'S.Load(source, 0))
                source <- source + nativeint xStride * nativeint sizeof<'T>
                target <- target + nativeint yStride * nativeint sizeof<'T>

    /// y[r·yRow + c·yColumn] = x[r·xRow + c·xColumn] for r < rows and c < columns.
    static member Plane
        (x: nativeint, xRow: int, xColumn: int, y: nativeint, yRow: int, yColumn: int, rows: int, columns: int)
        : unit =
        if xColumn = 1 && yColumn = 1 && xRow = columns && yRow = columns then
            CopyKernel<'L, 'V, 'S, 'T>.Contiguous(x, y, rows * columns)
        elif xRow = 1 && yColumn = 1 && xColumn > 1 then
            CopyKernel<'L, 'V, 'S, 'T>.Transpose(x, xColumn, y, yRow, rows, columns)
        elif xColumn = 1 && yRow = 1 && yColumn > 1 then
            CopyKernel<'L, 'V, 'S, 'T>.Transpose(x, xRow, y, yColumn, columns, rows)
        elif columns < rows && columns < 8 then
            for c in 0 .. columns - 1 do
                CopyKernel<'L, 'V, 'S, 'T>
                    .Line(Memory.at<'T> x (c * xColumn), xRow, Memory.at<'T> y (c * yColumn), yRow, rows)
        else
            for r in 0 .. rows - 1 do
                CopyKernel<'L, 'V, 'S, 'T>
                    .Line(Memory.at<'T> x (r * xRow), xColumn, Memory.at<'T> y (r * yRow), yColumn, columns)

    /// Copies a box of any rank up to 8: axes of one are dropped, axes that continue each other are merged, the last
    /// two are a plane, and the others are counted through.
    static member Strided(x: nativeint, xStrides: int[], y: nativeint, yStrides: int[], shape: int[]) : unit =
        let most = max 1 shape.Length
        let sizes = NativePtr.stackalloc<int> most
        let from = NativePtr.stackalloc<int> most
        let into = NativePtr.stackalloc<int> most
        let mutable rank = 0
        let mutable empty = false

        for axis in 0 .. shape.Length - 1 do
            let size = shape[axis]

            if size = 0 then empty <- true

            if size <> 1 then
                let merges =
                    rank > 0
                    && NativePtr.get from (rank - 1) = xStrides[axis] * size
                    && NativePtr.get into (rank - 1) = yStrides[axis] * size

                if merges then
                    NativePtr.set sizes (rank - 1) (NativePtr.get sizes (rank - 1) * size)
                else
                    NativePtr.set sizes rank size
                    rank <- rank + 1

                NativePtr.set from (rank - 1) xStrides[axis]
                NativePtr.set into (rank - 1) yStrides[axis]

        if empty then
            ()
        elif rank = 0 then
            'S.Store(y, 0, 'S.Load(x, 0))
        elif rank = 1 then
            CopyKernel<'L, 'V, 'S, 'T>.Line(x, NativePtr.get from 0, y, NativePtr.get into 0, NativePtr.get sizes 0)
        else
            let position = NativePtr.stackalloc<int> most

            for axis in 0 .. most - 1 do
                NativePtr.set position axis 0

            let rows, columns = NativePtr.get sizes (rank - 2), NativePtr.get sizes (rank - 1)
            let xRow, xColumn = NativePtr.get from (rank - 2), NativePtr.get from (rank - 1)
            let yRow, yColumn = NativePtr.get into (rank - 2), NativePtr.get into (rank - 1)
            let mutable source = x
            let mutable target = y
            let mutable running = true

            while running do
                CopyKernel<'L, 'V, 'S, 'T>.Plane(source, xRow, xColumn, target, yRow, yColumn, rows, columns)
                let mutable axis = rank - 3
                let mutable carry = true

                while carry && axis >= 0 do
                    let next = NativePtr.get position axis + 1

                    if next < NativePtr.get sizes axis then
                        NativePtr.set position axis next
                        source <- Memory.at<'T> source (NativePtr.get from axis)
                        target <- Memory.at<'T> target (NativePtr.get into axis)
                        carry <- false
                    else
                        NativePtr.set position axis 0
                        source <- Memory.at<'T> source (-(next - 1) * NativePtr.get from axis)
                        target <- Memory.at<'T> target (-(next - 1) * NativePtr.get into axis)
                        axis <- axis - 1

                running <- not carry
