/// Small environments that break the contract in one way each, for the tests of what the check finds.
module Rl.Tests.Environments.FaultyEnvironments

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// What is wrong with a `Faulty` environment.
type Fault =
    | None = 0
    | NanObservation = 1
    | ObservationOutside = 2
    | UnwrittenObservation = 3
    | InfiniteReward = 4
    | HiddenCounter = 5
    | HiddenRandomness = 6
    | AcceptsWrongAction = 7
    | WrongException = 8
    | RefusesBeyondBox = 9
    | TerminalAccepted = 10
    | TerminalThrowsOther = 11
    | BothEnds = 12
    | OwnTruncation = 13
    | EmptyMask = 14
    | UnwrittenMask = 15
    | RenderChanges = 16
    | RenderThrows = 17
    | RenderEmpty = 18
    | StepThrows = 19
    | ResetThrows = 20
    | NegativeLimit = 21
    | SpaceThrows = 22
    | KernelDiffers = 23
    | InPlaceDiffers = 24
    | RenderDiffers = 25
    | RenderNothing = 26

/// Steps so far and the number of the episode's end.
[<Struct>]
type FaultyState = { Steps: int; End: int }

/// Counts to a random end between 3 and 9; action 1 of 2 counts for the reward. One fault at most.
type Faulty(fault: Fault) =
    let mutable counter = 0
    let ambient = Random 1
    let isDiscrete = fault <> Fault.RefusesBeyondBox

    let actionSpace = if isDiscrete then Space.discrete 2 else Space.boxOf -1.0 1.0 [| 1 |]

    interface IEnvironment<FaultyState> with
        member _.Id = "Faulty-v0"

        member _.ObservationSpace =
            if fault = Fault.SpaceThrows then invalidOp "no space today"

            Space.boxOf 0.0 10.0 [| 2 |]

        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = if fault = Fault.NegativeLimit then -1 else 20
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            if fault = Fault.ResetThrows then failwith "cannot start"

            let struct (last, rng) = Rng.below 7 rng
            struct ({ Steps = 0; End = 3 + last }, rng)

        member _.Step(state, action, rng) =
            counter <- counter + 1

            if state.Steps >= state.End then
                match fault with
                | Fault.TerminalAccepted -> ()
                | Fault.TerminalThrowsOther -> raise (IndexOutOfRangeException "beyond the end")
                | _ -> invalidOp "the state is terminal"

            if isDiscrete && not (actionSpace.Contains action) then
                match fault with
                | Fault.AcceptsWrongAction -> ()
                | Fault.WrongException -> raise (NullReferenceException "no such action")
                | _ -> invalidArg (nameof action) "the action is neither 0 nor 1"

            if not isDiscrete && not (actionSpace.Contains action) then
                invalidArg (nameof action) "the action lies outside the box"

            if fault = Fault.StepThrows && state.Steps = 2 then
                failwith "the motor is on fire"

            let steps = state.Steps + 1
            let ended = steps >= state.End

            let reward =
                match fault with
                | Fault.InfiniteReward when steps = 2 -> infinity
                | Fault.HiddenCounter -> float counter
                | Fault.HiddenRandomness -> ambient.NextDouble()
                | Fault.RenderChanges -> float (counter / 1_000_000)
                | _ -> float action[0]

            struct ({ state with Steps = steps },
                    {
                        Reward = reward
                        Terminated = ended
                        Truncated = (ended && fault = Fault.BothEnds) || (steps = 2 && fault = Fault.OwnTruncation)
                    },
                    rng)

        member _.Observe(state, observation) =
            observation[0] <-
                match fault with
                | Fault.NanObservation when state.Steps = 2 -> nanf
                | Fault.ObservationOutside when state.Steps = 2 -> 11.0f
                | _ -> float32 state.Steps

            if fault <> Fault.UnwrittenObservation then observation[1] <- float32 state.End

    interface IRenderable<FaultyState> with
        member this.Render(_) =
            match fault with
            | Fault.RenderThrows -> failwith "no canvas"
            | Fault.RenderChanges -> counter <- counter + 1_000_000
            | Fault.RenderDiffers -> counter <- counter + 1
            | _ -> ()

            {
                Width = (if fault = Fault.RenderEmpty then 0 else 10)
                Height = (if fault = Fault.RenderDiffers then counter else 10)
                Background = Colour.white
                Figures =
                    if fault = Fault.RenderNothing then
                        []
                    else
                        [ Figure.Disc(Figure.point 5.0 5.0, 2.0, Colour.white) ]
            }

/// With masks.
type FaultyMasks(fault: Fault) =
    inherit Faulty(fault)

    interface IActionMasks<FaultyState> with
        member _.ActionMask(state, mask) =
            mask[0] <- not (fault = Fault.EmptyMask && state.Steps = 1)

            if fault <> Fault.UnwrittenMask then mask[1] <- mask[0]

/// With a batch kernel.
type FaultyKernel(fault: Fault) =
    inherit Faulty(fault)

    interface IBatchKernel<FaultyState> with
        member this.StepMany(states, actions, outcomes) =
            for index in 0 .. states.Length - 1 do
                let environment = (this :> Faulty) :> IEnvironment<FaultyState>
                let struct (next, outcome, _) = environment.Step(states[index], actions.Slice(index, 1), Rng.create 0UL)
                states[index] <- next

                outcomes[index] <-
                    if fault = Fault.KernelDiffers && next.Steps = 2 then
                        { outcome with Reward = outcome.Reward + 1e-3 }
                    else
                        outcome

        member this.ObserveMany(states, observations) =
            for index in 0 .. states.Length - 1 do
                ((this :> Faulty) :> IEnvironment<FaultyState>).Observe(states[index], observations.Slice(2 * index, 2))

/// With steps in place.
type FaultyInPlace(fault: Fault) =
    inherit Faulty(fault)

    interface IInPlace<FaultyState> with
        member this.StepInPlace(state, action, rng) =
            let environment = (this :> Faulty) :> IEnvironment<FaultyState>
            let struct (next, outcome, after) = environment.Step(state, action, rng)
            state <- if fault = Fault.InPlaceDiffers then { next with End = next.End + 1 } else next
            rng <- after
            outcome
