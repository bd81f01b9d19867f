/// How far values are from what their own backup says: the error that value fitting minimises, beside the return that
/// it does not.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// What fitted action values are worth.
type ValueFit =
    {
        /// The mean squared optimality error.
        BellmanError: float
        /// J of the policy that is greedy in them.
        Return: float
    }

/// Mean squared errors. Weights are not negative and need not sum to 1; `Exact.occupancy` weighs states as a policy
/// meets them. Source: Sutton and Barto (2018), section 11.4; slide 24.
[<RequireQualifiedAccess>]
module BellmanError =

    let private weightedSquare (weights: float[]) (errors: float[]) : float =
        Guard.length (nameof weights) errors.Length weights.Length
        weights |> Array.iter (Guard.notNegativeNumber (nameof weights))
        let total = Array.sum weights

        if total = 0.0 then
            Guard.fail (nameof weights) "weights are all 0; at least one must be positive."

        Array.fold2 (fun sum weight error -> sum + weight * error * error) 0.0 weights errors / total

    let private ofErrors (error: Transition -> float) (transitions: Transition[]) : float =
        Guard.notEmpty (nameof transitions) transitions.Length
        weightedSquare (transitions |> Array.map _.Weight) (transitions |> Array.map error)

    /// Mean of δ² with δ = r + γ V(s′) − V(s) over transitions, by their weights. Where the next state is random this
    /// is the squared Bellman error and the variance of r + γ V(s′) together.
    let ofValues (values: float[]) (transitions: Transition[]) : float = ofErrors (Tabular.error values) transitions

    /// Mean of δ² with δ = r + γ max_b Q(s′, b) − Q(s, a), likewise; Q is [S, A].
    let ofActionValues (actions: int) (actionValues: float[]) (transitions: Transition[]) : float =
        transitions
        |> ofErrors (fun transition ->
            transition.Reward
            + transition.Discount * TabularControl.maximum actions actionValues transition.Next
            - actionValues[transition.State * actions + transition.Action])

    /// Mean of (T_π V − V)² over states weighted with `weights` [S].
    let evaluation (mdp: Mdp) (policy: TabularPolicy) (weights: float[]) (values: float[]) : float =
        weightedSquare weights (Array.map2 (-) (Bellman.evaluation mdp policy values) values)

    /// Mean of (T Q − Q)² over pairs weighted with `weights` [S, A].
    let optimality (mdp: Mdp) (weights: float[]) (actionValues: float[]) : float =
        weightedSquare weights (Array.map2 (-) (Bellman.actionOptimality mdp actionValues) actionValues)

    /// Mean of (V_π − V)² over states weighted with `weights` [S]: what the Bellman error stands for when V_π is not
    /// known.
    let value (mdp: Mdp) (policy: TabularPolicy) (weights: float[]) (values: float[]) : float =
        Guard.length (nameof values) mdp.States values.Length
        weightedSquare weights (Array.map2 (-) (Exact.values mdp policy) values)

    /// The optimality error of Q beside the exact return of its greedy policy: the lower error may have the lower
    /// return (slide 24).
    let againstReturn (mdp: Mdp) (weights: float[]) (actionValues: float[]) : ValueFit =
        {
            BellmanError = optimality mdp weights actionValues
            Return = Exact.objective mdp (TabularPolicy.greedy mdp.Actions actionValues)
        }

    /// The share of states whose greedy action differs between two tables of action values [S, A] (Schaul et al. 2022).
    let churn (actions: int) (before: float[]) (after: float[]) : float =
        Guard.length (nameof after) before.Length after.Length

        Rl.Core.Objectives.Diagnostics.policyChurn
            (System.ReadOnlySpan(TabularPolicy.greedyActions actions before))
            (System.ReadOnlySpan(TabularPolicy.greedyActions actions after))
