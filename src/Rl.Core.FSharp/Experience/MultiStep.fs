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
///
/// With λ below 1 the targets Gᵢ of i = 1 … k steps are mixed, (1 − λ) Σ_{i<k} λ^(i−1) Gᵢ + λ^(k−1) G_k (Peng and
/// Williams 1996; of replayed steps: Daley and Amato 2019): then R = Σ_{i<k} (γλ)^i rᵢ, the discount of s′ is
/// γ^k λ^(k−1), and the value of the state after i < k steps counts (1 − λ) γ^i λ^(i−1) beside it.
[<Sealed>]
type MultiStep(columns: TransitionColumns, steps: int, discount: float, lambda: float) =
    do
        Guard.positive (nameof steps) steps
        Guard.inRange (nameof discount) 0.0 1.0 discount
        Guard.inRange (nameof lambda) 0.0 1.0 lambda

    let traces = MultiStep.powers lambda steps
    let lasts = MultiStep.powers discount steps |> Array.mapi (fun k power -> power * traces[max 0 (k - 1)])
    let earlier = lasts |> Array.map ((*) (1.0 - lambda))
    let rewardDiscount = discount * lambda
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

    /// Those of n steps alone.
    new(columns, steps, discount) = MultiStep(columns, steps, discount, 1.0)

    /// n.
    member _.Steps = steps
    /// γ.
    member _.Discount = discount
    /// γλ, by which rewards are discounted.
    member _.RewardDiscount = rewardDiscount
    /// γ^k λ^(k−1), by which the value of the state after the last of k steps is.
    member _.Power(steps: int) = lasts[steps]

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

                returns[index] <- float32 (MultiStep.total rewardDiscount count (fun k -> float rewards[k]))

            discounts[index] <- if replay.Single(goesOn, last[index]) = 0.0f then 0.0f else float32 lasts[count]

    /// Of each row and its last one the n − 1 rows that lead to states before s′, and what their values count; after
    /// the last but one step of fewer than n, the last row and 0.
    member _.ReadBetween
        (copies: int, rows: ReadOnlySpan<int>, last: ReadOnlySpan<int>, between: Span<int>, discounts: Span<float32>)
        : unit =
        Guard.length (nameof last) rows.Length last.Length
        Guard.length (nameof between) (rows.Length * (steps - 1)) between.Length
        Guard.length (nameof discounts) between.Length discounts.Length

        for index in 0 .. rows.Length - 1 do
            for taken in 1 .. steps - 1 do
                let row = rows[index] + (taken - 1) * copies
                let place = index * (steps - 1) + taken - 1
                let isBefore = row < last[index]
                between[place] <- if isBefore then row else last[index]
                discounts[place] <- if isBefore then float32 earlier[taken] else 0.0f
