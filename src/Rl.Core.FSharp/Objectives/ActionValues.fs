/// Values from action values, and the returns whose bootstraps are made from them: Sarsa(λ), Q(λ), UPGO, average
/// reward.
namespace Rl.Core.Objectives

open System
open System.Numerics
open Rl.Core.Foundations

/// Action values are [M, A], flat, actions last; results are [M], with M = T·N where they go into returns; numbers are
/// float32 or float64, finite, discounts and traces in [0, 1]. Wrong ones raise `ArgumentException`, which names the
/// argument and the element. Q(λ), Sarsa(λ) and differential returns take arrays [T, N] one by one, as they lack one of
/// the four that `Steps` hold.
[<AbstractClass; Sealed>]
type ActionValues =

    static member private Check(actions: int, values: ReadOnlySpan<'T>, result: Span<'T>) =
        Guard.positive (nameof actions) actions
        Guard.length (nameof values) (result.Length * actions) values.Length
        Guard.finiteSpan (nameof values) values

    /// maxₐ q(s, a).
    static member Maximum<'T when 'T :> INumber<'T>>(actions: int, values: ReadOnlySpan<'T>, result: Span<'T>) : unit =
        ActionValues.Check(actions, values, result)

        for row in 0 .. result.Length - 1 do
            let mutable best = values[row * actions]

            for action in 1 .. actions - 1 do
                best <- 'T.Max(best, values[row * actions + action])

            result[row] <- best

    /// q(s, a) of the given actions.
    static member Chosen<'T when 'T :> INumber<'T>>
        (actions: int, values: ReadOnlySpan<'T>, chosen: ReadOnlySpan<int>, result: Span<'T>)
        : unit =
        ActionValues.Check(actions, values, result)
        Guard.length (nameof chosen) result.Length chosen.Length

        for row in 0 .. result.Length - 1 do
            Guard.inIntRange (nameof chosen) 0 (actions - 1) chosen[row]
            result[row] <- values[row * actions + chosen[row]]

    /// Σ π(a|s) q(s, a) with probabilities [M, A].
    static member Expected<'T when 'T :> INumber<'T>>
        (actions: int, values: ReadOnlySpan<'T>, probabilities: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        ActionValues.Check(actions, values, result)
        Guard.length (nameof probabilities) values.Length probabilities.Length
        Guard.fractionSpan (nameof probabilities) probabilities

        for row in 0 .. result.Length - 1 do
            let mutable total = 'T.Zero

            for action in 0 .. actions - 1 do
                total <- total + probabilities[row * actions + action] * values[row * actions + action]

            result[row] <- total

    /// Peng's Q(λ) returns: λ-returns that bootstrap from maxₐ q(sₜ₊₁, a), with `nextActionValues` [T, N, A] (Peng and
    /// Williams 1994). With traces 0 where the next action is not greedy they are Watkins's.
    static member QLambda<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            actions: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextActionValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Guard.finiteSpan (nameof nextActionValues) nextActionValues
        let best = Array.zeroCreate<'T> rewards.Length
        ActionValues.Maximum(actions, nextActionValues, Span best)
        let steps = Steps<'T>(columns, rewards, discounts, ReadOnlySpan best, traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result)

    /// Sarsa(λ) returns: λ-returns that bootstrap from q(sₜ₊₁, aₜ₊₁), with `nextActionValues` [T, N, A] and
    /// `nextActions` [T, N] (Rummery and Niranjan 1994).
    static member SarsaLambda<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            actions: int,
            rewards: ReadOnlySpan<'T>,
            discounts: ReadOnlySpan<'T>,
            nextActionValues: ReadOnlySpan<'T>,
            nextActions: ReadOnlySpan<int>,
            traces: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Guard.finiteSpan (nameof nextActionValues) nextActionValues
        let chosen = Array.zeroCreate<'T> rewards.Length
        ActionValues.Chosen(actions, nextActionValues, nextActions, Span chosen)
        let steps = Steps<'T>(columns, rewards, discounts, ReadOnlySpan chosen, traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result)

    /// UPGO returns: Gₜ = rₜ + γₜ (Gₜ₊₁ if rₜ₊₁ + γₜ₊₁ v′ₜ₊₁ ≥ vₜ₊₁, else v′ₜ): follow what turned out better than
    /// expected, v = `values` [T, N] (Vinyals et al. 2019, supplement). The steps' traces are 1 inside an episode and 0
    /// at its last step.
    static member Upgo<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (steps: Steps<'T>, values: ReadOnlySpan<'T>, result: Span<'T>)
        : unit =
        steps.CheckLength(nameof values, values.Length)
        Guard.finiteSpan (nameof values) values
        let columns = steps.Columns
        let follow = steps.Traces.ToArray()

        for index in 0 .. steps.Count - columns - 1 do
            let next = index + columns
            let target: 'T = steps.Rewards[next] + steps.Discounts[next] * steps.NextValues[next]

            if 'T.op_LessThan (target, values[next]) then follow[index] <- 'T.Zero

        let followed = Steps<'T>(columns, steps.Rewards, steps.Discounts, steps.NextValues, ReadOnlySpan follow)
        Returns.Lambda(followed, ReadOnlySpan.Empty, result)

    /// Differential returns of the average-reward setting: Gₜ = rₜ − r̄ + (1 − λₜ) v′ₜ + λₜ Gₜ₊₁, undiscounted (Sutton
    /// and Barto 2018, equation 10.9).
    static member Differential<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType and 'T :> INumber<'T>>
        (
            columns: int,
            averageReward: 'T,
            rewards: ReadOnlySpan<'T>,
            nextValues: ReadOnlySpan<'T>,
            traces: ReadOnlySpan<'T>,
            result: Span<'T>
        ) : unit =
        Guard.finite (nameof averageReward) (Double.CreateTruncating averageReward)
        Guard.length (nameof result) rewards.Length result.Length
        let ones = Array.create rewards.Length 'T.One

        for index in 0 .. rewards.Length - 1 do
            result[index] <- rewards[index] - averageReward

        let steps = Steps<'T>(columns, Span.op_Implicit result, ReadOnlySpan ones, nextValues, traces)
        Returns.Lambda(steps, ReadOnlySpan.Empty, result)
