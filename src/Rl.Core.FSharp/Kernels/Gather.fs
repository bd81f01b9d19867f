/// Reads and additions at computed places along an axis, and the place of the largest element.
namespace Rl.Core.Kernels

open System

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Element by element: what these cost is the memory they touch.
[<AbstractClass; Sealed>]
type internal GatherKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// y[o, j, i] = x[o, index[o, j, i], i]; NaN where the index is not in 0 … length − 1.
    static member Gather
        (x: nativeint, index: nativeint, y: nativeint, outer: int, length: int, count: int, inner: int)
        : unit =
        let mutable at = 0

        for o in 0 .. outer - 1 do
            let slice = Memory.at<'T> x (o * length * inner)

            for _ in 1..count do
                for i in 0 .. inner - 1 do
                    let place = 'S.ToFloat('S.Load(index, at))

                    if place >= 0.0 && place < float length then
                        'S.Store(y, at, 'S.Load(slice, int place * inner + i))
                    else
                        'S.Store(y, at, 'S.OfFloat Double.NaN)

                    at <- at + 1

    /// y = 0, then y[o, index[o, j, i], i] += x[o, j, i]; an index outside 0 … length − 1 is left out.
    static member ScatterAdd
        (x: nativeint, index: nativeint, y: nativeint, outer: int, length: int, count: int, inner: int)
        : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Fill('S.OfFloat 0.0, y, outer * length * inner)
        let mutable at = 0

        for o in 0 .. outer - 1 do
            let slice = Memory.at<'T> y (o * length * inner)

            for _ in 1..count do
                for i in 0 .. inner - 1 do
                    let place = 'S.ToFloat('S.Load(index, at))

                    if place >= 0.0 && place < float length then
                        let target = int place * inner + i
                        'S.Store(slice, target, 'S.Add('S.Load(slice, target), 'S.Load(x, at)))

                    at <- at + 1

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
