/// The normal distribution cut to an interval and renormalised.
namespace Rl.Core.Distributions

open System
open MathNet.Numerics
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// p(x) = N(x; μ, σ) / Z on [low, high], 0 outside, with Z = Φ((high − μ)/σ) − Φ((low − μ)/σ); element by element.
type TruncatedNormal =
    {
        /// The normal distribution that is cut.
        Base: Normal
        /// The lower bound.
        Low: float
        /// The upper bound.
        High: float
    }

/// Quantities of truncated normal distributions, with their digits wherever the interval lies: beside μ they are formed
/// relative to the bound that is nearer to μ, by the logarithm of the tail beyond it. At float32, ln Z is as good as
/// its size, about z²/2 at z standard deviations, allows.
[<RequireQualifiedAccess>]
module TruncatedNormal =

    /// From a normal distribution and low < high, both finite.
    let create (low: float) (high: float) (normal: Normal) : TruncatedNormal =
        Guard.finite (nameof low) low
        Guard.finite (nameof high) high

        if not (low < high) then
            Guard.fail (nameof low) $"The interval [{low}, {high}] is empty; low must be less than high."

        { Base = normal; Low = low; High = high }

    let private standardBounds (p: TruncatedNormal) =
        struct (Normal.standardise (Expr.number p.Low) p.Base, Normal.standardise (Expr.number p.High) p.Base)

    /// φ(z) of the standard normal distribution.
    let private density (z: Expr) = Expr.exp (-0.5 * Expr.square z - 0.5 * Math.Log(2.0 * Math.PI))

    /// The standard normal distribution on an interval [a, b] with a + b ≥ 0, which every interval is, or its mirror
    /// image.
    type private Standard =
        {
            /// 1, or −1 for the mirror image.
            Side: Expr
            /// ln Z.
            LogMass: Expr
            /// Z.
            Mass: Expr
            /// E[z] ≥ 0 of the possibly mirrored z.
            First: Expr
            /// E[z²].
            Second: Expr
        }

    let private standard (p: TruncatedNormal) : Standard =
        let struct (low, high) = standardBounds p
        let zero, one = Expr.number 0.0, Expr.number 1.0
        let isMirrored = Expr.less (low + high) zero
        let a, b = Expr.select isMirrored (-high) low, Expr.select isMirrored (-low) high
        let width = b - a
        let isTail = Expr.greater a zero
        // Each side of the choice gets bounds that it is made for.
        let inTail = Expr.select isTail a one
        let beyond = Expr.select isTail b (Expr.number 2.0)
        let centralLow, centralHigh = Expr.select isTail -one a, Expr.select isTail one b
        // φ(b)/φ(a) = exp(−drop).
        let drop = 0.5 * width * (a + b)
        let root = Math.Sqrt 0.5
        let central = 0.5 * (Expr.erf (centralHigh * root) - Expr.erf (centralLow * root))
        let mills = NormalTail.millsRatio inTail
        // ln(Q(b)/Q(a)) < 0, with Q the tail beyond a bound.
        let logRatio = Expr.log (NormalTail.millsRatio beyond) - Expr.log mills - Expr.select isTail drop one
        let share = -(Expr.expMinusOne logRatio)
        let logTail = -0.5 * Expr.square inTail - 0.5 * Math.Log(2.0 * Math.PI) + Expr.log mills + Expr.log share
        // φ(a)/Z.
        let rate = Expr.select isTail (Expr.reciprocal (mills * share)) (density centralLow / central)
        let first = -(rate * Expr.expMinusOne (-drop))

        {
            Side = Expr.select isMirrored -one one
            LogMass = Expr.select isTail logTail (Expr.log central)
            Mass = Expr.select isTail (Expr.exp logTail) central
            First = first
            Second = 1.0 + a * first - width * rate * Expr.exp (-drop)
        }

    /// Z, the probability that the uncut distribution gives to the interval.
    let mass (p: TruncatedNormal) : Expr = (standard p).Mass

    /// ln Z, a number where Z itself is too small for one.
    let logMass (p: TruncatedNormal) : Expr = (standard p).LogMass

    /// ln p(x) of x in [low, high]; −10⁸ outside.
    let logProbability (x: Expr) (p: TruncatedNormal) : Expr =
        let inside = Expr.greaterOrEqual x (Expr.number p.Low) * Expr.lessOrEqual x (Expr.number p.High)
        Expr.select inside (Normal.logProbability x p.Base - logMass p) (Expr.number -1e8)

    /// μ + σ (φ(α) − φ(β)) / Z with α, β the standardised bounds; within the interval.
    let mean (p: TruncatedNormal) : Expr =
        let z = standard p
        Expr.clamp p.Low p.High (p.Base.Mean + Normal.standardDeviation p.Base * z.Side * z.First)

    /// ln(√(2πe) σ Z) + (α φ(α) − β φ(β)) / 2Z, in nats.
    let entropy (p: TruncatedNormal) : Expr =
        let z = standard p
        Normal.entropy p.Base + z.LogMass + 0.5 * (z.Second - 1.0)

    /// KL(p ‖ q) on the same interval: ln(σ_q Z_q) − ln(σ_p Z_p) + ½ E_p[((x − μ_q)/σ_q)² − ((x − μ_p)/σ_p)²], by the
    /// moments of z = (x − μ_p)/σ_p, E[z] = (φ(α) − φ(β))/Z and E[z²] = 1 + (α φ(α) − β φ(β))/Z. The bounds must be
    /// equal; otherwise it is infinite or no number of this form.
    let kl (p: TruncatedNormal) (q: TruncatedNormal) : Expr =
        if p.Low <> q.Low || p.High <> q.High then
            Guard.fail
                (nameof q)
                $"q is cut to [{q.Low}, {q.High}] and p to [{p.Low}, {p.High}]; the intervals must be equal."

        let own = standard p
        let first = own.Side * own.First
        let ratio = Expr.exp (p.Base.LogStandardDeviation - q.Base.LogStandardDeviation)
        let shift = Normal.standardise p.Base.Mean q.Base

        q.Base.LogStandardDeviation - p.Base.LogStandardDeviation + logMass q - own.LogMass
        + 0.5
          * (Expr.square ratio * own.Second + 2.0 * ratio * shift * first + Expr.square shift - own.Second)

    /// μ, moved to the nearer bound if it lies outside.
    let mode (p: TruncatedNormal) : Expr = Expr.clamp p.Low p.High p.Base.Mean

    /// Draws z ∈ [low, high], 0 < low, of the standard normal distribution, so far out that its distribution function
    /// has no digits: an exponential distribution cut to the interval, from which draws are accepted as the density
    /// asks (Robert 1995).
    let private sampleFar (low: float) (high: float) (rng: Rng) : struct (float * Rng) =
        let rate = 0.5 * (low + Math.Sqrt(low * low + 4.0))
        let share = -Math.Exp(-rate * (high - low)) + 1.0
        let mutable rng = rng
        let mutable drawn = nan

        while Double.IsNaN drawn do
            let struct (u, next) = Rng.uniform rng
            let struct (v, next) = Rng.uniform next
            rng <- next
            let z = low - Math.Log(1.0 - u * share) / rate
            if 1.0 - v <= Math.Exp(-0.5 * (z - rate) * (z - rate)) then drawn <- z

        struct (drawn, rng)

    /// Beyond so many standard deviations a tail is drawn by `sampleFar`.
    let private far = 8.0

    /// Draws x ∈ [low, high] by inverting the distribution function: struct (x, the generator that follows). σ > 0.
    let rec sample
        (low: float)
        (high: float)
        (mean: float)
        (standardDeviation: float)
        (rng: Rng)
        : struct (float * Rng) =
        Guard.positiveNumber (nameof standardDeviation) standardDeviation

        if not (low < high) then
            Guard.fail (nameof low) $"The interval [{low}, {high}] is empty; low must be less than high."

        Guard.finite (nameof mean) mean

        if high < mean then
            // The lower tail is the upper one of the mirror image, where the digits are.
            let struct (drawn, rng) = sample -high -low -mean standardDeviation rng
            struct (-drawn, rng)
        elif low > mean + far * standardDeviation then
            let standard bound = (bound - mean) / standardDeviation
            let struct (z, rng) = sampleFar (standard low) (standard high) rng
            struct (Math.Clamp(mean + standardDeviation * z, low, high), rng)
        else
            let tail bound = SpecialFunctions.Erfc((bound - mean) / standardDeviation * Math.Sqrt 0.5)
            let struct (uniform, rng) = Rng.uniform rng
            // A bound may be infinite, a draw not: 0 stands for the middle of what is rounded to it.
            let u = if uniform = 0.0 then Math.ScaleB(1.0, -54) else uniform

            let drawn =
                if low > mean then
                    let target = tail low + u * (tail high - tail low)
                    mean + standardDeviation * Math.Sqrt 2.0 * SpecialFunctions.ErfcInv target
                else
                    let mirrored bound = 2.0 - tail bound
                    let target = mirrored low + u * (mirrored high - mirrored low)
                    mean - standardDeviation * Math.Sqrt 2.0 * SpecialFunctions.ErfcInv target

            struct (Math.Clamp(drawn, low, high), rng)
