/// The car too weak for its hill, with three pushes, as in Gymnasium's `MountainCar-v0`.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// What may vary in MountainCar.
type MountainCarOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        RewardThreshold: float
        /// The least velocity at which reaching the flag counts.
        GoalVelocity: float
    }

module private MountainCarConstants =
    [<Literal>]
    let Force = 0.001

    [<Literal>]
    let GoalPosition = 0.5

    let actionSpace = Space.discrete 3

open MountainCarConstants

/// A car between two hills that must swing to climb the right one: it is pushed left (0), not at all (1) or right (2)
/// with 0.001. Reward −1 a step; terminates at position ≥ 0.5 with velocity ≥ `GoalVelocity`. Observations are the
/// state. Source: Moore, "Efficient memory-based learning for robot control" (1990).
[<Sealed>]
type MountainCar(options: MountainCarOptions) =
    do Guard.finite "goal_velocity" options.GoalVelocity

    let isTerminal (state: MountainCarState) = state.Position >= GoalPosition && state.Velocity >= options.GoalVelocity

    let outcome terminated = { Reward = -1.0; Terminated = terminated; Truncated = false }
    let advance state (action: float32) = MountainValley.roll state ((float action - 1.0) * Force)

    /// `MountainCar-v0`: 200 steps, solved at a mean return of −110.
    static member V0: MountainCarOptions =
        { Id = "MountainCar-v0"; MaxEpisodeSteps = 200; RewardThreshold = -110.0; GoalVelocity = 0.0 }

    interface IEnvironment<MountainCarState> with
        member _.Id = options.Id
        member _.ObservationSpace = MountainValley.observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = options.RewardThreshold
        member _.Reset(rng) = MountainValley.reset rng

        member _.Step(state, action, rng) =
            if isTerminal state then
                invalidOp $"{options.Id}: the state {state} is terminal; reset the episode instead of stepping it."

            if not (actionSpace.Contains action) then
                Guard.fail
                    (nameof action)
                    $"{options.Id}: the action is {action[0]}; it must be 0 (left), 1 (no push) or 2 (right)."

            let next = advance state action[0]
            struct (next, outcome (isTerminal next), rng)

        member _.Observe(state, observation) = MountainValley.observe state observation

    interface IBatchKernel<MountainCarState> with
        member _.StepMany(states, actions, outcomes) =
            let mutable index = 0

            if Avx512F.IsSupported then
                let actionVectors = MemoryMarshal.Cast<float32, Vector256<float32>> actions

                while index + 8 <= states.Length do
                    let eight = MemoryMarshal.Cast<MountainCarState, Vector512<float>>(states.Slice(index, 8))
                    let results = MemoryMarshal.Cast<Outcome, Vector512<float>>(outcomes.Slice(index, 8))
                    let mutable position = Vector512<float>.Zero
                    let mutable velocity = Vector512<float>.Zero
                    StateLanes.unpackTwo (Span.op_Implicit eight, &position, &velocity)
                    let chosen = Avx512F.ConvertToVector512Double actionVectors[index / 8]
                    let push = (chosen - Vector512<float>.One) * Vector512.Create Force
                    MountainValley.rollEight &position &velocity push
                    StateLanes.packTwo (position, velocity, eight)

                    let arrived =
                        Vector512.GreaterThanOrEqual(position, Vector512.Create GoalPosition)
                        &&& Vector512.GreaterThanOrEqual(velocity, Vector512.Create options.GoalVelocity)

                    StateLanes.packOutcomes (Vector512.Create -1.0, arrived, results)
                    index <- index + 8

            while index < states.Length do
                let next = advance states[index] actions[index]
                states[index] <- next
                outcomes[index] <- outcome (isTerminal next)
                index <- index + 1

        member _.ObserveMany(states, observations) =
            StateLanes.narrow (MemoryMarshal.Cast<MountainCarState, float> states) observations

    interface IRenderable<MountainCarState> with
        member _.Render(state) = MountainCarScene.draw GoalPosition state
