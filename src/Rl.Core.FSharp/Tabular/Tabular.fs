/// Prediction on a table of values: TD(0), TD(λ), and the step that every tabular learner takes.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// Values with the eligibility of each state.
type TraceTable =
    {
        /// V [S], or Q [S, A].
        Values: float[]
        /// z, of the same length.
        Traces: float[]
    }

/// How a visit changes an eligibility.
type TraceKind =
    /// z(s) ← z(s) + 1.
    | Accumulating
    /// z(s) ← 1.
    | Replacing

/// Each function takes a table and a transition and returns a new table; the old one does not change. Step sizes α lie
/// in [0, 1]. Source: Sutton and Barto (2018), chapters 6 and 12.
[<RequireQualifiedAccess>]
module Tabular =

    /// table[index] ← table[index] + α (target − table[index]), in a copy.
    let toward (stepSize: float) (index: int) (target: float) (table: float[]) : float[] =
        Guard.inRange (nameof stepSize) 0.0 1.0 stepSize
        let table = Array.copy table
        table[index] <- table[index] + stepSize * (target - table[index])
        table

    /// δ = r + γ V(s′) − V(s).
    let error (values: float[]) (transition: Transition) : float =
        Transition.requireStates values.Length transition
        transition.Reward + transition.Discount * values[transition.Next] - values[transition.State]

    /// TD(0): V(s) ← V(s) + α δ (Sutton 1988).
    let td0 (stepSize: float) (values: float[]) (transition: Transition) : float[] =
        Transition.requireStates values.Length transition
        toward stepSize transition.State (transition.Reward + transition.Discount * values[transition.Next]) values

    /// A table of `count` zeros without eligibility.
    let traces (count: int) : TraceTable =
        Guard.positive (nameof count) count
        { Values = Array.zeroCreate count; Traces = Array.zeroCreate count }

    /// The eligibilities forgotten: for an episode that is begun anew although the last transition was not `IsLast`.
    let restart (table: TraceTable) : TraceTable = { table with Traces = Array.zeroCreate table.Traces.Length }

    /// TD(λ), the backward view: z(s) grows by the visit, V ← V + α δ z, then z ← γ λ z, and 0 after the last
    /// transition of an episode.
    let tdLambda
        (kind: TraceKind)
        (stepSize: float)
        (lambda: float)
        (table: TraceTable)
        (transition: Transition)
        : TraceTable =
        Guard.inRange (nameof stepSize) 0.0 1.0 stepSize
        Guard.inRange (nameof lambda) 0.0 1.0 lambda
        let error = error table.Values transition
        let visited = Array.copy table.Traces

        visited[transition.State] <-
            match kind with
            | Accumulating -> visited[transition.State] + 1.0
            | Replacing -> 1.0

        {
            Values = Array.map2 (fun value trace -> value + stepSize * error * trace) table.Values visited
            Traces =
                if transition.IsLast then
                    Array.zeroCreate visited.Length
                else
                    visited |> Array.map (fun trace -> transition.Discount * lambda * trace)
        }
