/// Exact values, occupancies, objectives and gradients over a fixed number of steps, by backward and forward recursion.
namespace Rl.Core.Tabular

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// What a policy is worth over H steps: arrays by time t = 0 … H − 1.
type FiniteHorizonEvaluation =
    {
        /// V(t, s) of the H − t steps that remain, [H + 1][S]; the last is 0.
        Values: float[][]
        /// Q(t, s, a), [H][S, A].
        ActionValues: float[][]
        /// γᵗ P(sₜ = s and the episode still runs), [H][S].
        Occupancy: float[][]
        /// J = Σ p(s₁) V(0, s₁).
        Objective: float
    }

/// The objective E[Σ γᵗ rₜ] over t = 0 … H − 1 for any γ ∈ [0, 1] (slide 4).
[<RequireQualifiedAccess>]
module FiniteHorizon =

    let private stateValues (policy: TabularPolicy) (actionValues: float[]) =
        Array.init policy.States (fun state ->
            let mutable total = 0.0

            for action in 0 .. policy.Actions - 1 do
                total <- total + policy[state, action] * actionValues[state * policy.Actions + action]

            total)

    /// V, Q, the occupancy and J of a policy over `horizon` ≥ 1 steps: V(t) = Σ_a π(a|s) Q(t, s, a), Q(t) = r + γ P V(t
    /// + 1).
    let evaluate (mdp: Mdp) (horizon: int) (policy: TabularPolicy) : FiniteHorizonEvaluation =
        Guard.positive (nameof horizon) horizon
        TabularPolicy.requireFor mdp policy
        let values = Array.init (horizon + 1) (fun _ -> Array.zeroCreate mdp.States)
        let actionValues = Array.create horizon [||]

        for time in horizon - 1 .. -1 .. 0 do
            actionValues[time] <- Mdp.actionValues mdp values[time + 1]
            values[time] <- stateValues policy actionValues[time]

        let chain = Chain.mix policy (Mdp.continuations mdp)

        let occupancy =
            Array.unfold
                (fun (time, present: float[]) ->
                    if time = horizon then
                        None
                    else
                        let next =
                            chain.LeftMultiply(MathNet.Numerics.LinearAlgebra.Double.DenseVector.OfArray present)

                        Some(present, (time + 1, (mdp.Discount * next).ToArray())))
                (0, mdp.StartArray)

        {
            Values = values
            ActionValues = actionValues
            Occupancy = occupancy
            Objective = Array.fold2 (fun total p v -> total + p * v) 0.0 mdp.StartArray values[0]
        }

    /// J of a policy over `horizon` steps.
    let objective (mdp: Mdp) (horizon: int) (policy: TabularPolicy) = (evaluate mdp horizon policy).Objective

    /// A(t, s, a) = Q(t, s, a) − V(t, s), [H][S, A].
    let advantages (evaluation: FiniteHorizonEvaluation) : float[][] =
        evaluation.ActionValues
        |> Array.mapi (fun time actionValues ->
            let actions = actionValues.Length / evaluation.Values[time].Length
            actionValues |> Array.mapi (fun pair value -> value - evaluation.Values[time][pair / actions]))

    /// ∂J/∂θ(s, a) = Σₜ d(t, s) π(a|s) A(t, s, a) of the softmax parameters of a policy that does not depend on time,
    /// [S, A].
    let softmaxGradient (mdp: Mdp) (horizon: int) (policy: TabularPolicy) : float[] =
        let evaluation = evaluate mdp horizon policy
        let advantages = advantages evaluation

        Array.init (mdp.States * mdp.Actions) (fun pair ->
            let mutable total = 0.0

            for time in 0 .. horizon - 1 do
                total <- total + evaluation.Occupancy[time][pair / mdp.Actions] * advantages[time][pair]

            total * policy.Table[pair])

    /// The best values V*(t, s) [H + 1][S] and the first best action of each time and state, [H][S]: Bellman's backward
    /// recursion.
    let optimal (mdp: Mdp) (horizon: int) : struct (float[][] * int[][]) =
        Guard.positive (nameof horizon) horizon
        let values = Array.init (horizon + 1) (fun _ -> Array.zeroCreate mdp.States)
        let choices = Array.create horizon [||]

        for time in horizon - 1 .. -1 .. 0 do
            let actionValues = Mdp.actionValues mdp values[time + 1]
            choices[time] <- TabularPolicy.greedyActions mdp.Actions actionValues
            values[time] <- choices[time] |> Array.mapi (fun state action -> actionValues[state * mdp.Actions + action])

        struct (values, choices)

/// J(θ) as an expression of softmax parameters, to be differentiated to any order.
[<RequireQualifiedAccess>]
module DifferentiableObjective =

    let private requireLogits (mdp: Mdp) (logits: Expr) =
        if logits.Shape <> [| mdp.States; mdp.Actions |] then
            Guard.fail
                (nameof logits)
                ($"logits has shape {Shape.print logits.Shape}; the process needs "
                 + $"{Shape.print [| mdp.States; mdp.Actions |]}.")

    let private tensor shape (values: float[]) = Expr.constant (Tensor.create shape values)

    /// π [S, A], r [S, A] and the kernel of what goes on [S, A, S].
    let private parts (mdp: Mdp) (logits: Expr) =
        requireLogits mdp logits
        let states, actions = mdp.States, mdp.Actions

        struct (Expr.softmax -1 logits,
                tensor [| states; actions |] (Mdp.expectedRewards mdp),
                tensor [| states; actions; states |] (Mdp.continuations mdp))

    let private startOf (mdp: Mdp) = Expr.vector mdp.StartArray

    /// E[Σ γᵗ rₜ] over `horizon` ≥ 1 steps of the softmax policy of θ [S, A]: the backward recursion, unrolled.
    let finiteHorizon (mdp: Mdp) (horizon: int) (logits: Expr) : Expr =
        Guard.positive (nameof horizon) horizon
        let struct (policy, rewards, kernel) = parts mdp logits
        let flat = Expr.reshape [| mdp.States * mdp.Actions; mdp.States |] kernel

        let backup (values: Expr) =
            let next = Expr.matmul flat (Expr.expandAxis -1 values) |> Expr.reshape [| mdp.States; mdp.Actions |]

            Expr.sumOver [| 1 |] (policy * (rewards + mdp.Discount * next))

        let mutable values = Expr.zeros [| mdp.States |]

        for _ in 1..horizon do
            values <- backup values

        Expr.dot (startOf mdp) values

    /// p(s₁)·(I − γ C_π)⁻¹ r_π of the softmax policy of θ [S, A], γ < 1. The inverse is the product of (I + M)(I +
    /// M²)(I + M⁴) … with M = γ C_π, to a relative error of 10⁻¹⁶.
    let discounted (mdp: Mdp) (logits: Expr) : Expr =
        if mdp.Discount >= 1.0 then
            Guard.fail
                (nameof mdp)
                "The discount is 1; the discounted objective needs a discount below 1, or use finiteHorizon."

        let struct (policy, rewards, kernel) = parts mdp logits
        let ofPairs = Expr.reshape [| mdp.States; mdp.Actions; 1 |] policy
        let mutable power = mdp.Discount * Expr.sumOver [| 1 |] (ofPairs * kernel)
        let mutable values = Expr.expandAxis -1 (Expr.sumOver [| 1 |] (policy * rewards))
        let mutable remaining = mdp.Discount

        // Σ over k < 2ⁿ of Mᵏ r, doubling n until γ to the power 2ⁿ vanishes.
        while remaining > 1e-17 do
            values <- values + Expr.matmul power values
            power <- Expr.matmul power power
            remaining <- remaining * remaining

        Expr.dot (startOf mdp) (Expr.squeeze -1 values)
