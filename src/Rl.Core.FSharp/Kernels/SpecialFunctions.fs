/// Functions that System.Math lacks, in double precision: the gamma function's logarithm and its derivatives, erf,
/// expm1, log1p.
namespace Rl.Core.Kernels

open System

/// Each shifts its argument up by the recurrence and then sums Stirling's asymptotic series
/// (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.12).
[<RequireQualifiedAccess>]
module internal SpecialFunctions =

    /// Where the asymptotic series reach full precision.
    [<Literal>]
    let private Large = 13.0

    /// log Γ(x) for x > 0; +∞ at 0; NaN below.
    let logGamma (x: float) : float =
        if Double.IsNaN x || x < 0.0 then
            nan
        elif x = 0.0 || Double.IsInfinity x then
            infinity
        elif x < 1e-8 then
            // Γ(x) = Γ(1 + x) / x, and log Γ(1 + x) = −γx + O(x²)
            -(log x) - 0.57721566490153286 * x
        else
            let mutable z = x
            let mutable product = 1.0

            while z < Large do
                product <- product * z
                z <- z + 1.0

            let inverse = 1.0 / z
            let s = inverse * inverse

            let series =
                inverse
                * (1.0 / 12.0
                   + s
                     * (-1.0 / 360.0
                        + s
                          * (1.0 / 1260.0
                             + s * (-1.0 / 1680.0 + s * (1.0 / 1188.0 + s * (-691.0 / 360360.0 + s * (1.0 / 156.0)))))))

            (z - 0.5) * log z - z + 0.91893853320467274178 + series - log product

    /// ψ(x) for x > 0; −∞ at 0; NaN below.
    let digamma (x: float) : float =
        if Double.IsNaN x || x < 0.0 then
            nan
        elif x = 0.0 then
            -infinity
        elif Double.IsInfinity x then
            infinity
        else
            let mutable z = x
            let mutable shifted = 0.0

            while z < Large do
                shifted <- shifted + 1.0 / z
                z <- z + 1.0

            let inverse = 1.0 / z
            let s = inverse * inverse

            let series =
                s
                * (1.0 / 12.0
                   + s
                     * (-1.0 / 120.0
                        + s
                          * (1.0 / 252.0
                             + s * (-1.0 / 240.0 + s * (1.0 / 132.0 + s * (-691.0 / 32760.0 + s * (1.0 / 12.0)))))))

            log z - 0.5 * inverse - series - shifted

    /// ψ′(x) for x > 0; +∞ at 0; NaN below.
    let trigamma (x: float) : float =
        if Double.IsNaN x || x < 0.0 then
            nan
        elif x = 0.0 then
            infinity
        elif Double.IsInfinity x then
            0.0
        else
            let mutable z = x
            let mutable shifted = 0.0

            while z < Large do
                shifted <- shifted + 1.0 / (z * z)
                z <- z + 1.0

            let inverse = 1.0 / z
            let s = inverse * inverse

            let tail = -1.0 / 30.0 + s * (5.0 / 66.0 + s * (-691.0 / 2730.0 + s * (7.0 / 6.0)))
            let series = 1.0 / 6.0 + s * (-1.0 / 30.0 + s * (1.0 / 42.0 + s * tail))

            inverse + 0.5 * s + inverse * s * series + shifted

    /// erf(x): the Maclaurin series for |x| < 3, and the continued fraction of erfc beyond.
    let erf (x: float) : float =
        let magnitude = abs x

        if Double.IsNaN x then
            x
        elif magnitude < 3.0 then
            // erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): every term is positive.
            let square = x * x
            let mutable term = x
            let mutable sum = x
            let mutable n = 0

            while abs term > 1e-17 * abs sum do
                n <- n + 1
                term <- term * 2.0 * square / float (2 * n + 1)
                sum <- sum + term

            1.1283791670955125739 * exp (-square) * sum
        elif magnitude > 6.0 then
            float (sign x)
        else
            let mutable fraction = magnitude

            for n = 60 downto 1 do
                fraction <- magnitude + 0.5 * float n / fraction

            float (sign x) * (1.0 - exp (-magnitude * magnitude) / (fraction * 1.7724538509055160273))

    /// eˣ − 1, accurate near 0.
    let expMinusOne (x: float) : float =
        if abs x < 0.3 then
            // eˣ − 1 = 2 sinh(x/2)·e^(x/2)
            2.0 * Math.Sinh(0.5 * x) * Math.Exp(0.5 * x)
        else
            Math.Exp x - 1.0

    /// log(1 + x) with the rounding of 1 + x put right.
    let logOnePlus (x: float) : float =
        let u = 1.0 + x

        if u = 1.0 then x
        elif u <= 0.0 || Double.IsInfinity u then Math.Log u
        else Math.Log u + (x - (u - 1.0)) / u

    /// 1 / (1 + e⁻ˣ).
    let sigmoid (x: float) : float =
        let e = Math.Exp(-(abs x))
        (if x < 0.0 then e else 1.0) / (1.0 + e)

    /// log(1 + eˣ).
    let softplus (x: float) : float = Math.Max(x, 0.0) + logOnePlus (Math.Exp(-(abs x)))
