/// Policies of finite decision processes: tables of probabilities, and their softmax parameters.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Distributions

/// π(a|s) as an immutable table [S, A]. Made by the functions of `module TabularPolicy`, which validate.
[<Sealed>]
type TabularPolicy internal (states: int, actions: int, probabilities: float[]) =
    /// The number of states S.
    member _.States = states
    /// The number of actions A.
    member _.Actions = actions

    /// π(a|s).
    member _.Item
        with get (state: int, action: int) = probabilities[state * actions + action]

    /// π(·|s) [A].
    member _.Of(state: int) = ReadOnlySpan(probabilities, state * actions, actions)
    /// All probabilities [S, A], row-major.
    member _.Probabilities = ReadOnlyMemory probabilities
    member internal _.Table = probabilities

/// Ways to make a policy.
[<RequireQualifiedAccess>]
module TabularPolicy =

    /// From probabilities [S, A], row-major; each row must be a distribution.
    let create (states: int) (actions: int) (probabilities: float[]) : TabularPolicy =
        Guard.positive (nameof states) states
        Guard.positive (nameof actions) actions
        Guard.length (nameof probabilities) (states * actions) probabilities.Length

        for state in 0 .. states - 1 do
            Array.sub probabilities (state * actions) actions
            |> Guard.probabilities (nameof probabilities) $"probabilities[{state}]"

        TabularPolicy(states, actions, Array.copy probabilities)

    /// The same probability for every action.
    let uniform (mdp: Mdp) =
        TabularPolicy(mdp.States, mdp.Actions, Array.create (mdp.States * mdp.Actions) (1.0 / float mdp.Actions))

    /// One action a state, [S].
    let deterministic (actions: int) (choices: int[]) : TabularPolicy =
        Guard.positive (nameof actions) actions
        Guard.notEmpty (nameof choices) choices.Length
        choices |> Array.iter (Guard.inIntRange (nameof choices) 0 (actions - 1))
        let table = Array.zeroCreate (choices.Length * actions)
        choices |> Array.iteri (fun state action -> table[state * actions + action] <- 1.0)
        TabularPolicy(choices.Length, actions, table)

    /// The first action of the largest value in each state, of action values Q [S, A].
    let greedyActions (actions: int) (actionValues: float[]) : int[] =
        Guard.positive (nameof actions) actions

        if actionValues.Length % actions <> 0 then
            Guard.fail
                (nameof actionValues)
                ($"actionValues has {actionValues.Length} elements; it must have a multiple of {actions}, one row "
                 + "a state.")

        Array.init (actionValues.Length / actions) (fun state ->
            let mutable best = 0

            for action in 1 .. actions - 1 do
                if actionValues[state * actions + action] > actionValues[state * actions + best] then
                    best <- action

            best)

    /// argmax_a Q(s, a), the first of several, of action values Q [S, A].
    let greedy (actions: int) (actionValues: float[]) = deterministic actions (greedyActions actions actionValues)

    /// 1 − ε for the greedy action and ε / A for every action.
    let epsilonGreedy (epsilon: float) (actions: int) (actionValues: float[]) : TabularPolicy =
        Guard.inRange (nameof epsilon) 0.0 1.0 epsilon
        let greedy = greedy actions actionValues

        TabularPolicy(
            greedy.States,
            actions,
            greedy.Table
            |> Array.map (fun probability -> (1.0 - epsilon) * probability + epsilon / float actions)
        )

    /// π(a|s) = exp θ(s, a) / Σ exp θ(s, b), of parameters θ [S, A], row-major.
    let softmax (actions: int) (logits: float[]) : TabularPolicy =
        Guard.positive (nameof actions) actions
        Guard.notEmpty (nameof logits) logits.Length
        Guard.finiteElements (nameof logits) logits

        if logits.Length % actions <> 0 then
            Guard.fail
                (nameof logits)
                $"logits has {logits.Length} elements; it must have a multiple of {actions}, one row a state."

        let table =
            logits
            |> Array.chunkBySize actions
            |> Array.collect (fun row ->
                let top = Array.max row
                let weights = row |> Array.map (fun logit -> exp (logit - top))
                let total = Array.sum weights
                weights |> Array.map (fun weight -> weight / total))

        TabularPolicy(logits.Length / actions, actions, table)

    /// π(a|s) of softmax parameters θ [S, A] as an expression: what derivatives in θ start from.
    let softmaxOf (logits: Expr) : Categorical = Categorical.ofLogits logits

    /// ∂ log π(a|s) / ∂θ(s, b) = [a = b] − π(b|s), [A]; the derivative in the parameters of other states is 0.
    let score (policy: TabularPolicy) (state: int) (action: int) : float[] =
        Array.init policy.Actions (fun other -> (if other = action then 1.0 else 0.0) - policy[state, other])

    /// A softmax policy with standard normal parameters times `spread`, with its parameters [S, A].
    let random (spread: float) (states: int) (actions: int) (rng: Rng) : struct (TabularPolicy * float[] * Rng) =
        let logits = Array.zeroCreate (states * actions)
        let mutable rng = rng

        for index in 0 .. logits.Length - 1 do
            let struct (value, next) = Rng.normal rng
            logits[index] <- spread * value
            rng <- next

        struct (softmax actions logits, logits, rng)

    /// Draws an action.
    let sample (policy: TabularPolicy) (state: int) (rng: Rng) : struct (int * Rng) = Mdp.draw (policy.Of state) rng

    /// Fails unless the policy has the states and actions of the process.
    let internal requireFor (mdp: Mdp) (policy: TabularPolicy) =
        if policy.States <> mdp.States || policy.Actions <> mdp.Actions then
            Guard.fail
                (nameof policy)
                ($"The policy is for {policy.States} states and {policy.Actions} actions; the process has "
                 + $"{mdp.States} and {mdp.Actions}.")
