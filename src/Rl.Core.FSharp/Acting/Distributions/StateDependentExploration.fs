/// Generalised state-dependent exploration: noise that is a random linear function of the actor's features (Raffin,
/// Kober and Stulp, "Smooth exploration for robotic reinforcement learning", 2022).
namespace Rl.Core.Acting

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Foundations
open Rl.Core.Networks

/// One matrix ε [f, n] a row with ε[j, i] ~ N(0, exp 2P[j, i]); the action is μ(s) + εᵀ φ(s), whose distribution given
/// the features is normal with σᵢ² = Σⱼ φⱼ² exp 2P[j, i].
[<Sealed>]
type internal StateDependentNoise(layout: Layout, rows: int, features: int, count: int) =
    inherit ExplorationNoise()
    let noise = Array.zeroCreate<float32>(rows * features * count)
    let logRootTwoPi = 0.5 * Math.Log(2.0 * Math.PI)

    override _.Draw(theta: float32[], keys: Span<Rng>) : unit =
        let block = layout["actor/" + ActionDistribution.DeviationBlock]
        let deviations = ReadOnlySpan(theta, block.Offset, block.Count)

        for row in 0 .. rows - 1 do
            for element in 0 .. features * count - 1 do
                let struct (normal, key) = Rng.normal keys[row]
                keys[row] <- key
                noise[row * features * count + element] <- float32 (Math.Exp(float deviations[element]) * normal)

    override _.Act
        (
            row: int,
            mean: ReadOnlySpan<float32>,
            allFeatures: ReadOnlySpan<float32>,
            logStandardDeviation: ReadOnlySpan<float32>,
            action: Span<float32>
        ) : float32 =
        let mutable logProbability = 0.0

        for i in 0 .. count - 1 do
            let mutable sum = 0.0f

            for j in 0 .. features - 1 do
                sum <- sum + allFeatures[row * features + j] * noise[(row * features + j) * count + i]

            action[i] <- mean[i] + sum
            let deviation = float logStandardDeviation[i]
            let z = float sum * Math.Exp(-deviation)
            logProbability <- logProbability - 0.5 * z * z - deviation - logRootTwoPi

        float32 logProbability

[<RequireQualifiedAccess>]
module StateDependentExplorationPolicy =

    let internal name = "stateDependentExploration"

    /// Means [..., n] of a normal whose noise is a random linear function of the actor's features φ [..., f], drawn for
    /// several steps: σ² = φ² · exp 2P with parameters P [f, n] starting at the given number.
    let create (count: int) (features: int) (initialLogStandardDeviation: float) : ActionDistribution =
        let format = { Name = name; Sizes = [ count; features ]; Numbers = [ initialLogStandardDeviation ]; Parts = [] }

        let normal = DiagonalNormalPolicy.create count initialLogStandardDeviation

        { ActionDistribution.numbers format count count with
            Parameters = ActionDistribution.deviationLayout [| features; count |] initialLogStandardDeviation
            Spread =
                fun parameters hidden ->
                    let block = Parameters.block ActionDistribution.DeviationBlock parameters
                    // The noise does not teach the features (as in the paper's implementation).
                    let squares = Expr.square (Expr.stopGradient hidden)
                    struct (Some(0.5 * Expr.log (Expr.matmul squares (Expr.exp (2.0 * block)) + 1e-6)), Some hidden)
            Evaluate = normal.Evaluate
            Kl = fun p q -> DiagonalNormal.kl (DiagonalNormalPolicy.ofOutput p) (DiagonalNormalPolicy.ofOutput q)
            Sample = normal.Sample
            Choice = normal.Choice
            Noise = Some(fun layout rows -> StateDependentNoise(layout, rows, features, count))
        }
