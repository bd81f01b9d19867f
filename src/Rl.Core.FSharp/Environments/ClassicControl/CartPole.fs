/// The cart and pole of Barto, Sutton and Anderson (1983), as in Gymnasium's `CartPole-v1`.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// The cart's position (m) and velocity (m/s), the pole's angle from the vertical (rad) and angular velocity (rad/s).
[<Struct>]
type CartPoleState = { Position: float; Velocity: float; Angle: float; AngularVelocity: float }

/// How CartPole integrates its accelerations over 0.02 s.
type KinematicsIntegrator =
    /// Positions move with the old velocities.
    | Euler = 0
    /// Velocities change first and positions move with the new ones.
    | SemiImplicitEuler = 1

/// What may vary in CartPole.
type CartPoleOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        RewardThreshold: float
        /// Reward 0 a step and −1 at the fall, as in the 1983 paper, instead of 1 a step.
        SuttonBartoReward: bool
        Integrator: KinematicsIntegrator
    }

/// The constants of Gymnasium's `cartpole.py`, and what follows from them.
module internal CartPoleConstants =
    [<Literal>]
    let Gravity = 9.8

    [<Literal>]
    let PoleMass = 0.1

    [<Literal>]
    let TotalMass = 1.1

    [<Literal>]
    let HalfLength = 0.5

    [<Literal>]
    let PoleMassLength = 0.05

    [<Literal>]
    let Force = 10.0

    [<Literal>]
    let Tau = 0.02

    [<Literal>]
    let PositionLimit = 2.4

    [<Literal>]
    let AngleLimit = 0.20943951023931953 // 12°

    let observationSpace =
        let high = [| 2.0 * PositionLimit; infinity; 2.0 * AngleLimit; infinity |]
        Space.box (Array.map (~-) high) high [| 4 |]

    let actionSpace = Space.discrete 2

    let isTerminal (state: CartPoleState) = abs state.Position > PositionLimit || abs state.Angle > AngleLimit

open CartPoleConstants

/// A pole hinged on a cart that is pushed left (0) or right (1) with 10 N. The episode terminates when |position| > 2.4
/// m or
/// |angle| > 12°. Observations are the state; start states are uniform in ±0.05 in all four.
/// Source: Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems"
/// (1983).
[<Sealed>]
type CartPole(options: CartPoleOptions) =
    let semiImplicit = options.Integrator = KinematicsIntegrator.SemiImplicitEuler
    let aliveReward = if options.SuttonBartoReward then 0.0 else 1.0
    let fallReward = if options.SuttonBartoReward then -1.0 else 1.0

    let advance (state: CartPoleState) (push: float) : CartPoleState =
        let struct (sine, cosine) = SineCosine.scalar state.Angle
        let temp = (push + PoleMassLength * (state.AngularVelocity * state.AngularVelocity) * sine) / TotalMass

        let angularAcceleration =
            (Gravity * sine - cosine * temp)
            / (HalfLength * (4.0 / 3.0 - PoleMass * (cosine * cosine) / TotalMass))

        let acceleration = temp - PoleMassLength * angularAcceleration * cosine / TotalMass
        let velocity = state.Velocity + Tau * acceleration
        let angularVelocity = state.AngularVelocity + Tau * angularAcceleration

        {
            Position = state.Position + Tau * (if semiImplicit then velocity else state.Velocity)
            Velocity = velocity
            Angle = state.Angle + Tau * (if semiImplicit then angularVelocity else state.AngularVelocity)
            AngularVelocity = angularVelocity
        }

    let outcome (terminated: bool) =
        {
            Reward = (if terminated then fallReward else aliveReward)
            Terminated = terminated
            Truncated = false
        }

    /// `advance` and `outcome` for eight states, one quantity a vector.
    let advanceEight (states: Span<Vector512<float>>) (push: Vector512<float>) (outcomes: Span<Vector512<float>>) =
        let inline all (value: float) = Vector512.Create value
        let mutable oldPosition = Vector512<float>.Zero
        let mutable oldVelocity = Vector512<float>.Zero
        let mutable oldAngle = Vector512<float>.Zero
        let mutable oldAngularVelocity = Vector512<float>.Zero

        StateLanes.unpackFour (Span.op_Implicit states, &oldPosition, &oldVelocity, &oldAngle, &oldAngularVelocity)

        let mutable sine = Vector512<float>.Zero
        let mutable cosine = Vector512<float>.Zero
        SineCosine.vector512 (oldAngle, &sine, &cosine)
        let temp = (push + all PoleMassLength * (oldAngularVelocity * oldAngularVelocity) * sine) / all TotalMass

        let angularAcceleration =
            (all Gravity * sine - cosine * temp)
            / (all HalfLength * (all (4.0 / 3.0) - all PoleMass * (cosine * cosine) / all TotalMass))

        let acceleration = temp - all PoleMassLength * angularAcceleration * cosine / all TotalMass
        let velocity = oldVelocity + all Tau * acceleration
        let angularVelocity = oldAngularVelocity + all Tau * angularAcceleration
        let position = oldPosition + all Tau * (if semiImplicit then velocity else oldVelocity)
        let angle = oldAngle + all Tau * (if semiImplicit then angularVelocity else oldAngularVelocity)

        StateLanes.packFour (position, velocity, angle, angularVelocity, states)

        let fallen =
            Vector512.GreaterThan(Vector512.Abs position, all PositionLimit)
            ||| Vector512.GreaterThan(Vector512.Abs angle, all AngleLimit)

        let rewards = Vector512.ConditionalSelect(fallen, all fallReward, all aliveReward)
        StateLanes.packOutcomes (rewards, fallen, outcomes)

    /// `CartPole-v1`: 500 steps, solved at a mean return of 475.
    static member V1: CartPoleOptions =
        {
            Id = "CartPole-v1"
            MaxEpisodeSteps = 500
            RewardThreshold = 475.0
            SuttonBartoReward = false
            Integrator = KinematicsIntegrator.Euler
        }

    /// `CartPole-v0`: 200 steps, solved at a mean return of 195.
    static member V0: CartPoleOptions =
        { CartPole.V1 with Id = "CartPole-v0"; MaxEpisodeSteps = 200; RewardThreshold = 195.0 }

    interface IEnvironment<CartPoleState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = options.RewardThreshold

        member _.Reset(rng) =
            let struct (position, rng) = Rng.uniformIn -0.05 0.05 rng
            let struct (velocity, rng) = Rng.uniformIn -0.05 0.05 rng
            let struct (angle, rng) = Rng.uniformIn -0.05 0.05 rng
            let struct (angularVelocity, rng) = Rng.uniformIn -0.05 0.05 rng

            struct ({ Position = position; Velocity = velocity; Angle = angle; AngularVelocity = angularVelocity }, rng)

        member _.Step(state, action, rng) =
            if isTerminal state then
                invalidOp $"{options.Id}: the state {state} is terminal; reset the episode instead of stepping it."

            if not (actionSpace.Contains action) then
                Guard.fail (nameof action) $"{options.Id}: the action is {action[0]}; it must be 0 (left) or 1 (right)."

            let next = advance state (if action[0] = 1.0f then Force else -Force)
            struct (next, outcome (isTerminal next), rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Position
            observation[1] <- float32 state.Velocity
            observation[2] <- float32 state.Angle
            observation[3] <- float32 state.AngularVelocity

    interface IBatchKernel<CartPoleState> with
        member _.StepMany(states, actions, outcomes) =
            let mutable index = 0

            if Avx512F.IsSupported then
                let actionVectors = MemoryMarshal.Cast<float32, Vector256<float32>> actions

                while index + 8 <= states.Length do
                    let eight = MemoryMarshal.Cast<CartPoleState, Vector512<float>>(states.Slice(index, 8))
                    let chosen = Avx512F.ConvertToVector512Double actionVectors[index / 8]
                    // 0 and 1 to −10 and 10, exactly.
                    let push = (chosen + chosen - Vector512<float>.One) * Vector512.Create Force
                    advanceEight eight push (MemoryMarshal.Cast<Outcome, Vector512<float>>(outcomes.Slice(index, 8)))
                    index <- index + 8

            while index < states.Length do
                let next = advance states[index] (if actions[index] = 1.0f then Force else -Force)
                states[index] <- next
                outcomes[index] <- outcome (isTerminal next)
                index <- index + 1

        member _.ObserveMany(states, observations) =
            StateLanes.narrow (MemoryMarshal.Cast<CartPoleState, float> states) observations

    interface IRenderable<CartPoleState> with
        member _.Render(state) = CartPoleScene.ofState state.Position state.Angle
