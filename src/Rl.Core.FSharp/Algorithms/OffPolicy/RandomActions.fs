/// Actions that are drawn at random, all or now and then, whatever the policy.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations

/// Actions that are drawn uniformly, whatever the policy.
[<RequireQualifiedAccess>]
module UniformActions =

    /// One of `count` choices, of those that are possible where `possible` is not empty: struct (its number, the
    /// generator that follows).
    let choose (count: int) (possible: ReadOnlySpan<bool>) (rng: Rng) : struct (int * Rng) =
        if possible.IsEmpty then
            Rng.below count rng
        else
            let mutable number = 0

            for index in 0 .. count - 1 do
                if possible[index] then number <- number + 1

            if number = 0 then
                Guard.fail "mask" "mask allows no choice of a component of the action; at least one must be possible."

            let struct (drawn, rng) = Rng.below number rng
            let mutable left = drawn
            let mutable chosen = -1
            let mutable index = 0

            while chosen < 0 do
                if possible[index] then
                    if left = 0 then chosen <- index
                    left <- left - 1

                index <- index + 1

            struct (chosen, rng)

    let private several (counts: int[]) (possible: ReadOnlySpan<bool>) (action: Span<float32>) (rng: Rng) : Rng =
        let mutable rng = rng
        let mutable first = 0

        for index in 0 .. counts.Length - 1 do
            let own = if possible.IsEmpty then possible else possible.Slice(first, counts[index])
            let struct (chosen, next) = choose counts[index] own rng
            action[index] <- float32 chosen
            first <- first + counts[index]
            rng <- next

        rng

    /// Writes a policy's action of a space, the generator that follows: each choice with equal probability, numbers
    /// between two finite bounds uniformly (in the units of `scaling`), others standard normal. `possible` has one
    /// element a choice, or none.
    let rec draw
        (scaling: ActionScaling)
        (space: Space)
        (possible: ReadOnlySpan<bool>)
        (action: Span<float32>)
        (rng: Rng)
        : Rng =
        match space with
        | Space.Discrete(count, _) ->
            let struct (chosen, next) = choose count possible rng
            action[0] <- float32 chosen
            next
        | Space.MultiDiscrete(counts, _) -> several counts possible action rng
        | Space.MultiBinary _ -> several (Array.create action.Length 2) possible action rng
        | Space.Box(low, high, _) ->
            let mutable rng = rng

            for index in 0 .. action.Length - 1 do
                let isBounded = Double.IsFinite low[index] && Double.IsFinite high[index]

                let struct (value, next) =
                    match isBounded, scaling with
                    | true, ActionScaling.Bounds -> Rng.uniformIn -1.0 1.0 rng
                    | true, ActionScaling.None -> Rng.uniformIn low[index] high[index] rng
                    | false, _ -> Rng.normal rng

                action[index] <- float32 value
                rng <- next

            rng
        | Space.Tuple _
        | Space.Dict _ ->
            let mutable rng = rng
            let mutable offset, first = 0, 0

            for _, part in space.Parts do
                let own = if possible.IsEmpty then possible else possible.Slice(first, part.Choices)
                rng <- draw scaling part own (action.Slice(offset, part.Size)) rng
                offset <- offset + part.Size
                first <- first + part.Choices

            rng

/// The best action, now and then one at random.
[<RequireQualifiedAccess>]
module EpsilonGreedyActions =

    let private one rate count (possible: ReadOnlySpan<bool>) (action: Span<float32>) (rng: Rng) : Rng =
        let struct (u, rng) = Rng.uniform rng

        if u < rate then
            let struct (chosen, rng) = UniformActions.choose count possible rng
            action[0] <- float32 chosen
            rng
        else
            rng

    /// Writes the mode of the outputs, and in its place for each component of the action, with the probability `rate`,
    /// one of its possible choices, all alike: the generator that follows. Of distributions with several components
    /// the sizes are their numbers of choices.
    let choose
        (rate: float)
        (distribution: ActionDistribution)
        (outputs: ReadOnlySpan<float32>)
        (possible: ReadOnlySpan<bool>)
        (action: Span<float32>)
        (rng: Rng)
        : Rng =
        Policy.mode distribution outputs action

        if distribution.ActionSize = 1 then
            one rate distribution.Choices possible action rng
        else
            let mutable rng, first, index = rng, 0, 0

            for size in distribution.Format.Sizes do
                let own = if possible.IsEmpty then possible else possible.Slice(first, size)
                rng <- one rate size own (action.Slice(index, 1)) rng
                first <- first + size
                index <- index + 1

            rng
