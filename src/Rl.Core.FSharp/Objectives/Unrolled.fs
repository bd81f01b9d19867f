/// The recurrence of returns over expressions, for losses that differentiate through rewards, values or discounts.
namespace Rl.Core.Objectives

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Arrays are time-major [T, ...]; all have one shape, and `following` that shape without the time. The program grows
/// with T: meant for short horizons, such as imagined ones (Hafner et al. 2020, equation 6). `Returns` computes the
/// same from data.
[<RequireQualifiedAccess>]
module Unrolled =

    let private check (first: Expr) (others: (string * Expr) list) (following: Expr) =
        if first.Rank = 0 || first.Shape[0] = 0 then
            Guard.fail
                "rewards"
                $"rewards have shape {Shape.print first.Shape}; they need at least one step, [T, ...] with T ≥ 1."

        for name, other in others do
            if other.Shape <> first.Shape then
                Guard.fail
                    name
                    ($"{name} has shape {Shape.print other.Shape}; it must be that of the rewards, "
                     + $"{Shape.print first.Shape}.")

        if following.Shape <> first.Shape[1..] then
            Guard.fail
                (nameof following)
                ($"following has shape {Shape.print following.Shape}; it must be one step of the rewards, "
                 + $"{Shape.print first.Shape[1..]}.")

    let private step (index: int) (x: Expr) = x |> Expr.slice 0 index (index + 1) |> Expr.squeeze 0

    /// Gₜ = rₜ + γₜ [(1 − λₜ) v′ₜ + λₜ Gₜ₊₁] [T, ...], with G after the last step given by `following`; differentiable
    /// in everything.
    let lambda (rewards: Expr) (discounts: Expr) (nextValues: Expr) (traces: Expr) (following: Expr) : Expr =
        check rewards [ nameof discounts, discounts; nameof nextValues, nextValues; nameof traces, traces ] following
        let one = Expr.number 1.0
        let mutable next = following

        [
            for index in rewards.Shape[0] - 1 .. -1 .. 0 do
                let at = step index
                next <- Equation.backup one (at rewards) (at discounts) (at nextValues) (at traces) next
                next
        ]
        |> List.rev
        |> Expr.stack 0

    /// Sₜ = xₜ + dₜ Sₜ₊₁ [T, ...], S after the last step being `following`: the recurrence at λ = 1.
    let discountedSum (sequence: Expr) (decay: Expr) (following: Expr) : Expr =
        lambda sequence decay (Expr.zeros sequence.Shape) (Expr.ones sequence.Shape) following

    /// The axis of time turned around.
    let reverse (x: Expr) : Expr =
        Expr.indexSelect 0 (Expr.vector [ for index in x.Shape[0] - 1 .. -1 .. 0 -> float index ]) x

    /// Sₜ = xₜ + dₜ Sₜ₋₁ [T, ...], S before the first step being `preceding`: the sum from the front.
    let forwardDiscountedSum (sequence: Expr) (decay: Expr) (preceding: Expr) : Expr =
        reverse (discountedSum (reverse sequence) (reverse decay) preceding)
