/// Exponentials, logarithms, trigonometric and error functions of float32 vectors, from polynomials of our own.
namespace Rl.Core.Kernels

open System
open System.Runtime.CompilerServices

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// The polynomials are minimax fits (Remez exchange). Each function takes NaN to NaN, saturates where float32 does, and
/// is within 4 units in the last place. 'T is float32, except for `FlushToZero`: other precisions go through
/// System.Math, element by element.
[<AbstractClass; Sealed>]
type internal Transcendental<'L, 'V, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T>> =

    /// See `UnaryOperation.FlushToZero`; of float64 too. NaN stays.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member FlushToZero(value: 'V) : 'V =
        let isTiny = 'L.Less('L.Absolute value, 'L.Constant FlushToZero.Least)
        'L.Select(isTiny, 'L.Constant 0.0, value)

    /// The nearest integer, for |x| < 2²².
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Round x : 'V =
        let magic = 'L.Constant 12582912.0
        'L.Subtract('L.Add(x, magic), magic)

    /// (eʳ − 1 − r) / r² for |r| ≤ ½ log 2.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private ExpTail r : 'V =
        let p = 'L.Fma('L.Constant 0.0013950836080458958, r, 'L.Constant 0.0083690878080947895)
        let p = 'L.Fma(p, r, 'L.Constant 0.04166620061032205)
        let p = 'L.Fma(p, r, 'L.Constant 0.16666517183481633)
        'L.Fma(p, r, 'L.Constant 0.50000000968147118)

    /// x − n·log 2 in two steps.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private ExpRemainder(x, n) : 'V =
        let r = 'L.NegativeFma(n, 'L.Constant 0.693147182464599609375, x)
        'L.Fma(n, 'L.Constant 1.9046542121259336e-09, r)

    /// eˣ = 2ⁿ·eʳ; the power of two is applied in halves, so that the result may be subnormal.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Exp(x: 'V) : 'V =
        let x = 'L.AtMost('L.Constant 89.0, 'L.AtLeast('L.Constant -104.5, x))
        let n = Transcendental<'L, 'V, 'T>.Round('L.Multiply(x, 'L.Constant 1.4426950408889634))
        let r = Transcendental<'L, 'V, 'T>.ExpRemainder(x, n)
        let tail = Transcendental<'L, 'V, 'T>.ExpTail r
        let p = 'L.Add('L.Fma(tail, 'L.Multiply(r, r), r), 'L.Constant 1.0)
        let half = 'L.Floor('L.Multiply(n, 'L.Constant 0.5))
        let one = 'L.Constant 1.0
        'L.Multiply('L.Multiply(p, 'L.Scale(one, half)), 'L.Scale(one, 'L.Subtract(n, half)))

    /// eˣ − 1 = 2·(2ⁿ⁻¹·(eʳ − 1) + (2ⁿ⁻¹ − ½)).
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member ExpMinusOne(x: 'V) : 'V =
        let inside = 'L.AtMost('L.Constant 89.0, 'L.AtLeast('L.Constant -26.0, x))
        let n = Transcendental<'L, 'V, 'T>.Round('L.Multiply(inside, 'L.Constant 1.4426950408889634))
        let r = Transcendental<'L, 'V, 'T>.ExpRemainder(inside, n)
        let q = 'L.Fma(Transcendental<'L, 'V, 'T>.ExpTail r, 'L.Multiply(r, r), r)
        let power = 'L.Scale('L.Constant 0.5, n)
        let half = 'L.Fma(power, q, 'L.Subtract(power, 'L.Constant 0.5))
        // Doubling q itself where n = 0 keeps subnormal arguments exact.
        let result = 'L.Select('L.Equal(n, 'L.Constant 0.0), q, 'L.Add(half, half))
        'L.CopySign(result, x)

    /// log x = e·log 2 + log(1 + f) with x = 2ᵉ·(1 + f), √½ ≤ 1 + f < √2.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Log(x: 'V) : 'V =
        let zero = 'L.Constant 0.0
        let subnormal = 'L.Less(x, 'L.Constant 1.17549435082228750797e-38)
        let mutable normal = x
        let mutable shift = zero

        if 'L.Any subnormal then
            normal <- 'L.Select(subnormal, 'L.Multiply(x, 'L.Constant 8388608.0), x)
            shift <- 'L.Select(subnormal, 'L.Constant 23.0, zero)

        let e = 'L.Exponent normal
        let f = 'L.Subtract('L.Scale(normal, 'L.Negate e), 'L.Constant 1.0)
        let e = 'L.Subtract(e, shift)
        let p = 'L.Fma('L.Constant -0.078729380784230626, f, 'L.Constant 0.1290018282566833)
        let p = 'L.Fma(p, f, 'L.Constant -0.13132216313208969)
        let p = 'L.Fma(p, f, 'L.Constant 0.14178820669119377)
        let p = 'L.Fma(p, f, 'L.Constant -0.16623998460857381)
        let p = 'L.Fma(p, f, 'L.Constant 0.20002374994480149)
        let p = 'L.Fma(p, f, 'L.Constant -0.25000826708481044)
        let p = 'L.Fma(p, f, 'L.Constant 0.33333315794315854)
        let square = 'L.Multiply(f, f)
        // −f²/2 + f³·p, with the low part of e·log 2
        let tail = 'L.Fma('L.Constant -0.5, square, 'L.Multiply('L.Multiply(p, f), square))
        let tail = 'L.Fma(e, 'L.Constant -1.9046542121259336e-09, tail)
        let result = 'L.Fma(e, 'L.Constant 0.693147182464599609375, 'L.Add(f, tail))
        let infinity = 'L.Constant Double.PositiveInfinity
        let result = 'L.Select('L.Less(x, infinity), result, x)
        let result = 'L.Select('L.Equal(x, zero), 'L.Negate infinity, result)
        'L.Select('L.Less(x, zero), 'L.Constant Double.NaN, result)

    /// log(1 + x) = log u + (x − (u − 1)) / u with u the rounded 1 + x.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member LogOnePlus(x: 'V) : 'V =
        let one = 'L.Constant 1.0
        let u = 'L.Add(x, one)
        // The rounding error of 1 + x, exact in either order of magnitude.
        let back = 'L.Subtract(u, x)
        let lost = 'L.Add('L.Subtract(one, back), 'L.Subtract(x, 'L.Subtract(u, back)))
        let logarithm = Transcendental<'L, 'V, 'T>.Log u
        let result = 'L.Add(logarithm, 'L.Divide(lost, u))
        let result = 'L.Select('L.Less(u, 'L.Constant Double.PositiveInfinity), result, logarithm)
        let result = 'L.Select('L.LessOrEqual(u, 'L.Constant 0.0), logarithm, result)
        'L.CopySign(result, x)

    /// tanh x = 2h / (1 + h²) with h = tanh(x/2) = ½n/q, n = x·P(x²) and q = Q(x²), for |x| ≤ 9 and ±1 beyond, where
    /// x² is above 81 in float32 too. The doubling damps the rounding errors of P and Q where x is large. Where it is
    /// small, P(0) = Q(0) = 1.8125 keeps P, Q and q² just below a power of two, where a rounding is relatively
    /// smallest. The coefficients were fitted one after the other, each rounded to float32 before the next: 3.5 units
    /// in the last place at most, over all float32; no quotient is above 1.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Tanh(x: 'V) : 'V =
        let square = 'L.Multiply(x, x)
        let first = 'L.Constant 1.8125
        let p = 'L.Fma('L.Constant 0.00020726239017676562, square, 'L.Constant 0.053973156958818436)
        let n = 'L.Multiply(x, 'L.Fma(p, square, first))
        let q = 'L.Fma('L.Constant 2.2313338376989122e-06, square, 'L.Constant 0.0021877242252230644)
        let q = 'L.Fma(q, square, 'L.Constant 0.20501476526260376)
        let q = 'L.Fma(q, square, first)
        let half = 'L.Multiply(n, 'L.Constant 0.5)
        let inside = 'L.Divide('L.Multiply(n, q), 'L.Fma(half, half, 'L.Multiply(q, q)))
        'L.Select('L.Less('L.Constant 81.0, square), 'L.CopySign('L.Constant 1.0, x), inside)

    /// 1 / (1 + e⁻ˣ), as e⁻ˡˣˡ / (1 + e⁻ˡˣˡ) for negative x.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Sigmoid(x: 'V) : 'V =
        let e = Transcendental<'L, 'V, 'T>.Exp('L.Negate('L.Absolute x))
        let one = 'L.Constant 1.0
        let numerator = 'L.Select('L.Less(x, 'L.Constant 0.0), e, one)
        'L.Divide(numerator, 'L.Add(one, e))

    /// max(x, 0) + log(1 + e⁻ˡˣˡ).
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Softplus(x: 'V) : 'V =
        let e = Transcendental<'L, 'V, 'T>.Exp('L.Negate('L.Absolute x))
        'L.Add('L.AtLeast('L.Constant 0.0, x), Transcendental<'L, 'V, 'T>.LogOnePlus e)

    /// Where |x| is beyond this, three parts of π/2 do not reduce it well enough.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member BeyondReduction(x: 'V) : 'V = 'L.Less('L.Constant 30000.0, 'L.Absolute x)

    /// sin(x + quarters·π/2) for |x| ≤ 30000.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private SinShifted(x: 'V, quarters: float) : 'V =
        let n = Transcendental<'L, 'V, 'T>.Round('L.Multiply(x, 'L.Constant 0.63661977236758134))
        let r = 'L.NegativeFma(n, 'L.Constant 1.57079637050628662109375, x)
        let r = 'L.Fma(n, 'L.Constant 4.371138828673793e-08, r)
        let r = 'L.Fma(n, 'L.Constant 1.7151245100058819e-15, r)
        let square = 'L.Multiply(r, r)
        let s = 'L.Fma('L.Constant 2.7182169451031233e-06, square, 'L.Constant -0.00019839325024953574)
        let s = 'L.Fma(s, square, 'L.Constant 0.0083333293557987225)
        let s = 'L.Fma(s, square, 'L.Constant -0.1666666664137155)
        let sine = 'L.Fma('L.Multiply(s, square), r, r)
        let c = 'L.Fma('L.Constant 2.4437533158835796e-05, square, 'L.Constant -0.0013887359792904511)
        let c = 'L.Fma(c, square, 'L.Constant 0.041666646715320804)
        let c = 'L.Fma(c, square, 'L.Constant -0.5)
        let cosine = 'L.Fma(c, square, 'L.Constant 1.0)
        // The quadrant n + quarters modulo 4, in numbers.
        let n = 'L.Add(n, 'L.Constant quarters)
        let half = 'L.Floor('L.Multiply(n, 'L.Constant 0.5))
        let odd = 'L.Less('L.Constant 0.5, 'L.NegativeFma(half, 'L.Constant 2.0, n))
        let quarter = 'L.Floor('L.Multiply(half, 'L.Constant 0.5))
        let negative = 'L.Less('L.Constant 0.5, 'L.NegativeFma(quarter, 'L.Constant 2.0, half))
        let value = 'L.Select(odd, cosine, sine)
        'L.Select(negative, 'L.Negate value, value)

    /// sin x for |x| ≤ 30000; the sign of zero is kept.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Sin(x: 'V) : 'V =
        'L.Select('L.Equal(x, 'L.Constant 0.0), x, Transcendental<'L, 'V, 'T>.SinShifted(x, 0.0))

    /// cos x for |x| ≤ 30000.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Cos(x: 'V) : 'V = Transcendental<'L, 'V, 'T>.SinShifted(x, 1.0)

    /// x·P(x²) below 1, and 1 − exp(−Q(|x|)) above.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member Erf(x: 'V) : 'V =
        let square = 'L.Multiply(x, x)
        let p = 'L.Fma('L.Constant 7.8538599459328421e-05, square, 'L.Constant -0.00080101932780636835)
        let p = 'L.Fma(p, square, 'L.Constant 0.0051883276578974123)
        let p = 'L.Fma(p, square, 'L.Constant -0.026853811929164612)
        let p = 'L.Fma(p, square, 'L.Constant 0.11283585148786549)
        let p = 'L.Fma(p, square, 'L.Constant -0.37612625824302631)
        let p = 'L.Fma(p, square, 'L.Constant 0.12837916572672988)
        let near = 'L.Fma(p, x, x)
        let magnitude = 'L.AtMost('L.Constant 4.0, 'L.Absolute x)
        let q = 'L.Fma('L.Constant 2.1686727712345714e-05, magnitude, 'L.Constant -0.00044133486960293858)
        let q = 'L.Fma(q, magnitude, 'L.Constant 0.004204554066239115)
        let q = 'L.Fma(q, magnitude, 'L.Constant -0.025208234718166803)
        let q = 'L.Fma(q, magnitude, 'L.Constant 0.10841854079613684)
        let q = 'L.Fma(q, magnitude, 'L.Constant 0.63321992878007227)
        let q = 'L.Fma(q, magnitude, 'L.Constant 1.1295784052436877)
        let q = 'L.Fma(q, magnitude, 'L.Constant -0.00018803595935764925)
        let far = 'L.Subtract('L.Constant 1.0, Transcendental<'L, 'V, 'T>.Exp('L.Negate q))
        'L.CopySign('L.Select('L.Less('L.Absolute x, 'L.Constant 1.0), near, far), x)
