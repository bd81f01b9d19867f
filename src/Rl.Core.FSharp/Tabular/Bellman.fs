/// Bellman operators on values of finite processes: evaluation, optimality, soft and regularised.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// A strictly convex function Ω of the distribution over actions in a state, through what a backup needs of it.
/// Source: Geist, Scherrer, Pietquin, "A theory of regularized Markov decision processes" (2019).
type Regulariser =
    {
        /// Ω*(s, q) = max over p of p·q − Ω(p), for action values q [A] of state s.
        Conjugate: int -> float[] -> float
        /// ∇Ω*(s, q) [A]: the distribution that attains it.
        Best: int -> float[] -> float[]
        /// Ω(s, p) of a distribution p [A].
        Cost: int -> float[] -> float
    }

/// The regularisers of the field.
[<RequireQualifiedAccess>]
module Regulariser =

    let private requireTemperature (temperature: float) = Guard.positiveNumber (nameof temperature) temperature

    let private entropyLike (reference: int -> int -> float) (temperature: float) =
        requireTemperature temperature

        let shifted state (q: float[]) =
            let top = Array.max q

            struct (top,
                    q |> Array.mapi (fun action value -> reference state action * exp ((value - top) / temperature)))

        {
            Conjugate =
                fun state q ->
                    let struct (top, weights) = shifted state q
                    top + temperature * log (Array.sum weights)
            Best =
                fun state q ->
                    let struct (_, weights) = shifted state q
                    let total = Array.sum weights
                    weights |> Array.map (fun weight -> weight / total)
            Cost =
                fun state p ->
                    let mutable total = 0.0

                    p
                    |> Array.iteri (fun action probability ->
                        if probability > 0.0 then
                            total <- total + probability * log (probability / reference state action))

                    temperature * total
        }

    /// τ Σ p ln p: entropy at temperature τ > 0; its conjugate is τ ln Σ exp(q / τ) and its policy the softmax.
    let entropy (temperature: float) : Regulariser = entropyLike (fun _ _ -> 1.0) temperature

    /// τ KL(p ‖ μ(·|s)): divergence from a policy that gives every action a positive probability.
    let divergence (temperature: float) (reference: TabularPolicy) : Regulariser =
        reference.Probabilities.ToArray()
        |> Array.iteri (fun pair probability ->
            if probability <= 0.0 then
                Guard.fail
                    (nameof reference)
                    ($"reference[{pair / reference.Actions}][{pair % reference.Actions}] is {probability}; a "
                     + "divergence needs positive probabilities."))

        entropyLike (fun state action -> reference[state, action]) temperature

    /// The Euclidean projection of q / τ onto the simplex (Martins and Astudillo, "From softmax to sparsemax", 2016).
    let private sparsemax (temperature: float) (q: float[]) =
        // The projection of q and of q less its largest are the same; the second keeps its digits at small
        // temperatures.
        let largest = Array.max q
        let scaled = q |> Array.map (fun value -> (value - largest) / temperature)
        let sorted = Array.sortDescending scaled
        let sums = sorted |> Array.scan (+) 0.0 |> Array.tail

        let support =
            sorted
            |> Array.indexed
            |> Array.filter (fun (index, value) -> 1.0 + float (index + 1) * value > sums[index])
            |> Array.length

        let threshold = (sums[support - 1] - 1.0) / float support
        scaled |> Array.map (fun value -> max 0.0 (value - threshold))

    /// τ/2 (Σ p² − 1): Tsallis entropy; its policy gives bad actions no probability at all.
    let tsallis (temperature: float) : Regulariser =
        requireTemperature temperature
        let cost (p: float[]) = 0.5 * temperature * (Array.sumBy (fun value -> value * value) p - 1.0)

        {
            Conjugate =
                fun _ q ->
                    let p = sparsemax temperature q
                    Array.fold2 (fun total probability value -> total + probability * value) 0.0 p q - cost p
            Best = fun _ q -> sparsemax temperature q
            Cost = fun _ p -> cost p
        }

/// Each operator maps values V [S] or action values Q [S, A] to new ones. They are monotone, and γ-contractions in the
/// largest difference (slides 21 and 24). Source: Puterman (1994), chapter 6.
[<RequireQualifiedAccess>]
module Bellman =

    let private row (mdp: Mdp) (values: float[]) state =
        Array.init mdp.Actions (fun action -> Mdp.lookAhead mdp values state action)

    let private under (policy: TabularPolicy) (actionValues: float[]) state =
        let mutable total = 0.0

        for action in 0 .. policy.Actions - 1 do
            total <- total + policy[state, action] * actionValues[state * policy.Actions + action]

        total

    let private best (actions: int) (actionValues: float[]) state =
        let mutable best = actionValues[state * actions]

        for action in 1 .. actions - 1 do
            best <- max best actionValues[state * actions + action]

        best

    /// (T_π V)(s) = Σ_a π(a|s) [r(s, a) + γ Σ P(s′|s, a) V(s′)].
    let evaluation (mdp: Mdp) (policy: TabularPolicy) (values: float[]) : float[] =
        TabularPolicy.requireFor mdp policy
        let actionValues = Mdp.actionValues mdp values
        Array.init mdp.States (under policy actionValues)

    /// (T V)(s) = max_a [r(s, a) + γ Σ P(s′|s, a) V(s′)].
    let optimality (mdp: Mdp) (values: float[]) : float[] =
        let actionValues = Mdp.actionValues mdp values
        Array.init mdp.States (best mdp.Actions actionValues)

    /// (T_Ω V)(s) = Ω*(r(s, ·) + γ P V): optimality with a regulariser.
    let regularised (regulariser: Regulariser) (mdp: Mdp) (values: float[]) : float[] =
        Guard.length (nameof values) mdp.States values.Length
        Array.init mdp.States (fun state -> regulariser.Conjugate state (row mdp values state))

    /// (T_{π,Ω} V)(s) = (T_π V)(s) − Ω(π(·|s)).
    let regularisedEvaluation
        (regulariser: Regulariser)
        (mdp: Mdp)
        (policy: TabularPolicy)
        (values: float[])
        : float[] =
        evaluation mdp policy values
        |> Array.mapi (fun state value -> value - regulariser.Cost state (policy.Of(state).ToArray()))

    /// (T_τ V)(s) = τ ln Σ_a exp([r(s, a) + γ P V] / τ): optimality with entropy at temperature τ > 0.
    let soft (temperature: float) (mdp: Mdp) (values: float[]) : float[] =
        regularised (Regulariser.entropy temperature) mdp values

    /// The policy that attains the regularised backup of V.
    let regularisedPolicy (regulariser: Regulariser) (mdp: Mdp) (values: float[]) : TabularPolicy =
        Guard.length (nameof values) mdp.States values.Length

        Array.init mdp.States (fun state -> regulariser.Best state (row mdp values state))
        |> Array.concat
        |> TabularPolicy.create mdp.States mdp.Actions

    /// The policy that attains the optimality backup of V, the first action of several.
    let greedy (mdp: Mdp) (values: float[]) : TabularPolicy =
        TabularPolicy.greedy mdp.Actions (Mdp.actionValues mdp values)

    /// (T_π Q)(s, a) = r(s, a) + γ Σ P(s′|s, a) Σ π(b|s′) Q(s′, b).
    let actionEvaluation (mdp: Mdp) (policy: TabularPolicy) (actionValues: float[]) : float[] =
        TabularPolicy.requireFor mdp policy
        Guard.length (nameof actionValues) (mdp.States * mdp.Actions) actionValues.Length
        Mdp.actionValues mdp (Array.init mdp.States (under policy actionValues))

    /// (T Q)(s, a) = r(s, a) + γ Σ P(s′|s, a) max_b Q(s′, b).
    let actionOptimality (mdp: Mdp) (actionValues: float[]) : float[] =
        Guard.length (nameof actionValues) (mdp.States * mdp.Actions) actionValues.Length
        Mdp.actionValues mdp (Array.init mdp.States (best mdp.Actions actionValues))

    /// n backups by the same operator.
    let iterate (times: int) (operator: float[] -> float[]) (values: float[]) : float[] =
        Guard.notNegative (nameof times) times
        let mutable values = values

        for _ in 1..times do
            values <- operator values

        values

    /// max |a − b|: the distance in which the operators contract.
    let distance (a: float[]) (b: float[]) : float =
        Guard.length (nameof b) a.Length b.Length
        Array.fold2 (fun most x y -> max most (abs (x - y))) 0.0 a b
