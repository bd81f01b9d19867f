/// Temporal-difference errors of value functions: one step, one target each.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Every function returns δ = target − prediction [...], to be squared (`Losses`) and averaged by the caller; its
/// derivative flows into the prediction alone, never the target. Values v and rewards are [...], action values q [...,
/// A], actions [...] as numbers, discounts γ [...] with 0 where the step terminated. Primed arguments (`next…`) belong
/// to the next observation.
[<RequireQualifiedAccess>]
module ValueLearning =

    /// q(s, a) [...] of action values [..., A] and actions [...].
    let chosen (actions: Expr) (values: Expr) : Expr =
        if values.Rank = 0 || actions.Shape <> values.Shape[.. values.Rank - 2] then
            Guard.fail
                (nameof actions)
                ($"actions have shape {Shape.print actions.Shape}; the action values {Shape.print values.Shape} "
                 + "need one action each, of that shape without the last axis.")

        values |> Expr.gather -1 (Expr.expandAxis -1 actions) |> Expr.squeeze -1

    /// target − prediction, constant in the target.
    let error (prediction: Expr) (target: Expr) : Expr =
        if prediction.Shape <> target.Shape then
            Guard.fail
                (nameof target)
                ($"The target has shape {Shape.print target.Shape} and the prediction "
                 + $"{Shape.print prediction.Shape}; they must be equal.")

        Expr.stopGradient target - prediction

    let private oneStep (prediction: Expr) (reward: Expr) (discount: Expr) (nextValue: Expr) : Expr =
        error prediction (reward + discount * nextValue)

    /// TD(0): r + γ v(s′) − v(s) (Sutton 1988).
    let temporalDifference (value: Expr) (reward: Expr) (discount: Expr) (nextValue: Expr) : Expr =
        oneStep value reward discount nextValue

    /// Sarsa: r + γ q(s′, a′) − q(s, a) (Rummery and Niranjan 1994).
    let sarsa values actions (reward: Expr) (discount: Expr) nextValues nextActions : Expr =
        oneStep (chosen actions values) reward discount (chosen nextActions nextValues)

    /// Expected Sarsa: r + γ Σ π(a|s′) q(s′, a) − q(s, a), with probabilities [..., A] (van Seijen et al. 2009).
    let expectedSarsa
        values
        actions
        (reward: Expr)
        (discount: Expr)
        (nextValues: Expr)
        (nextProbabilities: Expr)
        : Expr =
        oneStep (chosen actions values) reward discount (Expr.sumOver [| -1 |] (nextProbabilities * nextValues))

    /// Q-learning: r + γ maxₐ q(s′, a) − q(s, a) (Watkins 1989; slide 21).
    let qLearning values actions (reward: Expr) (discount: Expr) (nextValues: Expr) : Expr =
        oneStep (chosen actions values) reward discount (Expr.maxOver [| -1 |] nextValues)

    /// Double Q-learning: r + γ q(s′, argmaxₐ q_selector(s′, a)) − q(s, a) (van Hasselt 2010; van Hasselt et al. 2016).
    let doubleQLearning values actions (reward: Expr) (discount: Expr) (nextValues: Expr) (nextSelector: Expr) : Expr =
        oneStep (chosen actions values) reward discount (chosen (Expr.argMax -1 nextSelector) nextValues)

    /// Persistent Q-learning: r + γ [(1 − g) maxₐ q(s′, a) + g q(s′, a)] − q(s, a), a being the action just taken and g
    /// ∈ [0, 1] the action-gap scale (Bellemare et al. 2016).
    let persistentQLearning (gapScale: float) values actions (reward: Expr) (discount: Expr) (nextValues: Expr) : Expr =
        Guard.inRange (nameof gapScale) 0.0 1.0 gapScale

        let next = (1.0 - gapScale) * Expr.maxOver [| -1 |] nextValues + gapScale * chosen actions nextValues

        oneStep (chosen actions values) reward discount next

    /// QV-learning: r + γ v(s′) − q(s, a) (Wiering 2005).
    let qvLearning values actions (reward: Expr) (discount: Expr) (nextValue: Expr) : Expr =
        oneStep (chosen actions values) reward discount nextValue

    /// QV-max: r + γ maxₐ q(s′, a) − v(s) (Wiering and van Hasselt 2009).
    let qvMax (value: Expr) (reward: Expr) (discount: Expr) (nextValues: Expr) : Expr =
        oneStep value reward discount (Expr.maxOver [| -1 |] nextValues)

    /// Soft Q-learning: r + γ τ ln Σ exp(q(s′, a)/τ) − q(s, a) with the temperature τ > 0 (Haarnoja et al. 2017).
    let softQLearning (temperature: float) values actions (reward: Expr) (discount: Expr) (nextValues: Expr) : Expr =
        Guard.positiveNumber (nameof temperature) temperature
        oneStep (chosen actions values) reward discount (temperature * Expr.logSumExp -1 (nextValues / temperature))

    /// Munchausen Q-learning: r + α clip(τ ln π(a|s), l₀, 0) + γ Σ π(a′|s′) (q(s′, a′) − τ ln π(a′|s′)) − q(s, a) with
    /// π = softmax(q̄/τ), where q̄(s, ·) are `frozen` and q̄(s′, ·) `nextValues`; τ > 0 the temperature, α ∈ [0, 1] the
    /// scale and l₀ ≤ 0 the floor (Vieillard, Pietquin, Geist 2020). With α = 0 it is soft Q-learning.
    let munchausen
        (temperature: float)
        (scale: float)
        (floor: float)
        (values: Expr)
        (actions: Expr)
        (reward: Expr)
        (discount: Expr)
        (nextValues: Expr)
        (frozen: Expr)
        : Expr =
        Guard.positiveNumber (nameof temperature) temperature
        Guard.inRange (nameof scale) 0.0 1.0 scale
        Guard.inRange (nameof floor) -infinity 0.0 floor
        let logPolicy = chosen actions (temperature * Expr.logSoftmax -1 (frozen / temperature))
        softQLearning temperature values actions (reward + scale * Expr.clamp floor 0.0 logPolicy) discount nextValues
