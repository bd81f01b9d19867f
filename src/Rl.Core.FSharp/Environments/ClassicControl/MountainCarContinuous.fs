/// The car too weak for its hill, with a throttle, as in Gymnasium's `MountainCarContinuous-v0`.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// What may vary in MountainCarContinuous.
type MountainCarContinuousOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        RewardThreshold: float
        /// The least velocity at which reaching the flag counts.
        GoalVelocity: float
    }

module private MountainCarContinuousConstants =
    [<Literal>]
    let Power = 0.0015

    [<Literal>]
    let GoalPosition = 0.45

    let actionSpace = Space.boxOf -1.0 1.0 [| 1 |]

open MountainCarContinuousConstants

/// A car between two hills whose throttle in [−1, 1] pushes with up to 0.0015. Reward −0.1 action², of the action as
/// given, and 100 at the flag; terminates at position ≥ 0.45 with velocity ≥ `GoalVelocity`. Observations are the
/// state, which is rounded to float32 after every step as in the reference.
[<Sealed>]
type MountainCarContinuous(options: MountainCarContinuousOptions) =
    do Guard.finite "goal_velocity" options.GoalVelocity

    let goalVelocity = options.GoalVelocity

    /// Of a rounded state: rounding may lift a velocity up to the goal's, so that only what lies above it is certain.
    let isCertainlyTerminal (state: MountainCarState) =
        state.Position >= GoalPosition && state.Velocity > float (float32 goalVelocity)

    let advance (state: MountainCarState) (action: float32) (outcome: byref<Outcome>) : MountainCarState =
        let action = float action
        let next = MountainValley.roll state (Math.Clamp(action, -1.0, 1.0) * Power)
        let arrived = next.Position >= GoalPosition && next.Velocity >= goalVelocity

        outcome <-
            {
                Reward = (if arrived then 100.0 else 0.0) - action * action * 0.1
                Terminated = arrived
                Truncated = false
            }

        { Position = float (float32 next.Position); Velocity = float (float32 next.Velocity) }

    /// `advance` for eight states.
    let advanceEight (states: Span<Vector512<float>>) (action: Vector512<float>) (outcomes: Span<Vector512<float>>) =
        let inline all (value: float) = Vector512.Create value
        let mutable position = Vector512<float>.Zero
        let mutable velocity = Vector512<float>.Zero
        StateLanes.unpackTwo (Span.op_Implicit states, &position, &velocity)
        let push = Vector512.Min(Vector512.Max(action, all -1.0), all 1.0) * all Power
        MountainValley.rollEight &position &velocity push

        let arrived =
            Vector512.GreaterThanOrEqual(position, all GoalPosition)
            &&& Vector512.GreaterThanOrEqual(velocity, all goalVelocity)

        let inline rounded (value: Vector512<float>) =
            Avx512F.ConvertToVector512Double(Avx512F.ConvertToVector256Single value)

        StateLanes.packTwo (rounded position, rounded velocity, states)
        let rewards = (arrived &&& all 100.0) - action * action * all 0.1
        StateLanes.packOutcomes (rewards, arrived, outcomes)

    /// `MountainCarContinuous-v0`: 999 steps, solved at a mean return of 90.
    static member V0: MountainCarContinuousOptions =
        {
            Id = "MountainCarContinuous-v0"
            MaxEpisodeSteps = 999
            RewardThreshold = 90.0
            GoalVelocity = 0.0
        }

    interface IEnvironment<MountainCarState> with
        member _.Id = options.Id
        member _.ObservationSpace = MountainValley.observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = options.RewardThreshold
        member _.Reset(rng) = MountainValley.reset rng

        member _.Step(state, action, rng) =
            if isCertainlyTerminal state then
                invalidOp $"{options.Id}: the state {state} is terminal; reset the episode instead of stepping it."

            if not (Single.IsFinite action[0]) then
                Guard.fail (nameof action) $"{options.Id}: the action is {action[0]}; it must be a throttle in [-1, 1]."

            let mutable outcome = Unchecked.defaultof<Outcome>
            let next = advance state action[0] &outcome
            struct (next, outcome, rng)

        member _.Observe(state, observation) = MountainValley.observe state observation

    interface IBatchKernel<MountainCarState> with
        member _.StepMany(states, actions, outcomes) =
            let mutable index = 0

            if Avx512F.IsSupported then
                let actionVectors = MemoryMarshal.Cast<float32, Vector256<float32>> actions

                while index + 8 <= states.Length do
                    let eight = MemoryMarshal.Cast<MountainCarState, Vector512<float>>(states.Slice(index, 8))
                    let results = MemoryMarshal.Cast<Outcome, Vector512<float>>(outcomes.Slice(index, 8))
                    advanceEight eight (Avx512F.ConvertToVector512Double actionVectors[index / 8]) results
                    index <- index + 8

            while index < states.Length do
                states[index] <- advance states[index] actions[index] &outcomes[index]
                index <- index + 1

        member _.ObserveMany(states, observations) =
            StateLanes.narrow (MemoryMarshal.Cast<MountainCarState, float> states) observations

    interface IRenderable<MountainCarState> with
        member _.Render(state) = MountainCarScene.draw GoalPosition state
