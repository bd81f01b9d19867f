/// y[i] = f(a[i], b[i], c[i], d[i]) over contiguous memory, any argument of which may be a scalar.
namespace Rl.Core.Kernels

open System
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Functions of four arguments: averages that move on, and derivatives of squares, in one pass over memory.
[<AbstractClass; Sealed>]
type internal QuaternaryKernel<'L, 'V, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T>> =

    static member inline private Map
        (
            a: nativeint,
            aScalar: bool,
            b: nativeint,
            bScalar: bool,
            c: nativeint,
            cScalar: bool,
            d: nativeint,
            dScalar: bool,
            y: nativeint,
            count: int,
            [<InlineIfLambda>] f: 'V -> 'V -> 'V -> 'V -> 'V
        ) =
        if count > 0 then
            let width = 'L.Count
            let step = nativeint width * nativeint sizeof<'T>
            let places = Spread.align (NativePtr.toNativeInt (NativePtr.stackalloc<byte> 320))
            let mutable a' = Spread.operand<'L, 'V, 'T> a aScalar places
            let mutable b' = Spread.operand<'L, 'V, 'T> b bScalar (places + 64n)
            let mutable c' = Spread.operand<'L, 'V, 'T> c cScalar (places + 128n)
            let mutable d' = Spread.operand<'L, 'V, 'T> d dScalar (places + 192n)
            let aStep, bStep = (if aScalar then 0n else step), (if bScalar then 0n else step)
            let cStep, dStep = (if cScalar then 0n else step), (if dScalar then 0n else step)
            let mutable i = 0

            while i <= count - width do
                'L.Store(y, i, f ('L.Load(a', 0)) ('L.Load(b', 0)) ('L.Load(c', 0)) ('L.Load(d', 0)))
                a' <- a' + aStep
                b' <- b' + bStep
                c' <- c' + cStep
                d' <- d' + dStep
                i <- i + width

            if i < count then
                let mask = 'L.Mask(count - i)
                let u, v = 'L.LoadMasked(a', 0, mask), 'L.LoadMasked(b', 0, mask)
                let w, x = 'L.LoadMasked(c', 0, mask), 'L.LoadMasked(d', 0, mask)
                'L.StoreMasked(y, i, f u v w x, mask)

    static member SumOfProducts(a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count) : unit =
        QuaternaryKernel<'L, 'V, 'T>
            .Map(
                a,
                aScalar,
                b,
                bScalar,
                c,
                cScalar,
                d,
                dScalar,
                y,
                count,
                fun u v w x -> 'L.Fma(u, v, 'L.Multiply(w, x))
            )

    static member SumWithSquare(a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count) : unit =
        QuaternaryKernel<'L, 'V, 'T>
            .Map(
                a,
                aScalar,
                b,
                bScalar,
                c,
                cScalar,
                d,
                dScalar,
                y,
                count,
                fun u v w x -> 'L.Fma(u, v, 'L.Multiply(w, 'L.Multiply(x, x)))
            )

    static member ScaledDifference(a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count) : unit =
        QuaternaryKernel<'L, 'V, 'T>
            .Map(
                a,
                aScalar,
                b,
                bScalar,
                c,
                cScalar,
                d,
                dScalar,
                y,
                count,
                fun u v w x -> 'L.Multiply('L.NegativeFma(u, v, w), x)
            )

    /// y[i] = f(a[i], b[i], c[i], d[i]).
    static member Run(operation: QuaternaryOperation, a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count) : unit =
        match operation with
        | QuaternaryOperation.SumOfProducts ->
            QuaternaryKernel<'L, 'V, 'T>.SumOfProducts(a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count)
        | QuaternaryOperation.SumWithSquare ->
            QuaternaryKernel<'L, 'V, 'T>.SumWithSquare(a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count)
        | QuaternaryOperation.ScaledDifference ->
            QuaternaryKernel<'L, 'V, 'T>.ScaledDifference(a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count)
        | _ -> raise (ArgumentOutOfRangeException(nameof operation, operation, "It must be a quaternary operation."))
