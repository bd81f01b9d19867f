/// Batches of tianshou's cases: rows of a ring with returns of several steps.
module Rl.Tests.Golden.RingCases

open Rl.Core.Autodiff

/// What a step learns from, by the columns of the file.
type Rows =
    {
        Observations: Expr
        /// [M] where an action is a choice, else [M, n].
        Actions: Expr
        /// The rewards of up to n steps.
        Rewards: Expr
        /// What the value of the state after them is multiplied with.
        Discounts: Expr
        NextObservations: Expr
        Weights: Expr
    }

/// Rows of a ring with returns of up to n steps, which end where an episode does and at the newest row.
let ofRing (case: GoldenNode) (step: GoldenNode) : Rows =
    let buffer, settings = case["buffer"], case["params"]
    let size = buffer.Int "size"
    let newest = (int (buffer.Float "added") - 1) % size
    let terminated, truncated = buffer.Floats "terminated", buffer.Floats "truncated"
    let indices = step["batch"].Ints "indices"
    let gamma = settings.Float "gamma"

    let window first =
        let ends row = terminated[row] = 1.0 || truncated[row] = 1.0 || row = newest

        List.unfold (fun row -> if row < 0 then None else Some(row, (if ends row then -1 else (row + 1) % size))) first
        |> List.truncate (settings.Int "n_step")

    let windows = indices |> Array.map window
    let last = windows |> Array.map List.last

    let rowsOf (name: string) (rows: int[]) =
        let shape = buffer.Shape name
        let width = Shape.count shape[1..]
        let values = rows |> Array.collect (fun row -> Array.sub (buffer.Floats name) (row * width) width)
        Expr.constant (Tensor.create (Array.append [| rows.Length |] shape[1..]) values)

    let earned window =
        window
        |> List.mapi (fun step row -> gamma ** float step * (buffer.Floats "rewards")[row])
        |> List.sum

    {
        Observations = rowsOf "observations" indices
        Actions = rowsOf "actions" indices
        Rewards = windows |> Array.map earned |> Expr.vector
        Discounts =
            windows
            |> Array.map (fun window -> gamma ** float window.Length * (1.0 - terminated[List.last window]))
            |> Expr.vector
        NextObservations = rowsOf "next_observations" last
        Weights =
            if step.Has "importance_weights" then
                Expr.vector (step.Floats "importance_weights")
            else
                Expr.number 1.0
    }
