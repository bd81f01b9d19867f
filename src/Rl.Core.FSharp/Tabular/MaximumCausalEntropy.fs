/// Rewards from demonstrations by maximum causal entropy: soft backups over a horizon, and rewards that match features.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// The soft solution over H steps: arrays by time t = 0 … H − 1.
type SoftSolution =
    {
        /// V(t, s) = ln Σ_a exp Q(t, s, a) of the H − t steps that remain, [H + 1][S]; the last is 0.
        Values: float[][]
        /// Q(t, s, a) = r(s, a) + γ E V(t + 1, s′), [H][S, A].
        ActionValues: float[][]
        /// π(t, a|s) = exp(Q(t, s, a) − V(t, s)), [H].
        Policies: TabularPolicy[]
        /// P(sₜ = s and the episode still runs) under these policies, [H + 1][S].
        Occupancy: float[][]
    }

/// Maximum causal entropy inverse reinforcement learning (Ziebart, Bagnell, Dey 2010): of all policies that match the
/// expert's expected features, the one of the largest causal entropy is the soft solution of a reward that is linear in
/// the features.
[<RequireQualifiedAccess>]
module MaximumCausalEntropy =

    let private logSumExp (values: ReadOnlySpan<float>) =
        let mutable most = -infinity

        for value in values do
            most <- max most value

        let mutable total = 0.0

        for value in values do
            total <- total + exp (value - most)

        most + log total

    /// The soft solution of the process's own rewards over `horizon` ≥ 1 steps.
    let solve (mdp: Mdp) (horizon: int) : SoftSolution =
        Guard.positive (nameof horizon) horizon
        let states, actions = mdp.States, mdp.Actions
        let values = Array.init (horizon + 1) (fun _ -> Array.zeroCreate<float> states)
        let actionValues = Array.create horizon [||]

        for time in horizon - 1 .. -1 .. 0 do
            actionValues[time] <- Mdp.actionValues mdp values[time + 1]

            for state in 0 .. states - 1 do
                values[time][state] <- logSumExp (ReadOnlySpan(actionValues[time], state * actions, actions))

        let policies =
            Array.init horizon (fun time ->
                actionValues[time]
                |> Array.mapi (fun pair value -> exp (value - values[time][pair / actions]))
                |> TabularPolicy.create states actions)

        let kernel = Mdp.continuations mdp

        let next (present: float[]) (policy: TabularPolicy) =
            (Chain.mix policy kernel).LeftMultiply(MathNet.Numerics.LinearAlgebra.Double.DenseVector.OfArray present)
            |> _.ToArray()

        {
            Values = values
            ActionValues = actionValues
            Policies = policies
            Occupancy = Array.scan next mdp.StartArray policies
        }

    let private requireFeatures (mdp: Mdp) (size: int) (features: float[]) =
        Guard.positive (nameof size) size
        Guard.length (nameof features) (mdp.States * mdp.Actions * size) features.Length
        Guard.finiteElements (nameof features) features

    /// Σₜ γᵗ E[φ(sₜ, aₜ)] [K] over t = 0 … H − 1 of the policies of a solution, for features φ [S, A, K] of K = `size`
    /// numbers each.
    let featureExpectations (mdp: Mdp) (size: int) (features: float[]) (solution: SoftSolution) : float[] =
        requireFeatures mdp size features
        let result = Array.zeroCreate<float> size
        let mutable weight = 1.0

        for time in 0 .. solution.Policies.Length - 1 do
            let policy, occupancy = solution.Policies[time], solution.Occupancy[time]

            for pair in 0 .. policy.Table.Length - 1 do
                let share = weight * occupancy[pair / mdp.Actions] * policy.Table[pair]

                for index in 0 .. size - 1 do
                    result[index] <- result[index] + share * features[pair * size + index]

            weight <- weight * mdp.Discount

        result

    /// The process with the reward Σₖ wₖ φₖ(s, a).
    let withReward (size: int) (features: float[]) (weights: float[]) (mdp: Mdp) : Mdp =
        requireFeatures mdp size features
        Guard.length (nameof weights) size weights.Length

        mdp
        |> Mdp.withRewards (fun state action _ ->
            let first = (state * mdp.Actions + action) * size
            let mutable total = 0.0

            for index in 0 .. size - 1 do
                total <- total + weights[index] * features[first + index]

            total)

    /// The weighted log-likelihood Σₜ γᵗ E[ln π(t, aₜ|sₜ)] of an expert with these feature expectations in the same
    /// process, and its gradient in w: struct (w·φ̄_E − Σ p(s₁) V(0, s₁), φ̄_E − φ̄_w). It is concave.
    let likelihood
        (mdp: Mdp)
        (horizon: int)
        (size: int)
        (features: float[])
        (expert: float[])
        (weights: float[])
        : struct (float * float[]) =
        Guard.length (nameof expert) size expert.Length
        let solution = solve (withReward size features weights mdp) horizon
        let own = featureExpectations mdp size features solution
        let value = Array.fold2 (fun total p v -> total + p * v) 0.0 mdp.StartArray solution.Values[0]
        let earned = Array.fold2 (fun total w f -> total + w * f) 0.0 weights expert
        struct (earned - value, Array.map2 (-) expert own)

    /// The weights whose soft solution has the expert's feature expectations, to `tolerance`, by gradient ascent from 0
    /// with steps that halve until the likelihood rises; at most `iterations` of them. Expectations that no policy has
    /// are never matched: weights then grow without end.
    let fit
        (mdp: Mdp)
        (horizon: int)
        (size: int)
        (features: float[])
        (expert: float[])
        (iterations: int)
        (tolerance: float)
        : float[] =
        Guard.positive (nameof iterations) iterations
        Guard.positiveNumber (nameof tolerance) tolerance
        let at = likelihood mdp horizon size features expert
        let largest (gradient: float[]) = gradient |> Array.fold (fun most slope -> max most (abs slope)) 0.0

        let rec climb left step (weights: float[]) (struct (value, gradient: float[])) =
            if left = 0 || largest gradient <= tolerance then
                weights
            else
                let squared = gradient |> Array.sumBy (fun slope -> slope * slope)

                let rec attempt step =
                    let next = Array.map2 (fun w slope -> w + step * slope) weights gradient
                    let struct (reached, _) as found = at next

                    if reached >= value + 0.25 * step * squared || step < 1e-12 then
                        struct (step, next, found)
                    else
                        attempt (step / 2.0)

                let struct (step, next, found) = attempt step
                climb (left - 1) (2.0 * step) next found

        let zeros = Array.zeroCreate<float> size
        climb iterations 1.0 zeros (at zeros)
