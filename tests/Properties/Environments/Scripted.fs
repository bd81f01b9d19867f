/// Small environments whose every number is known, for the tests of batches.
namespace Rl.Tests.Environments

open System
open Rl.Core.Foundations
open Rl.Core.Environments

/// The steps taken in this episode and a draw that the episode began with.
[<Struct>]
type ScriptedState = { Steps: int; Draw: float }

/// What goes wrong, and when (0: never); `Limit` is the time limit.
type Script =
    {
        Limit: int
        TerminateAt: int
        TruncateAt: int
        BadRewardAt: int
        BadReward: float
        BadObservationAt: int
    }

/// Counts its steps: reward = the number of the step + the action + noise; observation = (steps, draw, action-free
/// noise).
type Scripted(script: Script) =
    static member Quiet =
        {
            Limit = 0
            TerminateAt = 0
            TruncateAt = 0
            BadRewardAt = 0
            BadReward = nan
            BadObservationAt = 0
        }

    interface IEnvironment<ScriptedState> with
        member _.Id = "Scripted-v0"
        member _.ObservationSpace = Space.unbounded [| 2 |]
        member _.ActionSpace = Space.boxOf -1.0 1.0 [| 2 |]
        member _.MaxEpisodeSteps = script.Limit
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (draw, rng) = Rng.uniform rng
            struct ({ Steps = 0; Draw = draw }, rng)

        member _.Step(state, action, rng) =
            let struct (noise, rng) = Rng.uniform rng
            let steps = state.Steps + 1
            let reward = float steps + float action[0] + 0.01 * noise

            struct ({ state with Steps = steps },
                    {
                        Reward = (if steps = script.BadRewardAt then script.BadReward else reward)
                        Terminated = (steps = script.TerminateAt)
                        Truncated = (steps = script.TruncateAt)
                    },
                    rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Steps

            observation[1] <-
                if state.Steps > 0 && state.Steps = script.BadObservationAt then
                    infinityf
                else
                    float32 state.Draw

/// `Scripted` as a user's mutable environment, which may throw at a step.
type MutableScripted(script: Script, throwAt: int) =
    let environment = Scripted script :> IEnvironment<ScriptedState>
    let mutable state = Unchecked.defaultof<ScriptedState>
    let mutable stream = Rng.create 0UL

    interface IMutableEnvironment with
        member _.ObservationSpace = environment.ObservationSpace
        member _.ActionSpace = environment.ActionSpace
        member _.MaxEpisodeSteps = environment.MaxEpisodeSteps

        member _.Reset(seed, observation) =
            let struct (first, rng) = environment.Reset(Rng.create seed)
            state <- first
            stream <- rng
            environment.Observe(state, observation)

        member _.Step(action, observation) =
            if state.Steps + 1 = throwAt then invalidOp "the motor is on fire"

            let struct (next, outcome, rng) = environment.Step(state, action, stream)
            state <- next
            stream <- rng
            environment.Observe(state, observation)
            outcome
