/// Linear systems with quadratic costs, solved exactly: the one continuous control problem whose optimum is a formula.
namespace Rl.Core.Tabular

open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations

/// x′ = A x + B u + noise at the cost xᵀ Q x + uᵀ R u a step. A [n, n], B [n, m], Q [n, n] positive semi-definite, R
/// [m, m] positive definite.
type LinearQuadraticProblem =
    {
        /// A [n, n].
        Dynamics: Matrix<float>
        /// B [n, m].
        Control: Matrix<float>
        /// Q [n, n].
        StateCost: Matrix<float>
        /// R [m, m].
        ControlCost: Matrix<float>
    }

/// What is best from every state: u = −K x costs xᵀ P x (without noise, and discounted).
type LinearQuadraticSolution =
    {
        /// K [m, n].
        Gain: Matrix<float>
        /// P [n, n].
        CostToGo: Matrix<float>
    }

/// The regulator by iteration of Riccati's equation. Source: Bertsekas, "Dynamic programming and optimal control",
/// volume 1, section 3.1.
[<RequireQualifiedAccess>]
module LinearQuadratic =

    let private require (problem: LinearQuadraticProblem) =
        let n, m = problem.Dynamics.RowCount, problem.Control.ColumnCount

        let shape name (matrix: Matrix<float>) rows columns =
            if matrix.RowCount <> rows || matrix.ColumnCount <> columns then
                Guard.fail
                    name
                    ($"{name} is {matrix.RowCount} x {matrix.ColumnCount}; with {n} states and {m} controls it "
                     + $"must be {rows} x {columns}.")

        shape "Dynamics" problem.Dynamics n n
        shape "Control" problem.Control n m
        shape "StateCost" problem.StateCost n n
        shape "ControlCost" problem.ControlCost m m

    /// K = (R + γ Bᵀ P B)⁻¹ γ Bᵀ P A, the best gain if xᵀ P x is what the future costs.
    let gainFor (discount: float) (problem: LinearQuadraticProblem) (costToGo: Matrix<float>) : Matrix<float> =
        let weighted = discount * problem.Control.TransposeThisAndMultiply costToGo
        (problem.ControlCost + weighted * problem.Control).Solve(weighted * problem.Dynamics)

    let rec private trySettle (next: Matrix<float> -> Matrix<float>) (matrix: Matrix<float>) (rounds: int) =
        let after = next matrix
        let size, change = after.InfinityNorm(), (after - matrix).InfinityNorm()

        if rounds = 0 || not (System.Double.IsFinite size) then None
        elif change <= 1e-13 * (1.0 + size) then Some after
        else trySettle next after (rounds - 1)

    let private settle name next matrix rounds =
        match trySettle next matrix rounds with
        | Some settled -> settled
        | None ->
            Guard.fail
                name
                $"{name}: the costs do not settle, so that no finite cost belongs to it; make the system stabilisable."

    /// The cost-to-go of a linear policy u = −K x: P = Q + Kᵀ R K + γ (A − B K)ᵀ P (A − B K); fails if it is infinite.
    let evaluate (discount: float) (problem: LinearQuadraticProblem) (gain: Matrix<float>) : Matrix<float> =
        require problem
        Guard.inRange (nameof discount) 0.0 1.0 discount
        let closed = problem.Dynamics - problem.Control * gain
        let cost = problem.StateCost + gain.TransposeThisAndMultiply(problem.ControlCost * gain)
        // P = Σ γᵗ (Mᵗ)ᵀ C Mᵗ by doubling the number of terms: P ← P + MᵀPM, M ← M².
        let mutable power: Matrix<float> = sqrt discount * closed

        let double (sum: Matrix<float>) =
            let doubled = sum + power.TransposeThisAndMultiply(sum * power)
            power <- power * power
            doubled

        settle (nameof gain) double cost 60

    /// The best policy and its costs, for γ ∈ [0, 1]; fails if every policy costs infinitely much.
    let solve (discount: float) (problem: LinearQuadraticProblem) : LinearQuadraticSolution =
        require problem
        Guard.inRange (nameof discount) 0.0 1.0 discount

        let next (costToGo: Matrix<float>) =
            let gain = gainFor discount problem costToGo
            let closed = problem.Dynamics - problem.Control * gain

            problem.StateCost
            + gain.TransposeThisAndMultiply(problem.ControlCost * gain)
            + discount * closed.TransposeThisAndMultiply(costToGo * closed)

        // Riccati's recursion by doubling its horizon, so that systems that settle slowly take no longer: after k
        // rounds H costs 2ᵏ steps, G is what control does in them and A where they lead without it (Chu, Fan and Lin
        // 2005).
        let n = problem.Dynamics.RowCount
        let identity = Matrix<float>.Build.DenseIdentity n
        let mutable along = sqrt discount * problem.Dynamics
        let mutable control = discount * problem.Control * problem.ControlCost.Solve(problem.Control.Transpose())

        let double (cost: Matrix<float>) =
            let inverse = (identity + control * cost).Inverse()
            let carried = inverse * along
            let grown = cost + along.TransposeThisAndMultiply(cost * carried)
            control <- control + along * inverse * control * along.Transpose()
            along <- along * carried
            // Symmetric but for rounding, which must not grow.
            0.5 * (grown + grown.Transpose())

        // What no cost sees may grow without end and leave no number: then step by step.
        let costToGo =
            match trySettle double problem.StateCost 60 with
            | Some costToGo -> costToGo
            | None -> settle (nameof problem) next problem.StateCost 1_000_000

        { Gain = gainFor discount problem costToGo; CostToGo = costToGo }
