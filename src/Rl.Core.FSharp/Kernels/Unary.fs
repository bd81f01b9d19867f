/// y[i] = f(x[i]) over contiguous memory.
namespace Rl.Core.Kernels

open System
open System.Runtime.CompilerServices

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Functions without a vector form, in double precision, one element at a time.
[<AbstractClass; Sealed>]
type internal ScalarUnary<'S, 'T when 'T: unmanaged and 'S :> ILanes<'T, 'T>> =

    static member inline private Map(x: nativeint, y: nativeint, count: int, [<InlineIfLambda>] f: float -> float) =
        for i in 0 .. count - 1 do
            'S.Store(y, i, 'S.OfFloat(f ('S.ToFloat('S.Load(x, i)))))

    static member Exp(x, y, count) : unit = ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> Math.Exp v)

    static member ExpMinusOne(x, y, count) : unit =
        ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.expMinusOne v)

    static member Log(x, y, count) : unit = ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> Math.Log v)

    static member LogOnePlus(x, y, count) : unit =
        ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.logOnePlus v)

    static member Sin(x, y, count) : unit = ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> Math.Sin v)

    static member Cos(x, y, count) : unit = ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> Math.Cos v)

    static member Tanh(x, y, count) : unit = ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> Math.Tanh v)

    static member Sigmoid(x, y, count) : unit =
        ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.sigmoid v)

    static member Softplus(x, y, count) : unit =
        ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.softplus v)

    static member Erf(x, y, count) : unit = ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.erf v)

    static member LogGamma(x, y, count) : unit =
        ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.logGamma v)

    static member Digamma(x, y, count) : unit =
        ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.digamma v)

    static member Trigamma(x, y, count) : unit =
        ScalarUnary<'S, 'T>.Map(x, y, count, fun v -> SpecialFunctions.trigamma v)

/// Functions with a vector form.
[<AbstractClass; Sealed>]
type internal VectorUnary<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>> =

    static member inline private Map(x: nativeint, y: nativeint, count: int, [<InlineIfLambda>] f: 'V -> 'V) =
        let width = 'L.Count
        let mutable i = 0

        while i <= count - width do
            'L.Store(y, i, f ('L.Load(x, i)))
            i <- i + width

        if i < count then
            let mask = 'L.Mask(count - i)
            'L.StoreMasked(y, i, f ('L.LoadMasked(x, i, mask)), mask)

    /// Vectors with an argument beyond the reduction's reach are done again, one element at a time.
    static member inline private MapReduced
        (x: nativeint, y: nativeint, count: int, [<InlineIfLambda>] f: 'V -> 'V, [<InlineIfLambda>] far: float -> float)
        =
        let width = 'L.Count
        let limit = 30000.0
        let mutable i = 0

        while i < count do
            let mask = 'L.Mask(count - i)
            let value = 'L.LoadMasked(x, i, mask)

            if 'L.Any(Transcendental<'L, 'V, 'T>.BeyondReduction value) then
                let last = min width (count - i) - 1

                for j in i .. i + last do
                    let single = 'S.Load(x, j)
                    let wide = 'S.ToFloat single

                    if abs wide > limit then
                        'S.Store(y, j, 'S.OfFloat(far wide))
                    else
                        'L.StoreMasked(y, j, f ('L.Broadcast single), 'L.Mask 1)
            else
                'L.StoreMasked(y, i, f value, mask)

            i <- i + width

    static member Negate(x, y, count) : unit = VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> 'L.Negate v)

    static member Absolute(x, y, count) : unit = VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> 'L.Absolute v)

    static member Floor(x, y, count) : unit = VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> 'L.Floor v)

    static member Reciprocal(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> 'L.Divide('L.Constant 1.0, v))

    static member Square(x, y, count) : unit = VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> 'L.Multiply(v, v))

    static member Sqrt(x, y, count) : unit = VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> 'L.Sqrt v)

    static member Relu(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> 'L.AtLeast('L.Constant 0.0, v))

    static member FlushToZero(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.FlushToZero v)

    static member Sign(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>
            .Map(
                x,
                y,
                count,
                fun v ->
                    let zero = 'L.Constant 0.0
                    let one = 'L.Constant 1.0
                    let sign = 'L.Subtract('L.And('L.Less(zero, v), one), 'L.And('L.Less(v, zero), one))
                    'L.Select('L.Equal(v, v), sign, v)
            )

    static member Exp(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.Exp v)

    static member ExpMinusOne(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.ExpMinusOne v)

    static member Log(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.Log v)

    static member LogOnePlus(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.LogOnePlus v)

    static member Tanh(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.Tanh v)

    static member Sigmoid(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.Sigmoid v)

    static member Softplus(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.Softplus v)

    static member Erf(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>.Map(x, y, count, fun v -> Transcendental<'L, 'V, 'T>.Erf v)

    static member Sin(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>
            .MapReduced(x, y, count, (fun v -> Transcendental<'L, 'V, 'T>.Sin v), (fun v -> Math.Sin v))

    static member Cos(x, y, count) : unit =
        VectorUnary<'L, 'V, 'S, 'T>
            .MapReduced(x, y, count, (fun v -> Transcendental<'L, 'V, 'T>.Cos v), (fun v -> Math.Cos v))

    /// y[i] = f(x[i]).
    static member Run(operation: UnaryOperation, x: nativeint, y: nativeint, count: int) : unit =
        match operation with
        | UnaryOperation.Negate -> VectorUnary<'L, 'V, 'S, 'T>.Negate(x, y, count)
        | UnaryOperation.Absolute -> VectorUnary<'L, 'V, 'S, 'T>.Absolute(x, y, count)
        | UnaryOperation.Sign -> VectorUnary<'L, 'V, 'S, 'T>.Sign(x, y, count)
        | UnaryOperation.Floor -> VectorUnary<'L, 'V, 'S, 'T>.Floor(x, y, count)
        | UnaryOperation.Reciprocal -> VectorUnary<'L, 'V, 'S, 'T>.Reciprocal(x, y, count)
        | UnaryOperation.Square -> VectorUnary<'L, 'V, 'S, 'T>.Square(x, y, count)
        | UnaryOperation.Sqrt -> VectorUnary<'L, 'V, 'S, 'T>.Sqrt(x, y, count)
        | UnaryOperation.Relu -> VectorUnary<'L, 'V, 'S, 'T>.Relu(x, y, count)
        | UnaryOperation.FlushToZero -> VectorUnary<'L, 'V, 'S, 'T>.FlushToZero(x, y, count)
        | UnaryOperation.LogGamma -> ScalarUnary<'S, 'T>.LogGamma(x, y, count)
        | UnaryOperation.Digamma -> ScalarUnary<'S, 'T>.Digamma(x, y, count)
        | UnaryOperation.Trigamma -> ScalarUnary<'S, 'T>.Trigamma(x, y, count)
        | _ when sizeof<'T> = 4 ->
            match operation with
            | UnaryOperation.Exp -> VectorUnary<'L, 'V, 'S, 'T>.Exp(x, y, count)
            | UnaryOperation.ExpMinusOne -> VectorUnary<'L, 'V, 'S, 'T>.ExpMinusOne(x, y, count)
            | UnaryOperation.Log -> VectorUnary<'L, 'V, 'S, 'T>.Log(x, y, count)
            | UnaryOperation.LogOnePlus -> VectorUnary<'L, 'V, 'S, 'T>.LogOnePlus(x, y, count)
            | UnaryOperation.Sin -> VectorUnary<'L, 'V, 'S, 'T>.Sin(x, y, count)
            | UnaryOperation.Cos -> VectorUnary<'L, 'V, 'S, 'T>.Cos(x, y, count)
            | UnaryOperation.Tanh -> VectorUnary<'L, 'V, 'S, 'T>.Tanh(x, y, count)
            | UnaryOperation.Sigmoid -> VectorUnary<'L, 'V, 'S, 'T>.Sigmoid(x, y, count)
            | UnaryOperation.Softplus -> VectorUnary<'L, 'V, 'S, 'T>.Softplus(x, y, count)
            | UnaryOperation.Erf -> VectorUnary<'L, 'V, 'S, 'T>.Erf(x, y, count)
            | _ -> raise (ArgumentOutOfRangeException(nameof operation, operation, "It must be a unary operation."))
        | _ ->
            match operation with
            | UnaryOperation.Exp -> ScalarUnary<'S, 'T>.Exp(x, y, count)
            | UnaryOperation.ExpMinusOne -> ScalarUnary<'S, 'T>.ExpMinusOne(x, y, count)
            | UnaryOperation.Log -> ScalarUnary<'S, 'T>.Log(x, y, count)
            | UnaryOperation.LogOnePlus -> ScalarUnary<'S, 'T>.LogOnePlus(x, y, count)
            | UnaryOperation.Sin -> ScalarUnary<'S, 'T>.Sin(x, y, count)
            | UnaryOperation.Cos -> ScalarUnary<'S, 'T>.Cos(x, y, count)
            | UnaryOperation.Tanh -> ScalarUnary<'S, 'T>.Tanh(x, y, count)
            | UnaryOperation.Sigmoid -> ScalarUnary<'S, 'T>.Sigmoid(x, y, count)
            | UnaryOperation.Softplus -> ScalarUnary<'S, 'T>.Softplus(x, y, count)
            | UnaryOperation.Erf -> ScalarUnary<'S, 'T>.Erf(x, y, count)
            | _ -> raise (ArgumentOutOfRangeException(nameof operation, operation, "It must be a unary operation."))
