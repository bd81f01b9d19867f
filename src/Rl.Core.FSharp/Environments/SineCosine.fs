/// Sine and cosine in float64 as the same sequence of operations for one number and for eight, so that environments
/// stepped alone and in batches agree bit for bit on every machine.
namespace Rl.Core.Environments

open System
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics

/// Range reduction by π/2 in three parts (Cody and Waite 1980) and minimax polynomials on [−π/4, π/4] (the coefficients
/// are those published with fdlibm). The error is below 1.5 units in the last place for |x| ≤ `Limit`; beyond, and for
/// what is not finite, `Math.SinCos` answers.
[<RequireQualifiedAccess>]
module internal SineCosine =

    /// Where the reduction in three parts ends.
    [<Literal>]
    let Limit = 100000.0

    [<Literal>]
    let private TwoOverPi = 0.63661977236758134308

    // π/2 = High + Middle + Low; products of an integer below 2²⁰ with a part are rounded inside a fused multiply-add
    // alone.
    [<Literal>]
    let private High = 1.5707963267948966

    [<Literal>]
    let private Middle = 6.123233995736766e-17

    [<Literal>]
    let private Low = -1.4973849048591833e-33

    [<Literal>]
    let private S1 = -1.66666666666666324348e-01

    [<Literal>]
    let private S2 = 8.33333333332248946124e-03

    [<Literal>]
    let private S3 = -1.98412698298579493134e-04

    [<Literal>]
    let private S4 = 2.75573137070700676789e-06

    [<Literal>]
    let private S5 = -2.50507602534068634195e-08

    [<Literal>]
    let private S6 = 1.58969099521155010221e-10

    [<Literal>]
    let private C1 = 4.16666666666666019037e-02

    [<Literal>]
    let private C2 = -1.38888888888741095749e-03

    [<Literal>]
    let private C3 = 2.48015872894767294178e-05

    [<Literal>]
    let private C4 = -2.75573143513906633035e-07

    [<Literal>]
    let private C5 = 2.08757232129817482790e-09

    [<Literal>]
    let private C6 = -1.13596475577881948265e-11

    /// struct (sin x, cos x).
    let scalar (x: float) : struct (float * float) =
        if not (abs x <= Limit) then
            Math.SinCos x
        else
            let turns = Math.Round(x * TwoOverPi)
            let r = Math.FusedMultiplyAdd(-turns, High, x)
            let r = Math.FusedMultiplyAdd(-turns, Middle, r)
            let r = Math.FusedMultiplyAdd(-turns, Low, r)
            let z = r * r
            let s = Math.FusedMultiplyAdd(S6, z, S5)
            let s = Math.FusedMultiplyAdd(s, z, S4)
            let s = Math.FusedMultiplyAdd(s, z, S3)
            let s = Math.FusedMultiplyAdd(s, z, S2)
            let s = Math.FusedMultiplyAdd(s, z, S1)
            let sine = Math.FusedMultiplyAdd(s * z, r, r)
            let c = Math.FusedMultiplyAdd(C6, z, C5)
            let c = Math.FusedMultiplyAdd(c, z, C4)
            let c = Math.FusedMultiplyAdd(c, z, C3)
            let c = Math.FusedMultiplyAdd(c, z, C2)
            let c = Math.FusedMultiplyAdd(c, z, C1)
            let half = Math.FusedMultiplyAdd(-0.5, z, 1.0)
            let cosine = Math.FusedMultiplyAdd(c * z, z, half)
            let quadrant = int turns &&& 3
            let swapped = quadrant &&& 1 <> 0
            let first = if swapped then cosine else sine
            let second = if swapped then sine else cosine

            struct ((if quadrant &&& 2 <> 0 then -first else first),
                    (if (quadrant + 1) &&& 2 <> 0 then -second else second))

    /// `scalar` for eight numbers.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let vector512 (x: Vector512<float>, sine: byref<Vector512<float>>, cosine: byref<Vector512<float>>) =
        if Vector512.LessThanOrEqualAll(Vector512.Abs x, Vector512.Create Limit) then
            let turns = Vector512.Round(x * Vector512.Create TwoOverPi)
            let minusTurns = -turns

            let inline fused (a: Vector512<float>) (b: Vector512<float>) (c: float) =
                Vector512.FusedMultiplyAdd(a, b, Vector512.Create c)

            let r = Vector512.FusedMultiplyAdd(minusTurns, Vector512.Create High, x)
            let r = Vector512.FusedMultiplyAdd(minusTurns, Vector512.Create Middle, r)
            let r = Vector512.FusedMultiplyAdd(minusTurns, Vector512.Create Low, r)
            let z = r * r
            let s = fused (Vector512.Create S6) z S5
            let s = fused s z S4
            let s = fused s z S3
            let s = fused s z S2
            let s = fused s z S1
            let plainSine = Vector512.FusedMultiplyAdd(s * z, r, r)
            let c = fused (Vector512.Create C6) z C5
            let c = fused c z C4
            let c = fused c z C3
            let c = fused c z C2
            let c = fused c z C1
            let half = fused (Vector512.Create -0.5) z 1.0
            let plainCosine = Vector512.FusedMultiplyAdd(c * z, z, half)
            let quadrant = Vector512.ConvertToInt64 turns
            let one, two = Vector512.Create 1L, Vector512.Create 2L
            let swapped = Vector512.Equals(quadrant &&& one, one).AsDouble()
            let first = Vector512.ConditionalSelect(swapped, plainCosine, plainSine)
            let second = Vector512.ConditionalSelect(swapped, plainSine, plainCosine)
            let firstSign = Vector512.ShiftLeft(quadrant &&& two, 62).AsDouble()
            let secondSign = Vector512.ShiftLeft((quadrant + one) &&& two, 62).AsDouble()
            sine <- first ^^^ firstSign
            cosine <- second ^^^ secondSign
        else
            for lane in 0..7 do
                let struct (s, c) = scalar (x.GetElement lane)
                sine <- sine.WithElement(lane, s)
                cosine <- cosine.WithElement(lane, c)
