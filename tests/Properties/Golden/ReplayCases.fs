/// What the recorded cases of replay memories have in common: their columns, and how they are compared.
module Rl.Tests.Golden.ReplayCases

#nowarn "3391" // arrays convert to spans

open Rl.Core.Experience

/// Compares at 10⁻¹².
let exact = Golden.close 1e-12 1e-12

/// Compares indices.
let indices (node: GoldenNode) name (actual: int[]) = exact node name (node.Floats name) (Array.map float actual)

/// Transitions of one number each.
let columns = TransitionColumns.ofSizes 1 1

/// Steps of N copies, in the order of time, then of copy, as a replay.
let replayOf
    copies
    capacity
    (observations: float[])
    (following: float[])
    (actions: float[])
    (rewards: float[])
    (terminated: bool[])
    (truncated: bool[])
    =
    let flag (value: bool) = if value then 1.0f else 0.0f

    Replay.create columns.All copies capacity
    |> Replay.append
        [
            columns.Observations, Array.map float32 observations
            columns.Actions, Array.map float32 actions
            columns.Rewards, Array.map float32 rewards
            columns.Continues, terminated |> Array.map (not >> flag)
            columns.NextObservations, Array.map float32 following
            columns.Ends, Array.map2 (fun a b -> flag (a || b)) terminated truncated
        ]

/// Some rows of a column of one number.
let read (replay: Replay) (column: Column) (rows: int[]) =
    let values = Array.zeroCreate<float32> rows.Length
    replay.Read(column, rows, values)
    Array.map float values

/// Observations 100 e + t of copy e at step t, and as much more where a step leads.
let numbered copies steps (more: int -> float) =
    let observations = Array.init (steps * copies) (fun row -> float (100 * (row % copies) + row / copies))
    observations, Array.mapi (fun row observation -> observation + more row) observations
