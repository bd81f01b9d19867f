/// Transformations of values that tame their scale, and their inverses; two-hot encodings; Bellman targets under a
/// transformation.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// A monotone map h of values and its inverse, over expressions.
type TransformPair =
    {
        /// h: the scale that is learnt.
        Apply: Expr -> Expr
        /// h⁻¹: back to the scale of returns.
        Invert: Expr -> Expr
    }

/// Element-wise transformations. Targets are h(r + γ h⁻¹(q′)): turn the learnt values back with `Invert`, compute
/// returns, and `Apply` (Pohlen et al. 2018).
[<RequireQualifiedAccess>]
module Transforms =

    /// The ε of the signed hyperbolic transformation in the literature.
    [<Literal>]
    let DefaultEpsilon = 1e-3

    /// sign(x) f(|x|), an odd function, with f′(0) for its derivative at 0.
    let private odd (f: Expr -> Expr) (x: Expr) : Expr =
        let isNegative = Expr.less x (Expr.number 0.0)
        let value = f (Expr.select isNegative (-x) x)
        Expr.select isNegative (-value) value

    /// sign(x)(√(|x| + 1) − 1) + ε x (Pohlen et al. 2018, proposition A.2).
    let signedHyperbolic (epsilon: float) (x: Expr) : Expr =
        odd (fun size -> Expr.sqrt (size + 1.0) - 1.0) x + epsilon * x

    /// The inverse of `signedHyperbolic`: sign(x)(z² − 1), z = √(1 + 4ε(ε + 1 + |x|))/2ε − 1/2ε; ε > 0.
    let signedParabolic (epsilon: float) (x: Expr) : Expr =
        Guard.positiveNumber (nameof epsilon) epsilon

        x
        |> odd (fun x ->
            let size = epsilon + 1.0 + x
            let root = Expr.sqrt (1.0 + 4.0 * epsilon * size)
            // The same without the difference of the root and 1, which are close where ε is small.
            let z = 2.0 * size / (root + 1.0)
            Expr.square z - 1.0)

    /// sign(x) ln(1 + |x|) (Hafner et al. 2023 call it symlog).
    let signedLog (x: Expr) : Expr = odd Expr.logOnePlus x

    /// The inverse of `signedLog`: sign(x)(e^|x| − 1).
    let signedExp (x: Expr) : Expr = odd Expr.expMinusOne x

    /// sinh x, by eˣ − 1 so that small x keep their digits.
    let hyperbolicSin (x: Expr) : Expr =
        x
        |> odd (fun size ->
            // Beyond this e⁻ˣ is nothing beside eˣ, and eˣ itself may be no number where half of it is.
            let isLarge = Expr.greater size (Expr.number 20.0)
            let up = Expr.expMinusOne (Expr.select isLarge (Expr.number 1.0) size)
            Expr.select isLarge (Expr.exp (size - Math.Log 2.0)) (0.5 * (up + up / (up + 1.0))))

    /// arsinh x = sign(x) ln(|x| + √(x² + 1)).
    let hyperbolicArcSin (x: Expr) : Expr =
        x
        |> odd (fun x ->
            // Beyond this √(x² + 1) is x to the last digit, and x² may be no number.
            let isLarge = Expr.greater x (Expr.number 1e8)
            let size = Expr.select isLarge (Expr.number 1.0) x
            let square = Expr.square size
            let far = Expr.select isLarge x (Expr.number 1.0)
            // ln(1 + |x| + x²/(1 + √(x² + 1))) is the same without cancellation.
            let near = Expr.logOnePlus (size + square / (1.0 + Expr.sqrt (square + 1.0)))
            Expr.select isLarge (Expr.log far + Math.Log 2.0) near)

    /// sign(x) ((|x|/q + 1)ᵖ − 1) / q with q = √p, p > 0: its slope at 0 is 1 (Tukey's ladder of powers, made odd).
    let signedPower (power: float) (x: Expr) : Expr =
        Guard.positiveNumber (nameof power) power
        let root = Math.Sqrt power
        odd (fun size -> (Expr.pow power (size / root + 1.0) - 1.0) / root) x

    /// ln(x / (1 − x)), the inverse of `Expr.sigmoid`; x ∈ (0, 1).
    let logit (x: Expr) : Expr = Expr.log x - Expr.logOnePlus (-x)

    /// x itself.
    let identityPair = { Apply = id; Invert = id }

    /// signedHyperbolic and signedParabolic with ε.
    let signedHyperbolicPair epsilon = { Apply = signedHyperbolic epsilon; Invert = signedParabolic epsilon }

    /// signedLog and signedExp.
    let signedLogPair = { Apply = signedLog; Invert = signedExp }

    /// sinh and arsinh: the expansive map of the literature's HYPERBOLIC_SIN pair applies arsinh.
    let hyperbolicSinPair = { Apply = hyperbolicArcSin; Invert = hyperbolicSin }

    /// `first`, then `second`.
    let compose (first: TransformPair) (second: TransformPair) : TransformPair =
        { Apply = first.Apply >> second.Apply; Invert = second.Invert >> first.Invert }

    /// `count` ≥ 2 numbers from low to high at equal distances [count].
    let linearAtoms (low: float) (high: float) (count: int) : Expr =
        Guard.inIntRange (nameof count) 2 Int32.MaxValue count
        Guard.finite (nameof low) low
        Guard.finite (nameof high) high

        if not (low < high) then
            Guard.fail (nameof low) $"The interval [{low}, {high}] is empty; low must be less than high."

        Expr.vector [ for i in 0 .. count - 1 -> low + (high - low) * float i / float (count - 1) ]

    /// The two-hot code [..., K] of numbers [...] on increasing atoms [K]: weights on the two neighbours whose mean is
    /// the number, clipped to the range of the atoms.
    let twoHot (atoms: Expr) (x: Expr) : Expr =
        let place = Expr.expandAxis -1 x
        ValueDistributions.project place (Expr.ones place.Shape) atoms

    /// Σ pᵢ zᵢ [...]: the number that probabilities [..., K] on atoms [K] stand for.
    let fromTwoHot (atoms: Expr) (probabilities: Expr) : Expr = Expr.sumOver [| -1 |] (probabilities * atoms)

    /// Two-hot codes on given atoms as a pair.
    let twoHotPair (atoms: Expr) : TransformPair = { Apply = twoHot atoms; Invert = fromTwoHot atoms }

    /// Transform by `pair`, then two-hot on `count` equal steps from low to high, as in MuZero (Schrittwieser et al.
    /// 2020, appendix F).
    let transformedTwoHotPair pair low high count = compose pair (twoHotPair (linearAtoms low high count))

    /// Two-hot on the atoms h⁻¹(low … high): a mean of codes is then the code of the mean, without the bias of
    /// transforming first.
    let unbiasedTwoHotPair (pair: TransformPair) low high count = twoHotPair (pair.Invert(linearAtoms low high count))
