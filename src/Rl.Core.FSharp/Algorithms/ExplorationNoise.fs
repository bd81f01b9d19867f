/// Generalised state-dependent exploration: noise that is a random linear function of the actor's features (Raffin, Kober and Stulp,
/// "Smooth exploration for robotic reinforcement learning", 2022).
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Networks

/// One matrix ε [f, n] a row with ε[j, i] ~ N(0, exp 2P[j, i]); the action is μ(s) + εᵀ φ(s), whose distribution given the features is
/// normal with σᵢ² = Σⱼ φⱼ² exp 2P[j, i].
[<Sealed>]
type internal ExplorationNoise(layout: Layout, rows: int, features: int, count: int) =
    let noise = Array.zeroCreate<float32>(rows * features * count)
    let logRootTwoPi = 0.5 * Math.Log(2.0 * Math.PI)

    /// Draws new matrices, row r from keys[r], which move on.
    member _.Draw(theta: float32[], keys: Span<Rng>) : unit =
        let deviations = Layout.part "actor/logStandardDeviation" layout (ReadOnlySpan theta)

        for row in 0 .. rows - 1 do
            for element in 0 .. features * count - 1 do
                let struct (normal, key) = Rng.normal keys[row]
                keys[row] <- key
                noise[row * features * count + element] <- float32 (Math.Exp(float deviations[element]) * normal)

    /// Writes the action of a row with the means μ [n], the features of all rows [rows, f] and ln σ [n] of the row; returns its
    /// log-probability.
    member _.Act
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
