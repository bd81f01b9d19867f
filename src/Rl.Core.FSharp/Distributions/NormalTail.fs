/// The upper tail of the standard normal distribution, with its digits however far out: what intervals beside the mean
/// need.
namespace Rl.Core.Distributions

open System
open Rl.Core.Autodiff

/// Functions of x ≥ 0, of which smaller ones count as 0; element by element.
[<RequireQualifiedAccess>]
module internal NormalTail =

    /// c₀ + c₁ x + c₂ x² + …
    let private polynomial (coefficients: float[]) (x: Expr) =
        Array.foldBack (fun c rest -> c + x * rest) coefficients (Expr.number 0.0)

    let private middle =
        [|
            1.23033935479799725e3
            2.05107837782607147e3
            1.71204761263407058e3
            8.81952221241769090e2
            2.98635138197400131e2
            6.61191906371416295e1
            8.88314979438837594
            5.64188496988670089e-1
            2.15311535474403846e-8
        |],
        [|
            1.23033935480374942e3
            3.43936767414372164e3
            4.36261909014324716e3
            3.29079923573345963e3
            1.62138957456669019e3
            5.37181101862009858e2
            1.17693950891312499e2
            1.57449261107098347e1
            1.0
        |]

    let private far =
        [|
            6.58749161529837803e-4
            1.60837851487422766e-2
            1.25781726111229246e-1
            3.60344899949804439e-1
            3.05326634961232344e-1
            1.63153871373020978e-2
        |],
        [|
            2.33520497626869185e-3
            6.05183413124413191e-2
            5.27905102951428412e-1
            1.87295284992346725
            2.56852019228982242
            1.0
        |]

    /// exp(x²) (1 − erf x), x ≥ 0, by Cody's rational approximations (1969).
    let private scaledComplement (x: Expr) =
        let near, away = 0.46875, 4.0
        let isNear = Expr.less x (Expr.number near)
        let isAway = Expr.greater x (Expr.number away)
        let small = Expr.select isNear x (Expr.number 0.0)
        let ofSmall = Expr.exp (Expr.square small) * (1.0 - Expr.erf small)
        let between = Expr.clamp near away x
        let ofBetween = polynomial (fst middle) between / polynomial (snd middle) between
        let large = Expr.select isAway x (Expr.number away)
        let z = Expr.reciprocal (Expr.square large)
        let series = z * polynomial (fst far) z / polynomial (snd far) z
        let ofLarge = (1.0 / Math.Sqrt Math.PI - series) / large
        Expr.select isNear ofSmall (Expr.select isAway ofLarge ofBetween)

    /// Mills' ratio Q(x)/φ(x), with Q(x) the probability of more than x and φ the density.
    let millsRatio (x: Expr) : Expr =
        Math.Sqrt(0.5 * Math.PI) * scaledComplement (Expr.clamp 0.0 infinity x * Math.Sqrt 0.5)
