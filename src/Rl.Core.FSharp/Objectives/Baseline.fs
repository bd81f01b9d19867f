/// Baselines of least variance for the score-function gradient.
namespace Rl.Core.Objectives

open Rl.Core.Foundations

/// A baseline b leaves the mean of ∇ log π · (G − b) and moves its second moment along a parabola in b, whose least point is known.
[<RequireQualifiedAccess>]
module Baseline =

    let private requireLength name (expected: float[]) (actual: 'T[]) = Guard.length name expected.Length actual.Length

    /// b* = E[‖∇ log π‖² G] / E[‖∇ log π‖²]: the constant that makes the variance of the whole gradient least. `weights` [M] ≥ 0: the
    /// probabilities of the samples, or equal numbers for samples drawn from π; `squaredScores` [M] ≥ 0: ‖∇ log π‖² of each; `returns`
    /// [M]: G. 0 where every score is 0, when any baseline is as good.
    /// Source: Weaver and Tao (2001); Greensmith, Bartlett and Baxter (2004); slide 14.
    let best (weights: float[]) (squaredScores: float[]) (returns: float[]) : float =
        Guard.notEmpty (nameof weights) weights.Length
        requireLength (nameof squaredScores) weights squaredScores
        requireLength (nameof returns) weights returns
        Guard.finiteElements (nameof weights) weights
        Guard.finiteElements (nameof squaredScores) squaredScores
        Guard.finiteElements (nameof returns) returns
        let norms = Array.map2 (*) weights squaredScores
        let total = Array.sum norms
        if total > 0.0 then Array.sum (Array.map2 (*) norms returns) / total else 0.0

    /// bᵢ* = E[(∂ᵢ log π)² G] / E[(∂ᵢ log π)²] for each parameter i, [P]: the least variance of every index of the gradient, never more
    /// than with `best`. `scores` [M][P]: ∇ log π of each sample. Source: Peters and Schaal (2008), table 1; slide 14.
    let bestOfComponents (weights: float[]) (scores: float[][]) (returns: float[]) : float[] =
        Guard.notEmpty (nameof scores) scores.Length
        requireLength (nameof scores) weights scores

        Array.init scores[0].Length (fun index ->
            best weights (scores |> Array.map (fun score -> score[index] * score[index])) returns)
