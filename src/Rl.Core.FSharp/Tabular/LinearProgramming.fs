/// Optimal values of a finite process as a linear program over occupancies.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// An optimum with the occupancy that attains it.
type OccupancySolution =
    {
        /// V* [S], the multipliers of the flow equations.
        Solution: Solution
        /// The optimal discounted occupancy d(s, a) [S, A], row-major.
        Occupancy: float[]
        /// Σ w(s) V*(s) = Σ d(s, a) r(s, a).
        Objective: float
    }

/// max Σ d(s, a) r(s, a) subject to Σ_a d(s, a) = w(s) + γ Σ P(s|s′, a′) d(s′, a′), d ≥ 0: the dual of the program that
/// finds the smallest V with V ≥ T V. Source: Puterman (1994), section 6.9.
[<RequireQualifiedAccess>]
module LinearProgramming =

    /// Solves for the start weights w [S] > 0 (such as 1 / S), so that every state has a value. For small processes:
    /// the tableau has S rows and S · A + S columns. Fails where γ = 1 and some policy never ends with a reward that
    /// grows without bound.
    let solveFor (weights: float[]) (mdp: Mdp) : OccupancySolution =
        Guard.length (nameof weights) mdp.States weights.Length
        weights |> Array.iter (Guard.positiveNumber (nameof weights))
        let pairs = mdp.States * mdp.Actions
        let kernel = Mdp.continuations mdp
        let rewards = Mdp.expectedRewards mdp

        // An absorbing state holds no flow: what reaches it has ended.
        let constraints =
            Array.init (mdp.States * pairs) (fun index ->
                let state, pair = index / pairs, index % pairs
                let own = if pair / mdp.Actions = state then 1.0 else 0.0
                own - mdp.Discount * kernel[pair * mdp.States + state])

        match Simplex.maximise rewards constraints weights with
        | Optimal(occupancy, values, objective) ->
            {
                Solution = DynamicProgramming.solution mdp values 1
                Occupancy = occupancy
                Objective = objective
            }
        | Infeasible
        | Unbounded ->
            Guard.fail
                (nameof mdp)
                ("The program has no optimum: with a discount of 1, episodes need not end. Use a discount below "
                 + "1, a finite horizon (FiniteHorizon), or the average-reward form (AverageReward).")

    /// `solveFor` the same weight of every state.
    let solve (mdp: Mdp) : OccupancySolution = solveFor (Array.create mdp.States (1.0 / float mdp.States)) mdp
