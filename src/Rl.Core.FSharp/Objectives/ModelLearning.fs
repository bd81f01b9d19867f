/// Losses of learnt models of the world, and what an ensemble of them does not know.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// A model predicts numbers [..., n] by their means μ and the logarithms of their variances ln σ². Of an ensemble the
/// members lie along the first axis: [E, ..., n].
[<RequireQualifiedAccess>]
module ModelLearning =

    /// ln σ² kept softly between two bounds, which broadcast to it: min + softplus(max − softplus(max − raw) − min). It
    /// has a derivative everywhere, in the bounds too; outside of them the variance goes neither to 0 nor to infinity
    /// (Chua et al. 2018, appendix A.1).
    let boundLogVariance (least: Expr) (largest: Expr) (raw: Expr) : Expr =
        let below = largest - Expr.softplus (largest - raw)
        least + Expr.softplus (below - least)

    /// (μ − y)² e^(−ln σ²) + ln σ² [..., n]: twice the negative log-likelihood of y under N(μ, σ²), less ln 2π (Chua et
    /// al. 2018, equation 1; slide 10's ‖f(s, a) − s′‖² is its case of a constant σ).
    let gaussianLoss (mean: Expr) (logVariance: Expr) (target: Expr) : Expr =
        Expr.square (mean - target) * Expr.exp (-logVariance) + logVariance

    /// Σ max − Σ min, a scalar: added with a small weight it draws learnt bounds together as far as the data lets them.
    let boundsSpread (least: Expr) (largest: Expr) : Expr = Expr.sum largest - Expr.sum least

    /// The mean over members of what they predict [..., n], means or logarithms of variances: propagation by
    /// expectation.
    let expectation (predictions: Expr) : Expr = Expr.meanOver [| 0 |] predictions

    /// Of each row the prediction of a member [B, n], from those of all [E, B, n] and the members' numbers [B]: what a
    /// trajectory of sampled members follows.
    let ofMembers (members: Expr) (predictions: Expr) : Expr =
        if predictions.Rank <> 3 || members.Shape <> [| predictions.Shape[1] |] then
            Guard.fail
                (nameof members)
                ($"members has the shape {Shape.print members.Shape} and predictions {Shape.print predictions.Shape}; "
                 + "they must be [B] and [E, B, n].")

        let index =
            Expr.reshape [| 1; members.Shape[0]; 1 |] members
            |> Expr.broadcastTo [| 1; predictions.Shape[1]; predictions.Shape[2] |]

        Expr.squeeze 0 (Expr.gather 0 index predictions)

    /// The variance over members of their means [..., n]: what the ensemble does not know for want of data (epistemic);
    /// it goes to 0 where members agree. `ArgumentException` for a single member, which knows nothing of that.
    let epistemic (means: Expr) : Expr =
        if means.Rank < 1 || means.Shape[0] < 2 then
            Guard.fail
                (nameof means)
                ($"The means have shape {Shape.print means.Shape}; a difference between members needs an ensemble of "
                 + "at least 2: raise the number of members.")

        Expr.squeeze 0 (Expr.varianceKeep [| 0 |] means)

    /// The mean over members of their variances [..., n]: the noise that no data takes away (aleatoric).
    let aleatoric (logVariances: Expr) : Expr = expectation (Expr.exp logVariances)

    /// The variance of the mixture of the members [..., n]: by the law of total variance exactly epistemic + aleatoric.
    let totalVariance (means: Expr) (logVariances: Expr) : Expr = epistemic means + aleatoric logVariances

    /// From `first` to `last` in a straight line while x goes from `from` to `until`, constant before and after: the
    /// length of model rollouts, before it is rounded down (Janner et al. 2019, appendix C).
    let truncatedLinear (from: float) (until: float) (first: float) (last: float) (x: float) : float =
        for name, value in [ nameof from, from; nameof until, until; nameof first, first; nameof last, last ] do
            Guard.finite name value

        if until < from then
            Guard.fail (nameof until) $"until is {until}; it must not be less than from, {from}."

        if until - from < 1e-10 then
            last
        else
            let share = System.Math.Clamp((x - from) / (until - from), 0.0, 1.0)
            first + share * (last - first)
