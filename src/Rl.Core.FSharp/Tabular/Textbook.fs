/// Small processes of the textbooks, whose best behaviour is known.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// Each takes γ last. Those that never end say so; `AverageReward` judges them without a discount.
[<RequireQualifiedAccess>]
module Textbook =

    let private outcome probability next reward =
        { Probability = probability; Next = next; Reward = reward; Terminates = false }

    let private fromFirst states = Array.init states (fun state -> if state = 0 then 1.0 else 0.0)

    /// `states` ≥ 2 in a row, without end: action 0 moves on, for 10 at the last state, which it does not leave; action
    /// 1 returns to the first state for 2; each slips into the other with the probability `slip`. Source: Strens, "A
    /// Bayesian framework for reinforcement learning" (2000), with five states and slip 0.2.
    let chain (states: int) (slip: float) (discount: float) : Mdp =
        Guard.inIntRange (nameof states) 2 Int32.MaxValue states
        Guard.inRange (nameof slip) 0.0 1.0 slip
        let last = states - 1

        let effect state action probability =
            if action = 1 then outcome probability 0 2.0
            elif state = last then outcome probability last 10.0
            else outcome probability (state + 1) 0.0

        Array.init states (fun state ->
            Array.init 2 (fun action -> [| effect state action (1.0 - slip); effect state (1 - action) slip |]))
        |> Mdp.ofOutcomes discount (fromFirst states)

    /// `states` ≥ 3 along a river, without end: action 0 swims with the current and pays 0.005 at the first state;
    /// action 1 swims against it, often in vain, and pays 1 where it holds the last state. Source: Strehl and Littman,
    /// "An analysis of model-based interval estimation" (2008), with the numbers of Osband, Russo and Van Roy (2013)
    /// and six states.
    let riverSwim (states: int) (discount: float) : Mdp =
        Guard.inIntRange (nameof states) 3 Int32.MaxValue states
        let last = states - 1

        Array.init states (fun state ->
            [|
                [| outcome 1.0 (max 0 (state - 1)) (if state = 0 then 0.005 else 0.0) |]
                (if state = 0 then
                     [| outcome 0.4 0 0.0; outcome 0.6 1 0.0 |]
                 elif state = last then
                     [| outcome 0.4 (last - 1) 0.0; outcome 0.6 last 1.0 |]
                 else
                     [| outcome 0.05 (state - 1) 0.0; outcome 0.6 state 0.0; outcome 0.35 (state + 1) 0.0 |])
            |])
        |> Mdp.ofOutcomes discount (fromFirst states)

    /// A grid of `height` × `width` cells, row-major, whose first and last cells end the episode, at −1 a step; actions
    /// up, right, down, left, and the border holds. Starts anywhere else. Source: Sutton and Barto (2018), example 4.1,
    /// with 4 × 4 cells.
    let gridWorld (height: int) (width: int) (discount: float) : Mdp =
        Guard.positive (nameof height) height
        Guard.positive (nameof width) width
        Guard.inIntRange "height * width" 3 Int32.MaxValue (height * width)
        let last = height * width - 1
        let ends state = state = 0 || state = last

        let moved state action =
            let row, column = state / width, state % width

            match action with
            | 0 -> max 0 (row - 1) * width + column
            | 1 -> row * width + min (width - 1) (column + 1)
            | 2 -> min (height - 1) (row + 1) * width + column
            | _ -> row * width + max 0 (column - 1)

        let starts = Array.init (last + 1) (fun state -> if ends state then 0.0 else 1.0 / float (last - 1))

        Array.init (last + 1) (fun state ->
            Array.init 4 (fun action ->
                if ends state then
                    [| { outcome 1.0 state 0.0 with Terminates = true } |]
                else
                    let next = moved state action
                    [| { outcome 1.0 next -1.0 with Terminates = ends next } |]))
        |> Mdp.ofOutcomes discount starts

    /// The priorities of `accessControl`'s customers, which are also their rewards.
    let accessPriorities = [| 1.0; 2.0; 4.0; 8.0 |]

    /// (n over k) pᵏ (1 − p)ⁿ⁻ᵏ for k = 0 … n.
    let private binomial (count: int) (probability: float) =
        let mutable weights = [| 1.0 |]

        for _ in 1..count do
            let before = weights

            weights <-
                Array.init (before.Length + 1) (fun successes ->
                    (if successes < before.Length then
                         (1.0 - probability) * before[successes]
                     else
                         0.0)
                    + (if successes > 0 then probability * before[successes - 1] else 0.0))

        weights

    /// A queue before `servers` servers, without end: the customer at its head, of a random priority, is rejected (0)
    /// for nothing or accepted (1) for the priority; then each busy server becomes free with the probability `freeing`.
    /// With no free server, accepting is rejecting. The state is 4 · (free servers) + (index of the priority). Source:
    /// Sutton and Barto (2018), example 10.2, with ten servers and 0.06.
    let accessControl (servers: int) (freeing: float) (discount: float) : Mdp =
        Guard.positive (nameof servers) servers
        Guard.inRange (nameof freeing) 0.0 1.0 freeing
        let kinds = accessPriorities.Length

        let after free reward =
            let freed = binomial (servers - free) freeing

            [|
                for count in 0 .. freed.Length - 1 do
                    if freed[count] > 0.0 then
                        for kind in 0 .. kinds - 1 do
                            outcome (freed[count] / float kinds) (kinds * (free + count) + kind) reward
            |]

        let states = kinds * (servers + 1)

        let start = Array.init states (fun state -> if state / kinds = servers then 1.0 / float kinds else 0.0)

        Array.init states (fun state ->
            let free = state / kinds
            let reject = after free 0.0
            [| reject; (if free > 0 then after (free - 1) accessPriorities[state % kinds] else reject) |])
        |> Mdp.ofOutcomes discount start

    /// Baird's counterexample: seven states, without end. Action 0, dashed, leads to each of the first six states
    /// alike; action 1, solid, to the seventh; rewards are 0. It starts anywhere. Source: Baird, "Residual algorithms"
    /// (1995), as in Sutton and Barto (2018), example 11.1, where γ is 0.99.
    let baird (discount: float) : Mdp =
        let dashed = Array.init 6 (fun state -> outcome (1.0 / 6.0) state 0.0)
        let solid = [| outcome 1.0 6 0.0 |]
        Mdp.ofOutcomes discount (Array.create 7 (1.0 / 7.0)) (Array.create 7 [| dashed; solid |])

    /// The features [7, 8], row-major, that make `baird` a counterexample: 2 wᵢ + w₈ of the first six states, w₇ + 2 w₈
    /// of the seventh.
    let bairdFeatures: float[] =
        Array.init 56 (fun index ->
            match index / 8, index % 8 with
            | 6, 6 -> 1.0
            | 6, 7 -> 2.0
            | 6, _ -> 0.0
            | _, 7 -> 1.0
            | state, feature when state = feature -> 2.0
            | _ -> 0.0)
