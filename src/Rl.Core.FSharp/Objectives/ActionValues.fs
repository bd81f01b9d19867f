/// Values from action values, and the returns whose bootstraps are made from them: Sarsa(λ), Q(λ), UPGO, average
/// reward.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// Action values are [M, A], flat, actions last; results are [M], with M = T·N where they go into returns. Numbers must
/// be finite, discounts and traces in [0, 1].
[<AbstractClass; Sealed>]
type ActionValues =

    static member private Check(actions: int, values: ReadOnlySpan<float>, result: Span<float>) =
        Guard.positive (nameof actions) actions
        Guard.length (nameof values) (result.Length * actions) values.Length
        Guard.finiteSpan (nameof values) values

    /// maxₐ q(s, a).
    static member Maximum(actions: int, values: ReadOnlySpan<float>, result: Span<float>) : unit =
        ActionValues.Check(actions, values, result)

        for row in 0 .. result.Length - 1 do
            let mutable best = values[row * actions]

            for action in 1 .. actions - 1 do
                best <- Math.Max(best, values[row * actions + action])

            result[row] <- best

    /// q(s, a) of the given actions.
    static member Chosen
        (actions: int, values: ReadOnlySpan<float>, chosen: ReadOnlySpan<int>, result: Span<float>)
        : unit =
        ActionValues.Check(actions, values, result)
        Guard.length (nameof chosen) result.Length chosen.Length

        for row in 0 .. result.Length - 1 do
            Guard.inIntRange (nameof chosen) 0 (actions - 1) chosen[row]
            result[row] <- values[row * actions + chosen[row]]

    /// Σ π(a|s) q(s, a) with probabilities [M, A].
    static member Expected
        (actions: int, values: ReadOnlySpan<float>, probabilities: ReadOnlySpan<float>, result: Span<float>)
        : unit =
        ActionValues.Check(actions, values, result)
        Guard.length (nameof probabilities) values.Length probabilities.Length
        Guard.fractionSpan (nameof probabilities) probabilities

        for row in 0 .. result.Length - 1 do
            let mutable total = 0.0

            for action in 0 .. actions - 1 do
                total <- total + probabilities[row * actions + action] * values[row * actions + action]

            result[row] <- total

    /// Peng's Q(λ) returns: λ-returns that bootstrap from maxₐ q(sₜ₊₁, a), with `nextActionValues` [T, N, A] (Peng and
    /// Williams 1994). With traces 0 where the next action is not greedy they are Watkins's.
    static member QLambda
        (
            columns: int,
            actions: int,
            rewards: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextActionValues: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Guard.finiteSpan (nameof nextActionValues) nextActionValues
        let best = Array.zeroCreate<float> rewards.Length
        ActionValues.Maximum(actions, nextActionValues, Span best)
        Returns.Lambda(columns, rewards, discounts, ReadOnlySpan best, traces, ReadOnlySpan.Empty, result)

    /// Sarsa(λ) returns: λ-returns that bootstrap from q(sₜ₊₁, aₜ₊₁), with `nextActionValues` [T, N, A] and
    /// `nextActions` [T, N] (Rummery and Niranjan 1994).
    static member SarsaLambda
        (
            columns: int,
            actions: int,
            rewards: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextActionValues: ReadOnlySpan<float>,
            nextActions: ReadOnlySpan<int>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Guard.finiteSpan (nameof nextActionValues) nextActionValues
        let chosen = Array.zeroCreate<float> rewards.Length
        ActionValues.Chosen(actions, nextActionValues, nextActions, Span chosen)
        Returns.Lambda(columns, rewards, discounts, ReadOnlySpan chosen, traces, ReadOnlySpan.Empty, result)

    /// UPGO returns: Gₜ = rₜ + γₜ (Gₜ₊₁ if rₜ₊₁ + γₜ₊₁ v′ₜ₊₁ ≥ vₜ₊₁, else v′ₜ): follow what turned out better than
    /// expected (Vinyals et al. 2019, supplement). `traces` is 1 inside an episode and 0 at its last step.
    static member Upgo
        (
            columns: int,
            rewards: ReadOnlySpan<float>,
            values: ReadOnlySpan<float>,
            discounts: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Guard.positive (nameof columns) columns
        Guard.length (nameof values) rewards.Length values.Length
        Guard.length (nameof discounts) rewards.Length discounts.Length
        Guard.length (nameof nextValues) rewards.Length nextValues.Length
        Guard.length (nameof traces) rewards.Length traces.Length
        Guard.finiteSpan (nameof values) values
        let follow = traces.ToArray()

        for index in 0 .. rewards.Length - columns - 1 do
            let next = index + columns

            if rewards[next] + discounts[next] * nextValues[next] < values[next] then
                follow[index] <- 0.0

        Returns.Lambda(columns, rewards, discounts, nextValues, ReadOnlySpan follow, ReadOnlySpan.Empty, result)

    /// Differential returns of the average-reward setting: Gₜ = rₜ − r̄ + (1 − λₜ) v′ₜ + λₜ Gₜ₊₁, undiscounted (Sutton
    /// and Barto 2018, equation 10.9).
    static member Differential
        (
            columns: int,
            averageReward: float,
            rewards: ReadOnlySpan<float>,
            nextValues: ReadOnlySpan<float>,
            traces: ReadOnlySpan<float>,
            result: Span<float>
        ) : unit =
        Guard.finite (nameof averageReward) averageReward
        Guard.length (nameof result) rewards.Length result.Length
        let ones = Array.create rewards.Length 1.0

        for index in 0 .. rewards.Length - 1 do
            result[index] <- rewards[index] - averageReward

        Returns.Lambda(
            columns,
            Span.op_Implicit result,
            ReadOnlySpan ones,
            nextValues,
            traces,
            ReadOnlySpan.Empty,
            result
        )
