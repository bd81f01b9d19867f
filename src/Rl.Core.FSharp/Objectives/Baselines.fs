/// Constant baselines of the policy gradient: those that leave it the least variance.
namespace Rl.Core.Objectives

open Rl.Core.Foundations

/// Baselines b of the estimate ∇ log π · (G − b). E[∇ log π] = 0, so that every constant leaves its mean alone; these
/// make its second moment, and so its variance, least (slide 14). Each of the M samples has a weight ≥ 0, of which only
/// the ratios count: 1 for samples, p(τ) for an exact expectation over trajectories. `scores` [M][n] are the vectors ∇
/// log π, of a step or summed over a trajectory, and `returns` [M] what they are multiplied by. A baseline that is
/// estimated from the very samples that it is subtracted from adds a bias of order 1/M. Numbers must be finite.
[<RequireQualifiedAccess>]
module Baselines =

    let private check (weights: float[]) (scores: float[][]) (returns: float[]) =
        Guard.notEmpty (nameof weights) weights.Length
        Guard.length (nameof scores) weights.Length scores.Length
        Guard.length (nameof returns) weights.Length returns.Length
        weights |> Array.iter (Guard.notNegativeNumber (nameof weights))
        Guard.finiteElements (nameof returns) returns

        scores
        |> Array.iteri (fun sample score ->
            if score.Length <> scores[0].Length then
                Guard.fail
                    (nameof scores)
                    ($"scores[{sample}] has {score.Length} elements and scores[0] has {scores[0].Length}; they "
                     + "must be equally long.")

            score |> Array.iter (Guard.finite (nameof scores)))

    /// E[x² G] / E[x²] of the numbers x² that `square` gives, or 0 where all of them are 0: there any baseline will do.
    let private ratio (weights: float[]) (returns: float[]) (square: int -> float) =
        let mutable weighted = 0.0
        let mutable total = 0.0

        for sample in 0 .. weights.Length - 1 do
            let weight = weights[sample] * square sample
            weighted <- weighted + weight * returns[sample]
            total <- total + weight

        if total > 0.0 then weighted / total else 0.0

    /// b* = E[‖∇ log π‖² G] / E[‖∇ log π‖²], the best single number: at b* + x the second moment is higher by x² E[‖∇
    /// log π‖²]. 0 where all scores are 0. Source: Weaver and Tao, "The optimal reward baseline for gradient-based
    /// reinforcement learning" (2001); Greensmith, Bartlett and Baxter, "Variance reduction techniques for gradient
    /// estimates in reinforcement learning" (2004), theorem 8.
    let optimal (weights: float[]) (scores: float[][]) (returns: float[]) : float =
        check weights scores returns
        ratio weights returns (fun sample -> scores[sample] |> Array.sumBy (fun score -> score * score))

    /// b*ᵢ = E[(∂ᵢ log π)² G] / E[(∂ᵢ log π)²] [n], the best number for each component of the gradient; 0 where all
    /// scores of the component are 0. Source: Peters and Schaal, "Reinforcement learning of motor skills with policy
    /// gradients" (2008), equation 20.
    let optimalPerComponent (weights: float[]) (scores: float[][]) (returns: float[]) : float[] =
        check weights scores returns

        Array.init scores[0].Length (fun component' ->
            ratio weights returns (fun sample -> scores[sample][component'] * scores[sample][component']))
