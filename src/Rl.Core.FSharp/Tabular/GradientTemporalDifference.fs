/// Prediction with linear features, off policy: semi-gradient TD, residual gradient, GTD2 and TDC.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// φ(s) of every state: what a linear value w·φ(s) is made of.
type LinearFeatures =
    {
        /// d
        Size: int
        /// [S, d], row-major.
        Values: float[]
    }

    /// The number of states (or pairs) that have features.
    member this.Count = this.Values.Length / this.Size

/// Features and products with them.
[<RequireQualifiedAccess>]
module LinearFeatures =

    /// From a matrix [S, d], row-major.
    let create (size: int) (values: float[]) : LinearFeatures =
        Guard.positive (nameof size) size
        Guard.notEmpty (nameof values) values.Length
        Guard.finiteElements (nameof values) values

        if values.Length % size <> 0 then
            Guard.fail
                (nameof values)
                $"values has {values.Length} elements; it must have a multiple of {size}, one row a state."

        { Size = size; Values = Array.copy values }

    /// One feature a state: a table.
    let tabular (count: int) : LinearFeatures =
        Guard.positive (nameof count) count
        create count (Array.init (count * count) (fun index -> if index / count = index % count then 1.0 else 0.0))

    /// φ(s) [d].
    let row (features: LinearFeatures) (index: int) : float[] =
        Array.sub features.Values (index * features.Size) features.Size

    /// w·φ(s).
    let value (features: LinearFeatures) (weights: float[]) (index: int) : float =
        Guard.length (nameof weights) features.Size weights.Length
        let mutable total = 0.0

        for feature in 0 .. features.Size - 1 do
            total <- total + weights[feature] * features.Values[index * features.Size + feature]

        total

    /// w·φ of every state.
    let all (features: LinearFeatures) (weights: float[]) : float[] = Array.init features.Count (value features weights)

/// Weights with the auxiliary ones of gradient methods.
type GradientWeights =
    {
        /// w [d].
        Weights: float[]
        /// h [d], which estimates E[φφᵀ]⁻¹ E[ρ δ φ].
        Auxiliary: float[]
    }

/// Each function takes weights, a transition and its importance ratio ρ = π(a|s) / μ(a|s) (1 on policy), and returns
/// new weights. Steps count `Transition.Weight` times. δ = r + γ w·φ′ − w·φ. Source: Sutton et al., "Fast
/// gradient-descent methods for temporal-difference learning with linear function approximation" (2009); Maei (2011)
/// for the ratio; slide 24.
[<RequireQualifiedAccess>]
module GradientTemporalDifference =

    let private dot (a: float[]) (b: float[]) = Array.fold2 (fun total x y -> total + x * y) 0.0 a b

    let private add (scale: float) (direction: float[]) (weights: float[]) =
        Array.map2 (fun w d -> w + scale * d) weights direction

    let private parts (features: LinearFeatures) (weights: float[]) (transition: Transition) =
        Guard.length (nameof weights) features.Size weights.Length
        let here, next = LinearFeatures.row features transition.State, LinearFeatures.row features transition.Next
        let error = transition.Reward + transition.Discount * dot weights next - dot weights here
        struct (here, next, error)

    let private check (stepSize: float) (ratio: float) =
        Guard.notNegativeNumber (nameof stepSize) stepSize
        Guard.notNegativeNumber (nameof ratio) ratio

    /// Weights w and zeros for h.
    let create (weights: float[]) : GradientWeights =
        { Weights = Array.copy weights; Auxiliary = Array.zeroCreate weights.Length }

    /// Semi-gradient TD(0): w ← w + α ρ δ φ. It may diverge off policy.
    let semiGradient
        (stepSize: float)
        (features: LinearFeatures)
        (weights: float[])
        (transition: Transition)
        (ratio: float)
        : float[] =
        check stepSize ratio
        let struct (here, _, error) = parts features weights transition
        add (transition.Weight * stepSize * ratio * error) here weights

    /// Residual gradient: w ← w + α ρ δ (φ − γ φ′), the descent of the mean squared δ with one sample of s′ (Baird
    /// 1995). It converges, to the smallest Bellman error only where the process is deterministic.
    let residualGradient
        (stepSize: float)
        (features: LinearFeatures)
        (weights: float[])
        (transition: Transition)
        (ratio: float)
        : float[] =
        check stepSize ratio
        let struct (here, next, error) = parts features weights transition
        let direction = add -transition.Discount next here
        add (transition.Weight * stepSize * ratio * error) direction weights

    /// h ← h + β (ρ δ − φ·h) φ.
    let private auxiliary stepSize ratio weight error (here: float[]) (h: float[]) =
        add (weight * stepSize * (ratio * error - dot here h)) here h

    /// GTD2: w ← w + α ρ (φ − γ φ′) (φ·h), and h with step size β.
    let gtd2
        (stepSize: float)
        (auxiliaryStepSize: float)
        (features: LinearFeatures)
        (weights: GradientWeights)
        (transition: Transition)
        (ratio: float)
        : GradientWeights =
        check stepSize ratio
        Guard.notNegativeNumber (nameof auxiliaryStepSize) auxiliaryStepSize
        let struct (here, next, error) = parts features weights.Weights transition
        let direction = add -transition.Discount next here
        let projected = dot here weights.Auxiliary

        {
            Weights = add (transition.Weight * stepSize * ratio * projected) direction weights.Weights
            Auxiliary = auxiliary auxiliaryStepSize ratio transition.Weight error here weights.Auxiliary
        }

    /// TDC: w ← w + α ρ (δ φ − γ φ′ (φ·h)), and h with step size β: TD with a correction of its gradient.
    let tdc
        (stepSize: float)
        (auxiliaryStepSize: float)
        (features: LinearFeatures)
        (weights: GradientWeights)
        (transition: Transition)
        (ratio: float)
        : GradientWeights =
        check stepSize ratio
        Guard.notNegativeNumber (nameof auxiliaryStepSize) auxiliaryStepSize
        let struct (here, next, error) = parts features weights.Weights transition
        let projected = dot here weights.Auxiliary
        let scale = transition.Weight * stepSize * ratio

        {
            Weights = weights.Weights |> add (scale * error) here |> add (-scale * transition.Discount * projected) next
            Auxiliary = auxiliary auxiliaryStepSize ratio transition.Weight error here weights.Auxiliary
        }
