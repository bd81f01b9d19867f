/// Policies that act on preferences: greedy, epsilon-greedy, Boltzmann; and the distribution of one certain value.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Categorical distributions made from preferences such as action values [..., A]. No derivative flows into the
/// preferences of the greedy ones.
[<RequireQualifiedAccess>]
module EpsilonGreedy =

    /// The logarithm that stands for probability 0, as in `Categorical.masked`.
    [<Literal>]
    let private Never = -1e8

    let private ofShares (probabilities: Expr) : Categorical =
        let possible = Expr.greater probabilities (Expr.number 0.0)
        let safe = Expr.select possible probabilities (Expr.number 1.0)
        { LogProbabilities = Expr.select possible (Expr.log safe) (Expr.number Never) }

    /// π(a) = ε/A + (1 − ε)·[a is best]/(number of best actions); ε ∈ [0, 1]. Equal preferences share (Sutton and Barto
    /// 2018, 2.2).
    let create (epsilon: float) (preferences: Expr) : Categorical =
        Guard.inRange (nameof epsilon) 0.0 1.0 epsilon

        if preferences.Rank = 0 || preferences.Shape[preferences.Rank - 1] = 0 then
            Guard.fail
                (nameof preferences)
                $"preferences have shape {Shape.print preferences.Shape}; the last axis must hold at least one action."

        let count = float preferences.Shape[preferences.Rank - 1]
        let best = Expr.equal preferences (Expr.maxKeep [| -1 |] preferences)
        let greedy = best / Expr.sumKeep [| -1 |] best
        ofShares (Expr.stopGradient (epsilon / count + (1.0 - epsilon) * greedy))

    /// `create` among the actions where mask [..., A] is not 0, of which each row needs one; the others have
    /// probability 0, and what is preferred of them does not matter.
    let masked (epsilon: float) (mask: Expr) (preferences: Expr) : Categorical =
        Guard.inRange (nameof epsilon) 0.0 1.0 epsilon

        if mask.Shape <> preferences.Shape then
            Guard.fail
                (nameof mask)
                ($"mask has shape {Shape.print mask.Shape}; the preferences {Shape.print preferences.Shape} need "
                 + "one of the same.")

        match mask.Operation with
        | Constant tensor when mask.Rank > 0 ->
            Categorical.requirePossible mask.Shape[mask.Rank - 1] (ReadOnlySpan<float>(tensor.ToArray()))
        | _ -> ()

        let zero, one = Expr.number 0.0, Expr.number 1.0
        let possible = Expr.select mask one zero
        let known = Expr.select mask preferences (Expr.number -infinity)
        let best = possible * Expr.equal known (Expr.maxKeep [| -1 |] known)
        let greedy = best / Expr.sumKeep [| -1 |] best
        let even = possible / Expr.sumKeep [| -1 |] possible
        ofShares (Expr.stopGradient (epsilon * even + (1.0 - epsilon) * greedy))

    /// The best actions alone, in equal shares.
    let greedy (preferences: Expr) : Categorical = create 0.0 preferences

    /// π(a) ∝ exp(q(a) / temperature), temperature > 0: Boltzmann exploration, differentiable.
    let boltzmann (temperature: float) (preferences: Expr) : Categorical =
        Guard.positiveNumber (nameof temperature) temperature
        Categorical.ofLogits (preferences / temperature)

/// All probability on one value.
type Deterministic =
    {
        /// The value [..., n].
        Value: Expr
    }

/// Quantities of deterministic distributions, so that deterministic policies fit where stochastic ones do.
[<RequireQualifiedAccess>]
module Deterministic =

    /// From the value [..., n].
    let create (value: Expr) : Deterministic =
        if value.Rank = 0 then
            Guard.fail (nameof value) "The value is a scalar; its last axis is the event's, so it needs at least one."

        { Value = value }

    /// 0 where x is the value, −∞ elsewhere [...]; no derivative.
    let logProbability (x: Expr) (p: Deterministic) : Expr =
        let differs = Expr.maxOver [| -1 |] (1.0 - Expr.equal x p.Value)
        Expr.select differs (Expr.number -infinity) (Expr.number 0.0)

    /// 0 [...].
    let entropy (p: Deterministic) : Expr = Expr.zeros p.Value.Shape[.. p.Value.Rank - 2]

    /// KL(p ‖ q) = 0 where the values are equal, ∞ elsewhere [...]; no derivative.
    let kl (p: Deterministic) (q: Deterministic) : Expr = -(logProbability p.Value q)

    /// The value.
    let mode (p: Deterministic) : Expr = p.Value

    /// Copies the value [n] to `destination`, as samplers do: struct (its log-probability 0, the generator, from which
    /// nothing is drawn).
    let sample (value: ReadOnlySpan<float32>) (destination: Span<float32>) (rng: Rng) : struct (float32 * Rng) =
        Guard.length (nameof destination) value.Length destination.Length
        value.CopyTo destination
        struct (0.0f, rng)
