/// Several independent categorical actions at once, as MultiDiscrete spaces need.
namespace Rl.Core.Distributions

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// π(a₁, …, a_k) = ∏ πᵢ(aᵢ): one categorical distribution a component, all with the same batch.
type MultiCategorical =
    {
        /// The components, in the order of the actions.
        Components: Categorical list
    }

/// Quantities of products of categorical distributions.
[<RequireQualifiedAccess>]
module MultiCategorical =

    /// From concatenated logits [..., A₁ + … + A_k] and the sizes A₁ … A_k.
    let ofLogits (sizes: int list) (logits: Expr) : MultiCategorical =
        if sizes.IsEmpty then
            Guard.fail (nameof sizes) "There are no components; give the number of actions of at least one."

        sizes |> List.iter (Guard.positive (nameof sizes))
        Guard.length (nameof logits) (List.sum sizes) (if logits.Rank = 0 then 0 else logits.Shape[logits.Rank - 1])
        let starts = List.scan (+) 0 sizes

        {
            Components =
                List.map2
                    (fun start size -> Categorical.ofLogits (Expr.slice -1 start (start + size) logits))
                    (List.take sizes.Length starts)
                    sizes
        }

    /// `Categorical.maskLogits` of each component: logits and mask [..., A₁ + … + A_k].
    let maskLogits (sizes: int list) (mask: Expr) (logits: Expr) : Expr =
        let starts = List.scan (+) 0 sizes

        List.map2
            (fun start size ->
                let part = Expr.slice -1 start (start + size)
                Categorical.maskLogits (part mask) (part logits))
            (List.take sizes.Length starts)
            sizes
        |> Expr.concat -1

    let private total (quantity: Categorical -> Expr) (p: MultiCategorical) =
        p.Components |> List.map quantity |> List.reduce (+)

    /// Σ ln πᵢ(aᵢ) [...] of actions [..., k].
    let logProbability (actions: Expr) (p: MultiCategorical) : Expr =
        Guard.length
            (nameof actions)
            p.Components.Length
            (if actions.Rank = 0 then 0 else actions.Shape[actions.Rank - 1])

        p.Components
        |> List.mapi (fun index part ->
            Categorical.logProbability (actions |> Expr.slice -1 index (index + 1) |> Expr.squeeze -1) part)
        |> List.reduce (+)

    /// The sum of the components' entropies [...], in nats.
    let entropy (p: MultiCategorical) : Expr = total Categorical.entropy p

    /// KL(p ‖ q) [...], the sum of the components'.
    let kl (p: MultiCategorical) (q: MultiCategorical) : Expr =
        Guard.length (nameof q) p.Components.Length q.Components.Length
        List.map2 Categorical.kl p.Components q.Components |> List.reduce (+)

    /// The most probable action of each component [..., k]; no derivative.
    let mode (p: MultiCategorical) : Expr = p.Components |> List.map Categorical.mode |> Expr.stack -1

    /// Draws one action a component from concatenated logits into `destination` [k]: struct (log-probability of all,
    /// the generator that follows). Allocates nothing.
    let sample
        (sizes: ReadOnlySpan<int>)
        (logits: ReadOnlySpan<float32>)
        (destination: Span<int>)
        (rng: Rng)
        : struct (float32 * Rng) =
        Guard.length (nameof destination) sizes.Length destination.Length
        let mutable rng = rng
        let mutable start = 0
        let mutable total = 0.0f

        for index in 0 .. sizes.Length - 1 do
            let struct (action, logProbability, next) = Categorical.sample (logits.Slice(start, sizes[index])) rng
            destination[index] <- action
            total <- total + logProbability
            rng <- next
            start <- start + sizes[index]

        Guard.length (nameof logits) start logits.Length
        struct (total, rng)
