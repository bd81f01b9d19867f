/// Weights of targets that look different numbers of imagined steps ahead.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// Candidates T₀ … T_H for one target, each with a variance σᵢ² of its own (Buckman et al., "Sample-efficient
/// reinforcement learning with stochastic ensemble value expansion", 2018).
[<RequireQualifiedAccess>]
module ValueExpansion =

    /// wᵢ = σᵢ⁻² / Σⱼ σⱼ⁻²: the weights that add up to 1 for which Σ wᵢ² σᵢ², the variance of the mixture Σ wᵢ Tᵢ of
    /// independent candidates, is least, namely 1 / Σⱼ σⱼ⁻² (Buckman et al. 2018, section 3). Candidates without
    /// variance share all weight alike, the limit of small variances. A variance that is not a number makes all weights
    /// so. `ArgumentException` for no variances, for weights of another number, and for one below 0.
    let inverseVariance (variances: ReadOnlySpan<float>) (weights: Span<float>) : unit =
        Guard.notEmpty (nameof variances) variances.Length
        Guard.length (nameof weights) variances.Length weights.Length
        let mutable least = Double.PositiveInfinity

        for variance in variances do
            if variance < 0.0 then
                Guard.fail (nameof variances) $"A variance is {variance}; none may be below 0."

            least <- Math.Min(least, variance)

        let mutable sum = 0.0

        for index in 0 .. variances.Length - 1 do
            // In units of the least variance, so that none is too small to be divided by.
            let weight =
                if least = 0.0 then
                    (if variances[index] = 0.0 then 1.0 else 0.0)
                else
                    least / variances[index]

            weights[index] <- weight
            sum <- sum + weight

        for index in 0 .. weights.Length - 1 do
            weights[index] <- weights[index] / sum

    /// Mean and variance, the mean squared distance from it, of estimates of one candidate. `ArgumentException` where
    /// there are none.
    let moments (estimates: ReadOnlySpan<float>) : struct (float * float) =
        Guard.notEmpty (nameof estimates) estimates.Length
        let mutable sum = 0.0

        for estimate in estimates do
            sum <- sum + estimate

        let mean = sum / float estimates.Length
        let mutable squares = 0.0

        for estimate in estimates do
            let distance = estimate - mean
            squares <- squares + distance * distance

        struct (mean, squares / float estimates.Length)
