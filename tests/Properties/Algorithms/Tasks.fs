/// Tasks of a few steps that need what a learner may have: masks, actions of several kinds, memory, convolutions.
namespace Rl.Tests.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Environments

/// The number that is shown, and the steps taken.
[<Struct>]
type TaskState = { Shown: int; Taken: int }

/// Shows one of four numbers and wants it back in every part of the action: as an integer, as two integers that make
/// it, as two bits, as a number in [-1, 1]. Reward: the share of right parts. Each step forbids one wrong choice of
/// each discrete part and refuses it.
type Match() =
    let rec allowed (shown: int) choice =
        // Of the integers 0 … 3: not (shown + 1) mod 4; of the high and low digits (2 + 2 choices): nothing; of the
        // bits: nothing but the first bit's wrong value.
        match choice with
        | c when c < 4 -> c <> (shown + 1) % 4
        | c when c < 8 -> true
        | 8 -> shown < 2
        | 9 -> shown >= 2
        | _ -> true

    interface IEnvironment<TaskState> with
        member _.Id = "Match-v0"
        member _.ObservationSpace = Space.dict [ "shown", Space.discrete 4; "noise", Space.boxOf -1.0 1.0 [| 2 |] ]

        member _.ActionSpace =
            Space.tuple
                [
                    Space.discreteFrom 5 4
                    Space.multiDiscreteFrom [| 1; 0 |] [| 2; 2 |]
                    Space.multiBinary [| 2 |]
                    Space.boxOf -1.0 1.0 [| 1 |]
                ]

        member _.MaxEpisodeSteps = 8
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (shown, rng) = Rng.below 4 rng
            struct ({ Shown = shown; Taken = 0 }, rng)

        member _.Step(state, action, rng) =
            let shown = state.Shown

            if not (allowed shown (int action[0] - 5)) || not (allowed shown (8 + int action[3])) then
                invalidOp "A choice was taken that the mask forbids."

            let near = float (MathF.Abs(action[5] - (float32 shown / 1.5f - 1.0f))) < 0.4

            let right =
                [
                    int action[0] - 5 = shown
                    int action[1] - 1 = shown / 2 && int action[2] = shown % 2
                    int action[3] = shown / 2 && int action[4] = shown % 2
                    near
                ]

            let reward = (right |> List.filter id |> List.length |> float) / 4.0
            let struct (next, rng) = Rng.below 4 rng

            struct ({ Shown = next; Taken = state.Taken + 1 },
                    { Reward = reward; Terminated = false; Truncated = false },
                    rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Shown
            observation[1] <- 0.1f * float32 state.Taken
            observation[2] <- 0.0f

    interface IActionMasks<TaskState> with
        member _.ActionMask(state, mask) =
            for choice in 0 .. mask.Length - 1 do
                mask[choice] <- allowed state.Shown choice

/// Shows a bit once and asks for it four steps later; a policy without memory earns 0 on average, one with it 1.
type Remember() =
    interface IEnvironment<TaskState> with
        member _.Id = "Remember-v0"
        member _.ObservationSpace = Space.boxOf -1.0 1.0 [| 2 |]
        member _.ActionSpace = Space.discrete 2
        member _.MaxEpisodeSteps = 0
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (shown, rng) = Rng.below 2 rng
            struct ({ Shown = shown; Taken = 0 }, rng)

        member _.Step(state, action, rng) =
            let isLast = state.Taken = 4

            let reward =
                if not isLast then 0.0
                elif int action[0] = state.Shown then 1.0
                else -1.0

            struct ({ state with Taken = state.Taken + 1 },
                    { Reward = reward; Terminated = isLast; Truncated = false },
                    rng)

        member _.Observe(state, observation) =
            observation[0] <- if state.Taken = 0 then float32 (2 * state.Shown - 1) else 0.0f
            observation[1] <- if state.Taken = 4 then 1.0f else 0.0f

/// An image of 2 x 7 x 7 bytes with one bright pixel; the action says in which quarter it lies.
type Spot() =
    interface IEnvironment<TaskState> with
        member _.Id = "Spot-v0"
        member _.ObservationSpace = Space.image 2 7 7
        member _.ActionSpace = Space.discrete 4
        member _.MaxEpisodeSteps = 5
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (shown, rng) = Rng.below 98 rng
            struct ({ Shown = shown; Taken = 0 }, rng)

        member _.Step(state, action, rng) =
            let pixel = state.Shown % 49
            let quarter = 2 * (if pixel / 7 > 3 then 1 else 0) + (if pixel % 7 > 3 then 1 else 0)
            let struct (next, rng) = Rng.below 98 rng

            struct ({ Shown = next; Taken = state.Taken + 1 },
                    { Reward = (if int action[0] = quarter then 1.0 else 0.0); Terminated = false; Truncated = false },
                    rng)

        member _.Observe(state, observation) =
            observation.Clear()
            observation[state.Shown] <- 255.0f

/// An image of 2 x 7 x 7 bytes with one bright pixel; the action says in which column it lies, and is paid 1 less the
/// square of a third of its error.
type Aim() =
    interface IEnvironment<TaskState> with
        member _.Id = "Aim-v0"
        member _.ObservationSpace = Space.image 2 7 7
        member _.ActionSpace = Space.boxOf 0.0 6.0 [| 1 |]
        member _.MaxEpisodeSteps = 5
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (shown, rng) = Rng.below 98 rng
            struct ({ Shown = shown; Taken = 0 }, rng)

        member _.Step(state, action, rng) =
            let error = (float action[0] - float (state.Shown % 7)) / 3.0
            let struct (next, rng) = Rng.below 98 rng

            struct ({ Shown = next; Taken = state.Taken + 1 },
                    { Reward = 1.0 - error * error; Terminated = false; Truncated = false },
                    rng)

        member _.Observe(state, observation) =
            observation.Clear()
            observation[state.Shown] <- 255.0f

/// An image of 2 x 7 x 7 bytes with one bright pixel; a choice says in which plane it lies and a number in which
/// column, each for half the pay.
type PointAt() =
    interface IEnvironment<TaskState> with
        member _.Id = "PointAt-v0"
        member _.ObservationSpace = Space.image 2 7 7
        member _.ActionSpace = Space.dict [ "plane", Space.discrete 2; "column", Space.boxOf 0.0 6.0 [| 1 |] ]
        member _.MaxEpisodeSteps = 5
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (shown, rng) = Rng.below 98 rng
            struct ({ Shown = shown; Taken = 0 }, rng)

        member _.Step(state, action, rng) =
            let error = (float action[1] - float (state.Shown % 7)) / 3.0
            let isRight = int action[0] = state.Shown / 49
            let struct (next, rng) = Rng.below 98 rng
            let reward = 0.5 * (1.0 - error * error) + (if isRight then 0.5 else 0.0)

            struct ({ Shown = next; Taken = state.Taken + 1 },
                    { Reward = reward; Terminated = false; Truncated = false },
                    rng)

        member _.Observe(state, observation) =
            observation.Clear()
            observation[state.Shown] <- 255.0f

/// Networks of learners.
[<RequireQualifiedAccess>]
module LearnerNetwork =

    /// The actor of a learner with its critic, where both have hidden layers of the same widths and share none.
    let ofLearner (learner: Rl.Core.Learning.Learner) : Rl.Core.Networks.ActorCritic =
        { Actor = learner.Network; Critic = { learner.Network.Layers with Outputs = 1 } }

/// Shows one of four numbers and pays for the same action; the action before it is forbidden and refused. Episodes are
/// cut after seven steps and end where 3 is shown a third time.
type Forbidden() =
    interface IEnvironment<TaskState> with
        member _.Id = "Forbidden-v0"
        member _.ObservationSpace = Space.discrete 4
        member _.ActionSpace = Space.discreteFrom 5 4
        member _.MaxEpisodeSteps = 7
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (shown, rng) = Rng.below 4 rng
            struct ({ Shown = shown; Taken = 0 }, rng)

        member _.Step(state, action, rng) =
            let choice = int action[0] - 5

            if choice = (state.Shown + 3) % 4 then
                invalidOp "A choice was taken that the mask forbids."

            let struct (next, rng) = Rng.below 4 rng
            let seen = state.Taken + (if state.Shown = 3 then 1 else 0)

            let reward = if choice = state.Shown then 1.0 else 0.0
            let outcome = { Reward = reward; Terminated = (seen = 3); Truncated = false }
            struct ({ Shown = next; Taken = seen }, outcome, rng)

        member _.Observe(state, observation) = observation[0] <- float32 state.Shown

    interface IActionMasks<TaskState> with
        member _.ActionMask(state, mask) =
            for choice in 0 .. mask.Length - 1 do
                mask[choice] <- choice <> (state.Shown + 3) % 4

/// Shows one of three numbers and pays for it and for its parity, in two components of an action; the number after it
/// is forbidden and refused. Episodes are cut after six steps and end where 2 is shown a second time.
type Pairs() =
    interface IEnvironment<TaskState> with
        member _.Id = "Pairs-v0"
        member _.ObservationSpace = Space.discrete 3
        member _.ActionSpace = Space.multiDiscreteFrom [| 4; -1 |] [| 3; 2 |]
        member _.MaxEpisodeSteps = 6
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (shown, rng) = Rng.below 3 rng
            struct ({ Shown = shown; Taken = 0 }, rng)

        member _.Step(state, action, rng) =
            let number, parity = int action[0] - 4, int action[1] + 1

            if number = (state.Shown + 1) % 3 then
                invalidOp "A choice was taken that the mask forbids."

            let struct (next, rng) = Rng.below 3 rng
            let seen = state.Taken + (if state.Shown = 2 then 1 else 0)
            let reward = (if number = state.Shown then 1.0 else 0.0) + (if parity = state.Shown % 2 then 0.5 else 0.0)
            let outcome = { Reward = reward; Terminated = (seen = 2); Truncated = false }
            struct ({ Shown = next; Taken = seen }, outcome, rng)

        member _.Observe(state, observation) = observation[0] <- float32 state.Shown

    interface IActionMasks<TaskState> with
        member _.ActionMask(state, mask) =
            for choice in 0 .. mask.Length - 1 do
                mask[choice] <- choice <> (state.Shown + 1) % 3
