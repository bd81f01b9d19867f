/// Steps of bounded divergence: Fisher products, conjugate gradients and the line search of TRPO.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// The result of solving A x = b by conjugate gradients.
type ConjugateGradientResult =
    {
        /// x.
        Solution: float[]
        /// ‖b − A x‖ after each iteration.
        ResidualNorms: float[]
    }

/// The result of a line search.
type LineSearchResult =
    {
        /// What the full step was multiplied by; 0 if no step was taken.
        Fraction: float
        /// The parameters after the step.
        Parameters: float[]
        /// (fraction, surrogate, divergence) of each candidate that was tried.
        Tried: struct (float * float * float)[]
    }

/// Building blocks of natural gradients and TRPO (Kakade 2001; Schulman et al. 2015; slide 18).
[<RequireQualifiedAccess>]
module TrustRegion =

    /// mean(π/π_old · A): the surrogate that a step should raise, a scalar.
    let surrogate (logProbability: Expr) (oldLogProbability: Expr) (advantage: Expr) : Expr =
        Expr.mean (PolicyGradients.ratio logProbability oldLogProbability * Expr.stopGradient advantage)

    /// (F + damping·I) v with F = ∇²KL(π_old ‖ π_θ) at θ = θ_old, the Fisher information: `kl` maps θ to the mean
    /// divergence from the policy of the constant θ_old. One pass for a gradient of a gradient; F is never formed.
    let fisherVectorProduct (damping: float) (kl: Expr -> Expr) (theta: Expr) (direction: Expr) : Expr =
        Guard.notNegativeNumber (nameof damping) damping
        Diff.hessianv kl theta direction + damping * direction

    let private dot (a: float[]) (b: float[]) =
        let mutable total = 0.0

        for i in 0 .. a.Length - 1 do
            total <- total + a[i] * b[i]

        total

    /// x with A x ≈ b from x = 0, for a symmetric positive definite A given by its product with a vector; stops early
    /// when the residual is less than `tolerance` ≥ 0 of ‖b‖ (Hestenes and Stiefel 1952).
    let conjugateGradientWithin
        (tolerance: float)
        (iterations: int)
        (multiply: float[] -> float[])
        (right: float[])
        : ConjugateGradientResult =
        Guard.notNegativeNumber (nameof tolerance) tolerance
        Guard.positive (nameof iterations) iterations
        let solution = Array.zeroCreate<float> right.Length
        let residual = Array.copy right
        let mutable direction = Array.copy right
        let mutable squared = dot residual residual
        let negligible = tolerance * tolerance * squared
        let norms = ResizeArray<float>()

        while norms.Count < iterations && squared > negligible do
            let product = multiply direction
            Guard.length "A x" right.Length product.Length
            let curvature = dot direction product

            if not (curvature > 0.0) then
                Guard.fail
                    (nameof multiply)
                    ($"The product has curvature {curvature} along a direction; the matrix must be positive "
                     + "definite: raise the damping.")

            let step = squared / curvature

            for i in 0 .. right.Length - 1 do
                solution[i] <- solution[i] + step * direction[i]
                residual[i] <- residual[i] - step * product[i]

            let next = dot residual residual
            direction <- Array.map2 (fun r d -> r + next / squared * d) residual direction
            squared <- next
            norms.Add(sqrt squared)

        { Solution = solution; ResidualNorms = norms.ToArray() }

    /// `conjugateGradientWithin` 10⁻¹⁶, where rounding is all that is left.
    let conjugateGradient (iterations: int) (multiply: float[] -> float[]) (right: float[]) : ConjugateGradientResult =
        conjugateGradientWithin 1e-16 iterations multiply right

    /// √(2δ / xᵀHx): how far to go along x so that the quadratic model of the divergence is δ > 0.
    let stepScale (maximumDivergence: float) (curvature: float) : float =
        Guard.positiveNumber (nameof maximumDivergence) maximumDivergence
        Guard.positiveNumber (nameof curvature) curvature
        sqrt (2.0 * maximumDivergence / curvature)

    /// The first θ + cʲ·step, j = 0 … maximumTries − 1, whose divergence is ≤ δ and whose surrogate is not below
    /// `start`; θ itself if there is none. `evaluate` gives struct (surrogate, divergence); c ∈ [0, 1]. A NaN is never
    /// accepted.
    let lineSearch
        (backtrack: float)
        (maximumTries: int)
        (maximumDivergence: float)
        (start: float)
        (evaluate: float[] -> struct (float * float))
        (theta: float[])
        (step: float[])
        : LineSearchResult =
        Guard.inRange (nameof backtrack) 0.0 1.0 backtrack
        Guard.positive (nameof maximumTries) maximumTries
        Guard.length (nameof step) theta.Length step.Length
        let tried = ResizeArray<struct (float * float * float)>()
        let mutable fraction = 1.0
        let mutable accepted = None

        while accepted.IsNone && tried.Count < maximumTries do
            let candidate = Array.map2 (fun t s -> t + fraction * s) theta step
            let struct (surrogate, divergence) = evaluate candidate
            tried.Add(struct (fraction, surrogate, divergence))

            if divergence <= maximumDivergence && surrogate >= start then
                accepted <- Some candidate
            else
                fraction <- fraction * backtrack

        {
            Fraction = (if accepted.IsSome then fraction else 0.0)
            Parameters = accepted |> Option.defaultWith (fun () -> Array.copy theta)
            Tried = tried.ToArray()
        }
