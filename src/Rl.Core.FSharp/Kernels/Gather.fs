/// Reads and additions at computed places along an axis, and the place of the largest element.
namespace Rl.Core.Kernels

open System
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Element by element; of the common case of one column, eight at a time where the processor can.
[<AbstractClass; Sealed>]
type internal GatherKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// The whole part of the index at `at`; −1 where it is not in 0 … length − 1.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Place(index: nativeint, at: int, length: float) : int =
        let place = 'S.ToFloat('S.Load(index, at))

        if place >= 0.0 && place < length then
            Double.ConvertToIntegerNative<int> place
        else
            -1

    /// Eight elements of eight rows of `length` elements, float32: NaN where the index is not in 0 … length − 1.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Gather8(x: nativeint, index: nativeint, length: int) : Vector256<float32> =
        let index = Memory.read<Vector256<float32>> index

        let isInside =
            Vector256.BitwiseAnd(
                Vector256.GreaterThanOrEqual(index, Vector256<float32>.Zero),
                Vector256.LessThan(index, Vector256.Create(float32 length))
            )

        // An index outside may have no integer: it is 0 meanwhile.
        let place = Vector256.ConvertToInt32Native(Vector256.BitwiseAnd(index, isInside))
        let first = Vector256.Multiply(Vector256<int>.Indices, Vector256.Create length)
        let values = Avx2.GatherVector256(NativePtr.ofNativeInt<float32> x, Vector256.Add(first, place), 4uy)
        Vector256.ConditionalSelect(isInside, values, Vector256.Create Single.NaN)

    /// y[o, j, i] = x[o, index[o, j, i], i]; NaN where the index is not in 0 … length − 1.
    static member Gather
        (x: nativeint, index: nativeint, y: nativeint, outer: int, length: int, count: int, inner: int)
        : unit =
        let limit = float length
        let mutable at = 0
        let mutable slice = x
        let step = nativeint (length * inner) * nativeint sizeof<'T>

        if count = 1 && inner = 1 then
            let mutable first = 0

            if sizeof<'T> = 4 && 'L.Count >= 8 && Avx2.IsSupported then
                while first <= outer - 8 do
                    let place = Memory.at<'T> index first
                    let values = GatherKernel<'L, 'V, 'S, 'T>.Gather8(slice, place, length)
                    Memory.write<Vector256<float32>> (Memory.at<'T> y first) values
                    slice <- slice + 8n * step
                    first <- first + 8

            for o in first .. outer - 1 do
                let place = GatherKernel<'L, 'V, 'S, 'T>.Place(index, o, limit)
                'S.Store(y, o, (if place >= 0 then 'S.Load(slice, place) else 'S.OfFloat Double.NaN))
                slice <- slice + step
        else
            for _ in 1..outer do
                for _ in 1..count do
                    for i in 0 .. inner - 1 do
                        let place = GatherKernel<'L, 'V, 'S, 'T>.Place(index, at, limit)

                        let value = if place >= 0 then 'S.Load(slice, place * inner + i) else 'S.OfFloat Double.NaN

                        'S.Store(y, at, value)
                        at <- at + 1

                slice <- slice + step

    /// y = 0, then y[o, index[o, j, i], i] += x[o, j, i]; an index outside 0 … length − 1 is left out.
    static member ScatterAdd
        (x: nativeint, index: nativeint, y: nativeint, outer: int, length: int, count: int, inner: int)
        : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, y, outer * length * inner)
        let limit = float length
        let mutable at = 0
        let mutable slice = y
        let step = nativeint (length * inner) * nativeint sizeof<'T>

        if count = 1 && inner = 1 then
            for o in 0 .. outer - 1 do
                let place = GatherKernel<'L, 'V, 'S, 'T>.Place(index, o, limit)
                // 0 + x, which makes a zero of −0 as every sum does.
                if place >= 0 then 'S.Store(slice, place, 'S.Add('S.OfFloat 0.0, 'S.Load(x, o)))
                slice <- slice + step
        else
            for _ in 1..outer do
                for _ in 1..count do
                    for i in 0 .. inner - 1 do
                        let place = GatherKernel<'L, 'V, 'S, 'T>.Place(index, at, limit)

                        if place >= 0 then
                            let target = place * inner + i
                            'S.Store(slice, target, 'S.Add('S.Load(slice, target), 'S.Load(x, at)))

                        at <- at + 1

                slice <- slice + step

    /// The first j at which x[o, j, i] is largest; a NaN is larger than any number.
    static member ArgMax(x: nativeint, y: nativeint, outer: int, length: int, inner: int) : unit =
        for o in 0 .. outer - 1 do
            for i in 0 .. inner - 1 do
                let column = Memory.at<'T> x (o * length * inner + i)
                let mutable best = 0
                let mutable largest = 'S.ToFloat('S.Load(column, 0))

                for j in 1 .. length - 1 do
                    let value = 'S.ToFloat('S.Load(column, j * inner))

                    if value > largest || (Double.IsNaN value && not (Double.IsNaN largest)) then
                        best <- j
                        largest <- value

                'S.Store(y, o * inner + i, 'S.OfFloat(float best))
