/// Random decision processes of the shapes that theorems are tested on.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// Each takes its sizes, γ and a generator of random numbers, and returns struct (process, generator). Rewards are
/// standard normal and probabilities uniform on the simplex unless stated.
[<RequireQualifiedAccess>]
module Generators =

    /// A cursor over an `Rng`, so that a table is drawn in the order in which it is written.
    [<Sealed>]
    type private Draw(rng: Rng) =
        let mutable rng = rng
        member _.Rng = rng

        member private _.Take(draw: Rng -> struct ('T * Rng)) =
            let struct (value, next) = draw rng
            rng <- next
            value

        member this.Normal() = this.Take Rng.normal
        member this.Uniform() = this.Take Rng.uniform
        member this.Below bound = this.Take(Rng.below bound)
        member this.Permutation count = this.Take(Rng.permutation count)

        /// Uniform on the simplex: normalised exponentials.
        member this.Simplex(count: int) =
            let weights = Array.init count (fun _ -> -log(1.0 - this.Uniform()) + 1e-3)
            let total = Array.sum weights
            weights |> Array.map (fun weight -> weight / total)

    let private sizes states actions =
        Guard.positive (nameof states) states
        Guard.positive (nameof actions) actions

    let private outcome probability next reward =
        { Probability = probability; Next = next; Reward = reward; Terminates = false }

    let private table states actions f = Array.init states (fun state -> Array.init actions (f state))

    /// Every state follows from every pair, with a reward of its own.
    let dense (states: int) (actions: int) (discount: float) (rng: Rng) : struct (Mdp * Rng) =
        sizes states actions
        let draw = Draw rng

        let outcomes =
            table states actions (fun _ _ ->
                draw.Simplex states |> Array.mapi (fun next probability -> outcome probability next (draw.Normal())))

        struct (Mdp.ofOutcomes discount (draw.Simplex states) outcomes, draw.Rng)

    /// `successors` ≥ 1 distinct states follow from each pair (a Garnet process: Archibald, McKinnon, Thomas 1995).
    let sparse (states: int) (actions: int) (successors: int) (discount: float) (rng: Rng) : struct (Mdp * Rng) =
        sizes states actions
        Guard.inIntRange (nameof successors) 1 states successors
        let draw = Draw rng

        let outcomes =
            table states actions (fun _ _ ->
                let next = Array.take successors (draw.Permutation states)
                let reward = draw.Normal()

                draw.Simplex successors
                |> Array.mapi (fun index probability -> outcome probability next[index] reward))

        struct (Mdp.ofOutcomes discount (draw.Simplex states) outcomes, draw.Rng)

    /// A line of `states` ≥ 2 states from state 0: action 1 moves right and action 0 left, and slips the other way with
    /// the probability `slip`. Moving right from the last state terminates for reward 1; every other step costs a
    /// random amount below 0.1.
    let chain (states: int) (slip: float) (discount: float) (rng: Rng) : struct (Mdp * Rng) =
        Guard.inIntRange (nameof states) 2 System.Int32.MaxValue states
        Guard.inRange (nameof slip) 0.0 1.0 slip
        let draw = Draw rng

        let outcomes =
            table states 2 (fun state action ->
                let cost = -0.1 * draw.Uniform()

                let move direction probability =
                    let next = state + direction

                    if next = states then
                        { Probability = probability; Next = state; Reward = 1.0; Terminates = true }
                    else
                        outcome probability (max 0 next) cost

                let wanted = if action = 1 then 1 else -1
                [| move wanted (1.0 - slip); move -wanted slip |])

        let start = Array.init states (fun state -> if state = 0 then 1.0 else 0.0)
        struct (Mdp.ofOutcomes discount start outcomes, draw.Rng)

    /// A grid of `height` × `width` cells (row-major) with a random goal that terminates for reward 1, random costs
    /// below 0.1 elsewhere, and starts anywhere else. Actions: up, right, down, left; with the probability `slip` the
    /// move is any of the four. At least two cells.
    let grid (height: int) (width: int) (slip: float) (discount: float) (rng: Rng) : struct (Mdp * Rng) =
        Guard.positive (nameof height) height
        Guard.positive (nameof width) width
        Guard.inIntRange "height * width" 2 System.Int32.MaxValue (height * width)
        Guard.inRange (nameof slip) 0.0 1.0 slip
        let draw = Draw rng
        let states = height * width
        let goal = draw.Below states

        let moved state direction =
            let row, column = state / width, state % width

            match direction with
            | 0 -> max 0 (row - 1) * width + column
            | 1 -> row * width + min (width - 1) (column + 1)
            | 2 -> min (height - 1) (row + 1) * width + column
            | _ -> row * width + max 0 (column - 1)

        let outcomes =
            table states 4 (fun state action ->
                let cost = -0.1 * draw.Uniform()

                Array.init 4 (fun direction ->
                    let probability = slip / 4.0 + (if direction = action then 1.0 - slip else 0.0)
                    let next = moved state direction

                    if state = goal then
                        { Probability = probability; Next = goal; Reward = 0.0; Terminates = true }
                    elif next = goal then
                        { Probability = probability; Next = goal; Reward = 1.0; Terminates = true }
                    else
                        outcome probability next cost))

        let start = Array.init states (fun state -> if state = goal then 0.0 else 1.0 / float (states - 1))
        struct (Mdp.ofOutcomes discount start outcomes, draw.Rng)

    /// One state, one step: each action pays one of two random rewards and terminates.
    let bandit (actions: int) (rng: Rng) : struct (Mdp * Rng) =
        sizes 1 actions
        let draw = Draw rng

        let outcomes =
            table 1 actions (fun _ _ ->
                draw.Simplex 2
                |> Array.map (fun probability ->
                    { Probability = probability; Next = 0; Reward = draw.Normal(); Terminates = true }))

        struct (Mdp.ofOutcomes 1.0 [| 1.0 |] outcomes, draw.Rng)

    /// A dense process in which every step terminates with the probability `ending` > 0 and the last state is
    /// absorbing, so that γ = 1 has values. At least two states.
    let absorbing (states: int) (actions: int) (ending: float) (discount: float) (rng: Rng) : struct (Mdp * Rng) =
        Guard.inIntRange (nameof states) 2 System.Int32.MaxValue states
        Guard.positive (nameof actions) actions
        Guard.inRange (nameof ending) 1e-6 1.0 ending
        let draw = Draw rng

        let outcomes =
            table states actions (fun state _ ->
                if state = states - 1 then
                    [| outcome 1.0 state 0.0 |]
                else
                    let reward = draw.Normal()

                    let steps =
                        draw.Simplex states
                        |> Array.mapi (fun next p -> outcome ((1.0 - ending) * p) next (draw.Normal()))

                    Array.append steps [| { Probability = ending; Next = state; Reward = reward; Terminates = true } |])

        let weights = draw.Simplex(states - 1)
        struct (Mdp.ofOutcomes discount (Array.append weights [| 0.0 |]) outcomes, draw.Rng)

    /// A ring of `states` classes of period `states`: every action leads to the next state, for a reward of its own.
    let periodic (states: int) (actions: int) (discount: float) (rng: Rng) : struct (Mdp * Rng) =
        sizes states actions
        let draw = Draw rng
        let outcomes = table states actions (fun state _ -> [| outcome 1.0 ((state + 1) % states) (draw.Normal()) |])
        struct (Mdp.ofOutcomes discount (draw.Simplex states) outcomes, draw.Rng)
