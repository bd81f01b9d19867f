/// Exact values, occupancies, objectives and gradients of a policy in a discounted process, by linear solves.
namespace Rl.Core.Tabular

open MathNet.Numerics.LinearAlgebra
open MathNet.Numerics.LinearAlgebra.Double
open Rl.Core.Foundations

/// A regular matrix, factorised once for all that it and its transpose are solved with: P A = L U.
[<Sealed>]
type internal Factorised(matrix: Matrix<float>) =
    let factors = matrix.LU()

    /// x with A x = b.
    member _.Solve(right: float[]) : float[] = factors.Solve(DenseVector.OfArray right).ToArray()

    /// x with Aᵀ x = b: Uᵀ y = b, Lᵀ z = y, x = Pᵀ z. Both products run down columns, as MathNet stores them.
    member _.SolveTransposed(right: float[]) : float[] =
        let size = right.Length
        let lower, upper = factors.L.AsColumnMajorArray(), factors.U.AsColumnMajorArray()
        let x = Array.copy right

        for i in 0 .. size - 1 do
            let mutable total = x[i]

            for k in 0 .. i - 1 do
                total <- total - upper[i * size + k] * x[k]

            x[i] <- total / upper[i * size + i]

        for i in size - 1 .. -1 .. 0 do
            let mutable total = x[i]

            for k in i + 1 .. size - 1 do
                total <- total - lower[i * size + k] * x[k]

            x[i] <- total

        Array.init size (fun i -> x[factors.P[i]])

/// The Markov chain of a process under a policy.
[<RequireQualifiedAccess>]
module internal Chain =

    /// M(s, s′) = Σ_a π(a|s) K(s′|s, a) of a kernel K [S·A, S].
    let mix (policy: TabularPolicy) (kernel: float[]) : Matrix<float> =
        let states, actions = policy.States, policy.Actions
        let matrix: Matrix<float> = DenseMatrix.Create(states, states, 0.0)

        for state in 0 .. states - 1 do
            for action in 0 .. actions - 1 do
                let weight = policy[state, action]

                if weight <> 0.0 then
                    let row = (state * actions + action) * states

                    for next in 0 .. states - 1 do
                        let value = kernel[row + next]

                        if value <> 0.0 then matrix[state, next] <- matrix[state, next] + weight * value

        matrix

    /// r_π(s) = Σ_a π(a|s) r(s, a).
    let rewards (mdp: Mdp) (policy: TabularPolicy) : float[] =
        Array.init mdp.States (fun state ->
            let mutable total = 0.0

            for action in 0 .. mdp.Actions - 1 do
                total <- total + policy[state, action] * mdp.ExpectedReward(state, action)

            total)

    /// The states from which no path reaches a state where `ends` holds.
    let private cannotReach (matrix: Matrix<float>) (ends: bool[]) : int[] =
        let reaches = Array.copy ends
        let mutable growing = true

        while growing do
            growing <- false

            for state in 0 .. reaches.Length - 1 do
                if
                    not reaches[state]
                    && Seq.exists
                        (fun next -> reaches[next] && matrix[state, next] > 0.0)
                        (seq { 0 .. reaches.Length - 1 })
                then
                    reaches[state] <- true
                    growing <- true

        [|
            for state in 0 .. reaches.Length - 1 do
                if not reaches[state] then state
        |]

    /// γ C_π, of the chain of what goes on; where γ = 1, fails unless every state reaches an end.
    let private discounted (mdp: Mdp) (policy: TabularPolicy) : Matrix<float> =
        TabularPolicy.requireFor mdp policy
        let matrix: Matrix<float> = DenseMatrix.Create(mdp.States, mdp.States, 0.0)

        for pair in 0 .. mdp.States * mdp.Actions - 1 do
            let state = pair / mdp.Actions
            let weight = policy.Table[pair]

            if weight <> 0.0 then
                for index in mdp.Offsets[pair] .. mdp.Offsets[pair + 1] - 1 do
                    let next = mdp.Nexts[index]
                    matrix[state, next] <- matrix[state, next] + weight * mdp.Weights[index]

        if mdp.Discount = 1.0 then
            // What ends is told by outcomes: the sum of a row that was rounded to a few digits says nothing.
            let ends =
                Array.init mdp.States (fun state ->
                    Seq.init mdp.Actions id
                    |> Seq.exists (fun action ->
                        policy[state, action] > 0.0
                        && mdp.Outcomes(state, action).ToArray()
                           |> Array.exists (fun outcome -> outcome.Probability > 0.0 && not (mdp.Continues outcome))))

            let endless = cannotReach matrix ends

            if endless.Length > 0 then
                Guard.fail
                    "mdp"
                    ($"The discount is 1, and under this policy the episode never ends from state {endless[0]} "
                     + $"({endless.Length} of {mdp.States} states): its sum of rewards has no limit. Use a discount "
                     + "below 1, a finite horizon (FiniteHorizon), or the average-reward form (AverageReward).")

        matrix

    /// I − γ C_π, factorised once for every system that it or its transpose is solved with.
    let resolvent (mdp: Mdp) (policy: TabularPolicy) : Factorised =
        let identity: Matrix<float> = DenseMatrix.CreateIdentity mdp.States
        Factorised(identity - discounted mdp policy)

/// V, Q, A, the occupancy, J and ∇J of a policy, for γ < 1, or γ = 1 where every episode ends. Arrays over pairs are
/// [S, A] row-major. Source: Sutton and Barto (2018), chapters 3 and 13; Sutton, McAllester, Singh, Mansour (2000);
/// slides 4 and 13.
[<RequireQualifiedAccess>]
module Exact =

    let private valuesBy (resolvent: Factorised) mdp policy = resolvent.Solve(Chain.rewards mdp policy)

    let private occupancyBy (resolvent: Factorised) (mdp: Mdp) = resolvent.SolveTransposed mdp.StartArray

    /// A(s, a) = Q(s, a) − V(s), of V.
    let private advantagesOf (mdp: Mdp) (values: float[]) =
        Mdp.actionValues mdp values |> Array.mapi (fun pair value -> value - values[pair / mdp.Actions])

    /// V(s), the solution of V = r_π + γ C_π V, [S].
    let values (mdp: Mdp) (policy: TabularPolicy) : float[] = valuesBy (Chain.resolvent mdp policy) mdp policy

    /// Q(s, a) = r(s, a) + γ Σ P(s′|s, a) V(s′).
    let actionValues (mdp: Mdp) (policy: TabularPolicy) : float[] = Mdp.actionValues mdp (values mdp policy)

    /// A(s, a) = Q(s, a) − V(s).
    let advantages (mdp: Mdp) (policy: TabularPolicy) : float[] = advantagesOf mdp (values mdp policy)

    /// d(s) = Σ γᵗ P(sₜ = s and the episode still runs), the solution of d = p(s₁) + γ C_πᵀ d, [S].
    let occupancy (mdp: Mdp) (policy: TabularPolicy) : float[] = occupancyBy (Chain.resolvent mdp policy) mdp

    /// d(s) π(a|s), [S, A].
    let pairOccupancy (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let occupancy = occupancy mdp policy
        policy.Table |> Array.mapi (fun pair probability -> probability * occupancy[pair / mdp.Actions])

    /// J = Σ p(s₁) V(s₁): the expected discounted return.
    let objective (mdp: Mdp) (policy: TabularPolicy) : float =
        Array.fold2 (fun total probability value -> total + probability * value) 0.0 mdp.StartArray (values mdp policy)

    /// ∂J/∂π(a|s) = d(s) Q(s, a), the probabilities taken as free numbers.
    let probabilityGradient (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let resolvent = Chain.resolvent mdp policy
        let occupancy = occupancyBy resolvent mdp

        Mdp.actionValues mdp (valuesBy resolvent mdp policy)
        |> Array.mapi (fun pair value -> occupancy[pair / mdp.Actions] * value)

    /// ∂J/∂θ(s, a) = d(s) π(a|s) A(s, a) of softmax parameters θ: the policy-gradient theorem.
    let softmaxGradient (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let resolvent = Chain.resolvent mdp policy
        let occupancy = occupancyBy resolvent mdp

        advantagesOf mdp (valuesBy resolvent mdp policy)
        |> Array.mapi (fun pair advantage -> occupancy[pair / mdp.Actions] * policy.Table[pair] * advantage)

    /// The Fisher matrix of softmax parameters, block-diagonal with d(s) (diag π(·|s) − π(·|s) π(·|s)ᵀ), [S·A, S·A]
    /// row-major. Source: Kakade, "A natural policy gradient" (2001).
    let fisher (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let occupancy = occupancy mdp policy
        let pairs = mdp.States * mdp.Actions
        let matrix = Array.zeroCreate (pairs * pairs)

        for pair in 0 .. pairs - 1 do
            let state = pair / mdp.Actions

            for action in 0 .. mdp.Actions - 1 do
                let other = state * mdp.Actions + action
                let own = if other = pair then policy.Table[pair] else 0.0
                matrix[pair * pairs + other] <- occupancy[state] * (own - policy.Table[pair] * policy.Table[other])

        matrix
