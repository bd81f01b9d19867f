/// The categorical distribution over the actions 0 … A − 1.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// π(a) = exp l_a / Σ exp l; the last axis is that of the actions, all others are the batch. The normalised logarithms
/// are computed once and shared by every quantity.
type Categorical =
    {
        /// ln π(a) [..., A].
        LogProbabilities: Expr
    }

/// Quantities of a categorical distribution as expressions, and sampling on spans.
[<RequireQualifiedAccess>]
module Categorical =

    let private lastAxis name (x: Expr) =
        if x.Rank = 0 || x.Shape[x.Rank - 1] = 0 then
            Guard.fail name $"{name} has shape {Shape.print x.Shape}; its last axis must hold at least one action."

        x

    /// The logarithm that stands for probability 0: its exponential is 0 at float32 and float64, yet 0 · ln 0 stays 0.
    [<Literal>]
    let private Never = -1e8

    /// From unnormalised log-probabilities l [..., A]. What is computed from constants alone may hold −∞, for
    /// probability 0; what networks compute is finite, or masked.
    let ofLogits (logits: Expr) =
        let logProbabilities = Expr.logSoftmax -1 (lastAxis (nameof logits) logits)

        let hasInfinite = Graph.isConstant logits && (Reference.evaluate logits).ToArray() |> Array.contains -infinity

        {
            LogProbabilities =
                if hasInfinite then
                    Expr.maximum logProbabilities (Expr.number Never)
                else
                    logProbabilities
        }

    /// From probabilities [..., A] ≥ 0, one of each row greater than 0; they are normalised first. The logarithm of 0
    /// is −10⁸, so that 0 · ln 0 is 0 in entropies and divergences, and no derivative flows into it. Constants are
    /// checked here; what else the probabilities are, is the caller's.
    let ofProbabilities (probabilities: Expr) =
        let probabilities = lastAxis (nameof probabilities) probabilities

        match probabilities.Operation with
        | Constant tensor ->
            let values, actions = tensor.ToArray(), probabilities.Shape[probabilities.Rank - 1]
            Guard.notNegativeSpan (nameof probabilities) (ReadOnlySpan values)

            for row in 0 .. values.Length / actions - 1 do
                if not (ReadOnlySpan(values, row * actions, actions).ContainsAnyExcept 0.0) then
                    Guard.fail
                        (nameof probabilities)
                        $"Row {row} of probabilities has only zeros; at least one of {actions} must be greater than 0."
        | _ -> ()

        let shares = probabilities / Expr.sumKeep [| -1 |] probabilities
        let possible = Expr.greater shares (Expr.number 0.0)
        let safe = Expr.select possible shares (Expr.number 1.0)
        { LogProbabilities = Expr.select possible (Expr.log safe) (Expr.number Never) }

    /// Fails if a row of mask [..., A] has no action that is possible, that is, not 0. For masks that are inputs of a
    /// program.
    let requirePossible (actions: int) (mask: ReadOnlySpan<float>) : unit =
        Guard.positive (nameof actions) actions

        if mask.Length % actions <> 0 then
            Guard.fail
                (nameof mask)
                $"mask has {mask.Length} elements; it must have a multiple of {actions}, one row a state."

        for row in 0 .. mask.Length / actions - 1 do
            if not (mask.Slice(row * actions, actions).ContainsAnyExcept 0.0) then
                Guard.fail
                    (nameof mask)
                    $"Row {row} of mask has no possible action; at least one of {actions} must not be 0."

    /// Logits [..., A] less the largest of the possible ones, those where mask [..., A] is not 0; the impossible ones
    /// are −10⁸, below every possible one unless that is as good as impossible beside the largest.
    let maskLogits (mask: Expr) (logits: Expr) : Expr =
        let data = Expr.stopGradient logits
        let largest = Expr.maxKeep [| -1 |] (Expr.select mask data (Expr.number -infinity))
        Expr.select mask (logits - Expr.stopGradient largest) (Expr.number Never)

    /// Only the actions where mask [..., A] is not 0 are possible; the others have probability 0 and their logits
    /// derivative 0. At least one action of each row must be possible: a constant mask is checked here, what else a
    /// mask is by `requirePossible`.
    let masked (mask: Expr) (logits: Expr) =
        match mask.Operation with
        | Constant tensor when mask.Rank > 0 ->
            requirePossible mask.Shape[mask.Rank - 1] (ReadOnlySpan<float>(tensor.ToArray()))
        | _ -> ()

        ofLogits (maskLogits mask logits)

    /// The batch shape [...].
    let batchShape (p: Categorical) = p.LogProbabilities.Shape[.. p.LogProbabilities.Rank - 2]

    /// π(a) [..., A].
    let probabilities (p: Categorical) = Expr.exp p.LogProbabilities

    /// ln π(a) of actions given as numbers [...] in the batch's shape.
    let logProbability (actions: Expr) (p: Categorical) : Expr =
        if actions.Shape <> batchShape p then
            Guard.fail
                (nameof actions)
                ($"actions have shape {Shape.print actions.Shape}; the log-probabilities "
                 + $"{Shape.print p.LogProbabilities.Shape} need one action each, {Shape.print (batchShape p)}.")

        p.LogProbabilities |> Expr.gather -1 (Expr.expandAxis -1 actions) |> Expr.squeeze -1

    /// −Σ π(a) ln π(a) [...], in nats.
    let entropy (p: Categorical) : Expr = -(Expr.sumOver [| -1 |] (probabilities p * p.LogProbabilities))

    /// KL(p ‖ q) = Σ p(a) (ln p(a) − ln q(a)) [...].
    let kl (p: Categorical) (q: Categorical) : Expr =
        Expr.sumOver [| -1 |] (probabilities p * (p.LogProbabilities - q.LogProbabilities))

    /// The most probable action [...], the first of several, as a number; no derivative.
    let mode (p: Categorical) : Expr = Expr.argMax -1 p.LogProbabilities

    let private largest (logits: ReadOnlySpan<float32>) =
        let mutable best = 0

        for i in 1 .. logits.Length - 1 do
            if logits[i] > logits[best] then best <- i

        best

    let private weight (logit: float32) (largest: float32) = Math.Exp(float (logit - largest))

    let private requireFinite (logits: ReadOnlySpan<float32>) (total: float) =
        if not (Double.IsFinite total) || total <= 0.0 then
            let text = String.Join(", ", logits.ToArray())

            Guard.fail
                "logits"
                $"The logits ({text}) do not make a distribution; they must be numbers or −∞, and one of them finite."

    /// Draws an action from logits [A] by inverting the distribution function: struct (action, its log-probability, the
    /// generator that follows). Allocates nothing; an action of logit −∞ is never drawn. Fails for NaN and +∞.
    let sample (logits: ReadOnlySpan<float32>) (rng: Rng) : struct (int * float32 * Rng) =
        Guard.positive (nameof logits) logits.Length
        let top = logits[largest logits]
        let mutable total = 0.0

        for i in 0 .. logits.Length - 1 do
            total <- total + weight logits[i] top

        requireFinite logits total
        let struct (uniform, rng) = Rng.uniform rng
        let target = uniform * total
        let mutable action = 0
        let mutable cumulative = weight logits[0] top

        // The same sum in the same order ends at `total` exactly, which exceeds the target.
        while cumulative <= target && action < logits.Length - 1 do
            action <- action + 1
            cumulative <- cumulative + weight logits[action] top

        struct (action, float32 (float (logits[action] - top) - Math.Log total), rng)

    /// The first of the most probable actions of logits [A].
    let modeOf (logits: ReadOnlySpan<float32>) =
        Guard.positive (nameof logits) logits.Length
        largest logits
