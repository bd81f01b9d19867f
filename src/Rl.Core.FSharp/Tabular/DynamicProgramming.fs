/// Optimal values and policies of finite processes by sweeps over all states: value, policy and modified policy
/// iteration.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// What a planner found.
type Solution =
    {
        /// V [S].
        Values: float[]
        /// The first greedy action of each state, [S].
        Choices: int[]
        /// How many sweeps, or improvements of the policy, it took.
        Iterations: int
        /// max |T V − V| at the end.
        Residual: float
    }

/// Synchronous planners. A residual ε leaves V within ε / (1 − γ) of the optimum. Where γ = 1, episodes must end under
/// the policies that are met; a planner that cannot converge fails and says so. Source: Puterman (1994), chapter 6.
[<RequireQualifiedAccess>]
module DynamicProgramming =

    /// Fails for a planner that did not converge within a number of sweeps, or of other work, that the argument `name`
    /// sets.
    let internal notConvergedIn (name: string) (work: string) (mdp: Mdp) (count: int) (residual: float) : 'T =
        let remedy =
            if mdp.Discount = 1.0 then
                ("The discount is 1: if episodes need not end, the values have no limit; use a discount below 1, "
                 + "a finite horizon (FiniteHorizon), or the average-reward form (AverageReward).")
            else
                $"Allow more {work} or a larger tolerance."

        Guard.fail name $"After {count} {work} the residual is still {residual}. {remedy}"

    let internal notConverged mdp sweeps residual : 'T = notConvergedIn "maxSweeps" "sweeps" mdp sweeps residual

    /// Fails where a change of values is no number, because they are too large for one.
    let internal requireFinite (sweeps: int) (change: float) =
        if not (Double.IsFinite change) then
            Guard.fail "mdp" $"After {sweeps} sweeps the values are no finite numbers; make the rewards smaller."

    let internal solution (mdp: Mdp) (values: float[]) (iterations: int) : Solution =
        {
            Values = values
            Choices = TabularPolicy.greedyActions mdp.Actions (Mdp.actionValues mdp values)
            Iterations = iterations
            Residual = Bellman.distance (Bellman.optimality mdp values) values
        }

    /// Applies an operator from `initial` until it changes nothing by more than `tolerance`: struct (its fixed point,
    /// sweeps). Fails after `maxSweeps`.
    let fixedPoint
        (tolerance: float)
        (maxSweeps: int)
        (mdp: Mdp)
        (operator: float[] -> float[])
        (initial: float[])
        : struct (float[] * int) =
        Guard.notNegativeNumber (nameof tolerance) tolerance
        Guard.positive (nameof maxSweeps) maxSweeps
        let mutable values = initial
        let mutable sweeps = 0
        let mutable change = infinity

        while change > tolerance do
            if sweeps = maxSweeps then notConverged mdp sweeps change
            let next = operator values
            change <- Bellman.distance next values
            requireFinite sweeps change
            values <- next
            sweeps <- sweeps + 1

        struct (values, sweeps)

    /// V ← T V from 0 until the change is at most `tolerance` (Bellman 1957).
    let valueIteration (tolerance: float) (maxSweeps: int) (mdp: Mdp) : Solution =
        let struct (values, sweeps) =
            fixedPoint tolerance maxSweeps mdp (Bellman.optimality mdp) (Array.zeroCreate mdp.States)

        solution mdp values sweeps

    /// V ← T_Ω V from 0: struct (the regularised optimal values, their policy). Source: Geist et al. (2019).
    let regularisedValueIteration
        (regulariser: Regulariser)
        (tolerance: float)
        (maxSweeps: int)
        (mdp: Mdp)
        : struct (float[] * TabularPolicy) =
        let operator = Bellman.regularised regulariser mdp
        let struct (values, _) = fixedPoint tolerance maxSweeps mdp operator (Array.zeroCreate mdp.States)
        struct (values, Bellman.regularisedPolicy regulariser mdp values)

    /// The policy greedy in V that keeps the present action where no other is better by more than rounding.
    let private improve (mdp: Mdp) (values: float[]) (choices: int[]) =
        let actionValues = Mdp.actionValues mdp values

        choices
        |> Array.mapi (fun state present ->
            let at action = actionValues[state * mdp.Actions + action]
            let margin = 1e-14 * abs (at present)
            let mutable best = present

            for action in 0 .. mdp.Actions - 1 do
                if at action > at best + margin then best <- action

            best)

    /// The deterministic policies of policy iteration from `choices` [S] on, each with its exact values, until none
    /// changes: each is at least as good as the one before, in every state (Howard 1960).
    let policiesFrom (choices: int[]) (mdp: Mdp) : struct (int[] * float[]) list =
        Guard.length (nameof choices) mdp.States choices.Length

        // Where rounding makes two policies take turns, the second visit to one ends it.
        let rec go (choices: int[]) found =
            let values = Exact.values mdp (TabularPolicy.deterministic mdp.Actions choices)
            let found = struct (choices, values) :: found
            let next = improve mdp values choices

            if found |> List.exists (fun struct (known, _) -> known = next) then
                List.rev found
            else
                go next found

        go choices []

    /// Policy iteration from the policy that is greedy in the expected rewards; every evaluation is a linear solve.
    let policyIteration (mdp: Mdp) : Solution =
        let choices = TabularPolicy.greedyActions mdp.Actions (Mdp.expectedRewards mdp)
        let policies = policiesFrom choices mdp
        let struct (_, values) = List.last policies
        solution mdp values policies.Length

    /// V ← (T_π)ᵐ V with π greedy in V: m = `backups` = 1 is value iteration, and m → ∞ policy iteration (Puterman and
    /// Shin 1978).
    let modifiedPolicyIteration (backups: int) (tolerance: float) (maxSweeps: int) (mdp: Mdp) : Solution =
        Guard.positive (nameof backups) backups
        Guard.notNegativeNumber (nameof tolerance) tolerance
        Guard.positive (nameof maxSweeps) maxSweeps
        let mutable values = Array.zeroCreate<float> mdp.States
        let mutable improvements = 0
        let mutable residual = infinity

        while residual > tolerance do
            if improvements = maxSweeps then notConverged mdp improvements residual
            residual <- Bellman.distance (Bellman.optimality mdp values) values
            requireFinite improvements residual

            if residual > tolerance then
                let policy = Bellman.greedy mdp values
                values <- Bellman.iterate backups (Bellman.evaluation mdp policy) values
                improvements <- improvements + 1

        solution mdp values improvements
