/// Transitions of several steps: what n steps earn, and the state that they lead to.
namespace Rl.Core.Experience

open System
open Rl.Core.Foundations

/// Windows of steps.
[<RequireQualifiedAccess>]
module MultiStep =

    /// r₀ + γ r₁ + … + γ^(k−1) r_(k−1), added from the last on.
    let inline total (discount: float) (count: int) ([<InlineIfLambda>] reward: int -> float) : float =
        let mutable sum = 0.0

        for index in count - 1 .. -1 .. 0 do
            sum <- reward index + discount * sum

        sum

    /// γ^k for k = 0 … n.
    let powers (discount: float) (steps: int) : float[] = Array.init (steps + 1) (fun k -> Math.Pow(discount, float k))

/// Transitions of up to n steps of a replay: from row t, the rows t, t + N, … of the same copy, at most n of them, up
/// to the last of the episode or the newest. Of k such steps
///   R = Σ_{i<k} γ^i rᵢ and the discount γ^k, or 0 where the last step terminated,
/// so that R + discount · V(s′) with s′ after the last step is the n-step target. At a time limit and at the newest row
/// s′ is the true last observation, and its value counts with γ^k of the steps that were taken.
[<Sealed>]
type MultiStep(columns: TransitionColumns, steps: int, discount: float) =
    do
        Guard.positive (nameof steps) steps
        Guard.inRange (nameof discount) 0.0 1.0 discount

    let powers = MultiStep.powers discount steps
    let rewards = Array.zeroCreate<float32> steps
    let places = ReplayPlaces [ columns.Ends; columns.Rewards; columns.Continues ]

    let count (replay: Replay) (ends: ColumnPlace) row =
        let mutable count, last = 1, row

        while count < steps
              && replay.Single(ends, last) = 0.0f
              && last + replay.Copies < replay.Count
              && replay.Step(last + replay.Copies) > 0 do
            last <- last + replay.Copies
            count <- count + 1

        count

    /// n.
    member _.Steps = steps
    /// γ.
    member _.Discount = discount
    /// γ^k.
    member _.Power(steps: int) = powers[steps]

    /// The number k of steps from a row on; the last is row + (k − 1) N.
    member _.Count(replay: Replay, row: int) : int = count replay (places.Of replay).[0] row

    /// Of each row: the last row of its steps, R, and the discount.
    member _.Read
        (replay: Replay, rows: ReadOnlySpan<int>, last: Span<int>, returns: Span<float32>, discounts: Span<float32>)
        : unit =
        Guard.length (nameof last) rows.Length last.Length
        Guard.length (nameof returns) rows.Length returns.Length
        Guard.length (nameof discounts) rows.Length discounts.Length
        let found = places.Of replay
        let ends, reward, goesOn = found[0], found[1], found[2]

        for index in 0 .. rows.Length - 1 do
            let row = rows[index]

            if row < 0 || row >= replay.Count then
                Guard.fail (nameof rows) $"The replay has {replay.Count} rows; there is no row {row}."

            let count = if steps = 1 then 1 else count replay ends row
            last[index] <- row + (count - 1) * replay.Copies

            if count = 1 then
                returns[index] <- replay.Single(reward, row)
            else
                for k in 0 .. count - 1 do
                    rewards[k] <- replay.Single(reward, row + k * replay.Copies)

                returns[index] <- float32 (MultiStep.total discount count (fun k -> float rewards[k]))

            discounts[index] <-
                if replay.Single(goesOn, last[index]) = 0.0f then
                    0.0f
                else
                    float32 powers[count]
