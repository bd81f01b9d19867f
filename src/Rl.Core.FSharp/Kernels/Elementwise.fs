/// y[i] = f(a[i], b[i]) and y[i] = f(a[i], b[i], c[i]) over contiguous memory, any argument of which may be a scalar.
namespace Rl.Core.Kernels

open System
open Microsoft.FSharp.NativeInterop

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Numbers among the operands of a loop, written out as vectors: the loop then loads every operand alike and has no
/// branches.
[<RequireQualifiedAccess>]
module internal Spread =

    /// The next multiple of 64, a cache line.
    let inline align (address: nativeint) : nativeint = (address + 63n) &&& ~~~63n

    /// Where an operand's first vector is: its own address, or that of `place`, filled with the number.
    let inline operand<'L, 'V, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T>>
        (address: nativeint)
        (isScalar: bool)
        (place: nativeint)
        : nativeint =
        if isScalar then
            'L.Store(place, 0, 'L.Read(address, 0))
            place
        else
            address

/// Functions of two and three arguments.
[<AbstractClass; Sealed>]
type internal ElementwiseKernel<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    /// y[i] = value.
    static member Fill(value: 'T, y: nativeint, count: int) : unit =
        let width = 'L.Count
        let v = 'L.Broadcast value
        let mutable i = 0

        while i <= count - width do
            'L.Store(y, i, v)
            i <- i + width

        if i < count then 'L.StoreMasked(y, i, v, 'L.Mask(count - i))

    static member inline private Map2
        (
            a: nativeint,
            aScalar: bool,
            b: nativeint,
            bScalar: bool,
            y: nativeint,
            count: int,
            [<InlineIfLambda>] f: 'V -> 'V -> 'V
        ) =
        let width = 'L.Count
        let mutable i = 0

        if aScalar then
            let u = 'L.Read(a, 0)

            while i <= count - width do
                'L.Store(y, i, f u (if bScalar then 'L.Read(b, 0) else 'L.Load(b, i)))
                i <- i + width
        elif bScalar then
            let v = 'L.Read(b, 0)

            while i <= count - width do
                'L.Store(y, i, f ('L.Load(a, i)) v)
                i <- i + width
        else
            while i <= count - 2 * width do
                'L.Store(y, i, f ('L.Load(a, i)) ('L.Load(b, i)))
                'L.Store(y, i + width, f ('L.Load(a, i + width)) ('L.Load(b, i + width)))
                i <- i + 2 * width

            if i <= count - width then
                'L.Store(y, i, f ('L.Load(a, i)) ('L.Load(b, i)))
                i <- i + width

        if i < count then
            let mask = 'L.Mask(count - i)
            let u = if aScalar then 'L.Read(a, 0) else 'L.LoadMasked(a, i, mask)
            let v = if bScalar then 'L.Read(b, 0) else 'L.LoadMasked(b, i, mask)
            'L.StoreMasked(y, i, f u v, mask)

    static member Add(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.Add(u, v))

    static member Subtract(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.Subtract(u, v))

    static member Multiply(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.Multiply(u, v))

    static member Divide(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.Divide(u, v))

    static member Minimum(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.Minimum(u, v))

    static member Maximum(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.Maximum(u, v))

    static member Less(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>
            .Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.And('L.Less(u, v), 'L.Constant 1.0))

    static member LessOrEqual(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>
            .Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.And('L.LessOrEqual(u, v), 'L.Constant 1.0))

    static member Equal(a, aScalar, b, bScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>
            .Map2(a, aScalar, b, bScalar, y, count, fun u v -> 'L.And('L.Equal(u, v), 'L.Constant 1.0))

    /// Powers are taken by `System.Math` one element at a time, but for squares.
    static member Power(a, aScalar, b, bScalar, y, count) : unit =
        if bScalar && 'S.ToFloat('S.Load(b, 0)) = 2.0 then
            ElementwiseKernel<'L, 'V, 'S, 'T>.Multiply(a, aScalar, a, aScalar, y, count)
        else
            for i in 0 .. count - 1 do
                let u = 'S.ToFloat('S.Load(a, (if aScalar then 0 else i)))
                let v = 'S.ToFloat('S.Load(b, (if bScalar then 0 else i)))
                'S.Store(y, i, 'S.OfFloat(Math.Pow(u, v)))

    static member inline private Map3
        (
            a: nativeint,
            aScalar: bool,
            b: nativeint,
            bScalar: bool,
            c: nativeint,
            cScalar: bool,
            y: nativeint,
            count: int,
            [<InlineIfLambda>] f: 'V -> 'V -> 'V -> 'V
        ) =
        if count > 0 then
            let width = 'L.Count
            let step = nativeint width * nativeint sizeof<'T>
            let places = Spread.align (NativePtr.toNativeInt (NativePtr.stackalloc<byte> 256))
            let mutable a' = Spread.operand<'L, 'V, 'T> a aScalar places
            let mutable b' = Spread.operand<'L, 'V, 'T> b bScalar (places + 64n)
            let mutable c' = Spread.operand<'L, 'V, 'T> c cScalar (places + 128n)
            let aStep, bStep = (if aScalar then 0n else step), (if bScalar then 0n else step)
            let cStep = if cScalar then 0n else step
            let mutable i = 0

            while i <= count - width do
                'L.Store(y, i, f ('L.Load(a', 0)) ('L.Load(b', 0)) ('L.Load(c', 0)))
                a' <- a' + aStep
                b' <- b' + bStep
                c' <- c' + cStep
                i <- i + width

            if i < count then
                let mask = 'L.Mask(count - i)
                let u, v, w = 'L.LoadMasked(a', 0, mask), 'L.LoadMasked(b', 0, mask), 'L.LoadMasked(c', 0, mask)
                'L.StoreMasked(y, i, f u v w, mask)

    static member Select(a, aScalar, b, bScalar, c, cScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>
            .Map3(
                a,
                aScalar,
                b,
                bScalar,
                c,
                cScalar,
                y,
                count,
                fun u v w -> 'L.Select('L.Equal(u, 'L.Constant 0.0), w, v)
            )

    static member MultiplyAdd(a, aScalar, b, bScalar, c, cScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>
            .Map3(a, aScalar, b, bScalar, c, cScalar, y, count, fun u v w -> 'L.Fma(u, v, w))

    static member NegativeMultiplyAdd(a, aScalar, b, bScalar, c, cScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>
            .Map3(a, aScalar, b, bScalar, c, cScalar, y, count, fun u v w -> 'L.NegativeFma(u, v, w))

    static member DivideByRoot(a, aScalar, b, bScalar, c, cScalar, y, count) : unit =
        ElementwiseKernel<'L, 'V, 'S, 'T>
            .Map3(a, aScalar, b, bScalar, c, cScalar, y, count, fun u v w -> 'L.Divide(u, 'L.Add('L.Sqrt v, w)))

    /// y[i] = f(a[i], b[i]).
    static member Run2(operation: BinaryOperation, a, aScalar, b, bScalar, y, count) : unit =
        match operation with
        | BinaryOperation.Add -> ElementwiseKernel<'L, 'V, 'S, 'T>.Add(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Subtract -> ElementwiseKernel<'L, 'V, 'S, 'T>.Subtract(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Multiply -> ElementwiseKernel<'L, 'V, 'S, 'T>.Multiply(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Divide -> ElementwiseKernel<'L, 'V, 'S, 'T>.Divide(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Power -> ElementwiseKernel<'L, 'V, 'S, 'T>.Power(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Minimum -> ElementwiseKernel<'L, 'V, 'S, 'T>.Minimum(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Maximum -> ElementwiseKernel<'L, 'V, 'S, 'T>.Maximum(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Less -> ElementwiseKernel<'L, 'V, 'S, 'T>.Less(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.LessOrEqual -> ElementwiseKernel<'L, 'V, 'S, 'T>.LessOrEqual(a, aScalar, b, bScalar, y, count)
        | BinaryOperation.Equal -> ElementwiseKernel<'L, 'V, 'S, 'T>.Equal(a, aScalar, b, bScalar, y, count)
        | _ -> raise (ArgumentOutOfRangeException(nameof operation, operation, "It must be a binary operation."))

    /// y[i] = f(a[i], b[i], c[i]).
    static member Run3(operation: TernaryOperation, a, aScalar, b, bScalar, c, cScalar, y, count) : unit =
        match operation with
        | TernaryOperation.Select ->
            ElementwiseKernel<'L, 'V, 'S, 'T>.Select(a, aScalar, b, bScalar, c, cScalar, y, count)
        | TernaryOperation.MultiplyAdd ->
            ElementwiseKernel<'L, 'V, 'S, 'T>.MultiplyAdd(a, aScalar, b, bScalar, c, cScalar, y, count)
        | TernaryOperation.NegativeMultiplyAdd ->
            ElementwiseKernel<'L, 'V, 'S, 'T>.NegativeMultiplyAdd(a, aScalar, b, bScalar, c, cScalar, y, count)
        | TernaryOperation.DivideByRoot ->
            ElementwiseKernel<'L, 'V, 'S, 'T>.DivideByRoot(a, aScalar, b, bScalar, c, cScalar, y, count)
        | _ -> raise (ArgumentOutOfRangeException(nameof operation, operation, "It must be a ternary operation."))
