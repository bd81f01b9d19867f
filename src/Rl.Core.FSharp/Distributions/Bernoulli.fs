/// The Bernoulli distribution: one yes-or-no an element.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// P(x = 1) = 1 / (1 + e⁻ˡ); every element is a distribution of its own.
type Bernoulli =
    {
        /// The log-odds l [...].
        Logits: Expr
    }

/// Quantities of Bernoulli distributions, element by element.
[<RequireQualifiedAccess>]
module Bernoulli =

    /// From log-odds [...].
    let ofLogits (logits: Expr) = { Logits = logits }

    /// The size of the log-odds that stand for certainty: P is then 0 or 1 at float32 and float64, yet 0 · ln 0 stays
    /// 0.
    [<Literal>]
    let private Certain = 1e8

    /// From probabilities in [0, 1]. The log-odds of 0 and 1 are ∓10⁸, so that entropies and divergences stay numbers,
    /// and no derivative flows into them. Constants are checked here; what else the probabilities are, is the caller's.
    let ofProbabilities (probabilities: Expr) =
        match probabilities.Operation with
        | Constant tensor -> Guard.fractionSpan (nameof probabilities) (ReadOnlySpan<float>(tensor.ToArray()))
        | _ -> ()

        let isPossible = Expr.greater probabilities (Expr.number 0.0)
        let isUncertain = isPossible * Expr.less probabilities (Expr.number 1.0)
        let safe = Expr.select isUncertain probabilities (Expr.number 0.5)
        let certain = Expr.select isPossible (Expr.number Certain) (Expr.number -Certain)
        { Logits = Expr.select isUncertain (Expr.log safe - Expr.logOnePlus (-safe)) certain }

    /// P(x = 1), which is the mean too.
    let probabilities (p: Bernoulli) : Expr = Expr.sigmoid p.Logits

    /// p (1 − p).
    let variance (p: Bernoulli) : Expr = Expr.sigmoid p.Logits * Expr.sigmoid (-p.Logits)

    /// ln P(x) with x of 0 and 1: −ln(1 + e⁻ˡ) of 1 and −ln(1 + eˡ) of 0, each without the difference of large numbers.
    let logProbability (x: Expr) (p: Bernoulli) : Expr = -(Expr.softplus ((1.0 - 2.0 * x) * p.Logits))

    /// −p ln p − (1 − p) ln(1 − p), in nats: ln(1 + e⁻ˢ) + s/(1 + eˢ) of s = |l|, the same for l and −l.
    let entropy (p: Bernoulli) : Expr =
        // Beyond 10⁸, infinity included, all is certain.
        let size = Expr.clamp 0.0 Certain (Expr.abs p.Logits)
        Expr.softplus -size + size * Expr.sigmoid -size

    /// KL(p ‖ q) = P ln(P/Q) + (1 − P) ln((1 − P)/(1 − Q)) of the probabilities P, Q of 1, by ln P = −ln(1 + e⁻ˡ), so
    /// that certainty cancels nothing.
    let kl (p: Bernoulli) (q: Bernoulli) : Expr =
        // What is impossible costs nothing, however impossible q holds it.
        let weighted (share: Expr) (logarithm: Expr) =
            let isPossible = Expr.greater share (Expr.number 0.0)
            share * Expr.select isPossible logarithm (Expr.number 0.0)

        weighted (probabilities p) (Expr.softplus -q.Logits - Expr.softplus -p.Logits)
        + weighted (Expr.sigmoid -p.Logits) (Expr.softplus q.Logits - Expr.softplus p.Logits)

    /// 1 where P(x = 1) > ½, else 0; no derivative.
    let mode (p: Bernoulli) : Expr = Expr.greater p.Logits (Expr.number 0.0)

    /// Draws 0 or 1 from each log-odds into `destination`: struct (the log-probability of all together, the generator
    /// that follows).
    let sample (logits: ReadOnlySpan<float32>) (destination: Span<float32>) (rng: Rng) : struct (float32 * Rng) =
        Guard.length (nameof destination) logits.Length destination.Length
        let mutable rng = rng
        let mutable logProbability = 0.0

        for index in 0 .. logits.Length - 1 do
            let logit = float logits[index]
            Guard.finite (nameof logits) logit
            let struct (isOne, next) = Rng.bernoulli (1.0 / (1.0 + Math.Exp(-logit))) rng
            rng <- next
            destination[index] <- if isOne then 1.0f else 0.0f
            let x = if isOne then -logit else logit
            // −ln(1 + eˣ), for either sign of x.
            logProbability <- logProbability - Math.Max(x, 0.0) - Math.Log(1.0 + Math.Exp(-(Math.Abs x)))

        struct (float32 logProbability, rng)
