/// The states whose values the targets of replayed returns count.
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Objectives

/// Of each of M transitions s′ after its last step, and where returns are mixed by λ the n − 1 states before it too.
type NextStates =
    {
        /// The states of a transition, m: 1 or n.
        Count: int
        /// [M m, ...], those of a transition in the order of time.
        Observations: Expr
        /// What is possible there [M m, choices], in environments with masks.
        Masks: Expr option
        /// What the value of each counts: [M], or [M, n].
        Discounts: Expr
    }

/// Reading them, and what their values are together.
[<RequireQualifiedAccess>]
module NextStates =

    /// A column of s′ at all states that count: [M m, width].
    let internal column (options: OffPolicyOptions) (column: Column) (batch: Batch) : Expr =
        let last = batch[column]

        match OffPolicyOptions.states options with
        | 1 -> last
        | count ->
            let all = Expr.concat -1 [ batch[DrawnColumns.ofBetween count column]; last ]
            Expr.reshape [| last.Shape[0] * count; last.Shape[1] |] all

    /// Those of a batch of drawn transitions.
    let ofBatch (options: OffPolicyOptions) (columns: TransitionColumns) (masks: Column option) (batch: Batch) =
        let last = batch[DrawnColumns.discounts]
        let count = OffPolicyOptions.states options

        {
            Count = count
            Observations = column options columns.NextObservations batch
            Masks = masks |> Option.map (fun masks -> column options masks batch)
            Discounts =
                if count = 1 then
                    last
                else
                    Expr.concat -1 [ batch[DrawnColumns.discountsBetween count]; Expr.expandAxis -1 last ]
        }

    /// R + Σ discount · value [M] of the values [M m] of the states, constant to derivatives.
    let target (reward: Expr) (states: NextStates) (values: Expr) : Expr =
        if states.Count = 1 then
            OffPolicy.target reward states.Discounts values
        else
            let each = states.Discounts * Expr.reshape states.Discounts.Shape values
            OffPolicy.target reward (Expr.number 1.0) (Expr.sumOver [| -1 |] each)
