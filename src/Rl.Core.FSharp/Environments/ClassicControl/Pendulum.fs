/// The pendulum to be swung up, as in Gymnasium's `Pendulum-v1`.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// The angle from the upright (rad, not wrapped) and the angular velocity (rad/s).
[<Struct>]
type PendulumState = { Angle: float; AngularVelocity: float }

/// What may vary in Pendulum.
type PendulumOptions =
    {
        Id: string
        MaxEpisodeSteps: int
        /// The acceleration of gravity, m/s².
        Gravity: float
    }

/// The constants of Gymnasium's `pendulum.py`, and what follows from them.
module private PendulumConstants =
    [<Literal>]
    let MaxSpeed = 8.0

    [<Literal>]
    let MaxTorque = 2.0

    [<Literal>]
    let TimeStep = 0.05

    [<Literal>]
    let Turn = 6.283185307179586

    let observationSpace = Space.box [| -1.0; -1.0; -MaxSpeed |] [| 1.0; 1.0; MaxSpeed |] [| 3 |]
    let actionSpace = Space.boxOf -MaxTorque MaxTorque [| 1 |]

    /// ((angle + π) mod 2π) − π; the fused remainder is exact.
    let wrap (angle: float) =
        let shifted = angle + Math.PI
        let rest = Math.FusedMultiplyAdd(-(Math.Floor(shifted / Turn)), Turn, shifted)
        let rest = if rest < 0.0 then rest + Turn else rest
        let rest = if rest >= Turn then rest - Turn else rest
        rest - Math.PI

    /// `wrap` for eight angles.
    let wrapEight (angle: Vector512<float>) =
        let turn = Vector512.Create Turn
        let shifted = angle + Vector512.Create Math.PI
        let rest = Vector512.FusedMultiplyAdd(-(Vector512.Floor(shifted / turn)), turn, shifted)
        let rest = Vector512.ConditionalSelect(Vector512.LessThan(rest, Vector512<float>.Zero), rest + turn, rest)
        let rest = Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(rest, turn), rest - turn, rest)
        rest - Vector512.Create Math.PI

    /// min (max value (−limit)) limit.
    let clampEight (value: Vector512<float>) (limit: float) =
        Vector512.Min(Vector512.Max(value, Vector512.Create -limit), Vector512.Create limit)

open PendulumConstants

/// A rod of 1 kg and 1 m on a motor with a torque in [−2, 2] N·m; reward −(angle² + 0.1 velocity² + 0.001 torque²),
/// with the angle in [−π, π), of the state before the step. Never terminates; truncated after 200 steps.
/// Observations are (cos angle, sin angle, angular velocity); start angles are uniform in [−π, π), velocities in [−1,
/// 1).
[<Sealed>]
type Pendulum(options: PendulumOptions) =
    do Guard.finite (nameof options.Gravity) options.Gravity
    let gravityTerm = 3.0 * options.Gravity / (2.0 * 1.0)

    let advance (state: PendulumState) (action: float) (outcome: byref<Outcome>) : PendulumState =
        let torque = Math.Clamp(action, -MaxTorque, MaxTorque)
        let angle = wrap state.Angle
        let speed = state.AngularVelocity
        let cost = angle * angle + 0.1 * (speed * speed) + 0.001 * (torque * torque)
        let struct (sine, _) = SineCosine.scalar state.Angle
        let speed = Math.Clamp(speed + (gravityTerm * sine + 3.0 * torque) * TimeStep, -MaxSpeed, MaxSpeed)
        outcome <- { Reward = -cost; Terminated = false; Truncated = false }
        { Angle = state.Angle + speed * TimeStep; AngularVelocity = speed }

    /// `advance` for eight states, one quantity a vector; an outcome is a reward and 8 bytes of 0.
    let advanceEight (states: Span<Vector512<float>>) (action: Vector512<float>) (outcomes: Span<Vector512<float>>) =
        let inline all (value: float) = Vector512.Create value
        let mutable oldAngle = Vector512<float>.Zero
        let mutable speed = Vector512<float>.Zero
        StateLanes.unpackTwo (Span.op_Implicit states, &oldAngle, &speed)
        let torque = clampEight action MaxTorque
        let angle = wrapEight oldAngle
        let cost = angle * angle + all 0.1 * (speed * speed) + all 0.001 * (torque * torque)
        let mutable sine = Vector512<float>.Zero
        let mutable cosine = Vector512<float>.Zero
        SineCosine.vector512 (oldAngle, &sine, &cosine)
        let speed = clampEight (speed + (all gravityTerm * sine + all 3.0 * torque) * all TimeStep) MaxSpeed
        let angle = oldAngle + speed * all TimeStep
        StateLanes.packTwo (angle, speed, states)
        StateLanes.packTwo (-cost, Vector512<float>.Zero, outcomes)

    /// The observations of eight states, 24 numbers.
    let observeEight (states: ReadOnlySpan<Vector512<float>>) (observations: Span<float32>) =
        let mutable angle = Vector512<float>.Zero
        let mutable speed = Vector512<float>.Zero
        StateLanes.unpackTwo (states, &angle, &speed)
        let mutable sine = Vector512<float>.Zero
        let mutable cosine = Vector512<float>.Zero
        SineCosine.vector512 (angle, &sine, &cosine)
        // Cosines are elements 0 to 7, sines 8 to 15, speeds 16 to 23.
        let pair = Vector512.Narrow(cosine, sine)
        let rest = Vector512.Narrow(speed, speed)
        let first = Vector512.Create(0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19, 4, 12, 20, 5)
        let last = Vector512.Create(13, 21, 6, 14, 22, 7, 15, 23, 0, 0, 0, 0, 0, 0, 0, 0)
        Avx512F.PermuteVar16x32x2(pair, first, rest).CopyTo observations
        Avx512F.PermuteVar16x32x2(pair, last, rest).GetLower().CopyTo(observations.Slice 16)

    let observe (state: PendulumState) (observation: Span<float32>) =
        let struct (sine, cosine) = SineCosine.scalar state.Angle
        observation[0] <- float32 cosine
        observation[1] <- float32 sine
        observation[2] <- float32 state.AngularVelocity

    /// `Pendulum-v1`: 200 steps, g = 10.
    static member V1: PendulumOptions = { Id = "Pendulum-v1"; MaxEpisodeSteps = 200; Gravity = 10.0 }

    interface IEnvironment<PendulumState> with
        member _.Id = options.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = options.MaxEpisodeSteps
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (angle, rng) = Rng.uniformIn -Math.PI Math.PI rng
            let struct (angularVelocity, rng) = Rng.uniformIn -1.0 1.0 rng
            struct ({ Angle = angle; AngularVelocity = angularVelocity }, rng)

        member _.Step(state, action, rng) =
            if Single.IsNaN action[0] then
                Guard.fail (nameof action) $"{options.Id}: the action is NaN; it must be a torque in [-2, 2]."

            let mutable outcome = Unchecked.defaultof<Outcome>
            let next = advance state (float action[0]) &outcome
            struct (next, outcome, rng)

        member _.Observe(state, observation) = observe state observation

    interface IContinuousState<PendulumState> with
        member _.StateSize = 2
        member _.StepError = StepError.OfDoubles

        member _.ReadState(state, numbers) =
            numbers[0] <- state.Angle
            numbers[1] <- state.AngularVelocity

        member _.WithState(_, numbers) = { Angle = numbers[0]; AngularVelocity = numbers[1] }

    interface IBatchKernel<PendulumState> with
        member _.StepMany(states, actions, outcomes) =
            let mutable index = 0

            if Avx512F.IsSupported then
                let actionVectors = MemoryMarshal.Cast<float32, Vector256<float32>> actions

                while index + 8 <= states.Length do
                    let eight = MemoryMarshal.Cast<PendulumState, Vector512<float>>(states.Slice(index, 8))
                    let results = MemoryMarshal.Cast<Outcome, Vector512<float>>(outcomes.Slice(index, 8))
                    advanceEight eight (Avx512F.ConvertToVector512Double actionVectors[index / 8]) results
                    index <- index + 8

            while index < states.Length do
                states[index] <- advance states[index] (float actions[index]) &outcomes[index]
                index <- index + 1

        member _.ObserveMany(states, observations) =
            let mutable index = 0

            if Avx512F.IsSupported then
                while index + 8 <= states.Length do
                    let eight = MemoryMarshal.Cast<PendulumState, Vector512<float>>(states.Slice(index, 8))
                    observeEight eight (observations.Slice(3 * index, 24))
                    index <- index + 8

            while index < states.Length do
                observe states[index] (observations.Slice(3 * index, 3))
                index <- index + 1

    interface IRenderable<PendulumState> with
        member _.Render(state) = PendulumScene.draw state.Angle state.AngularVelocity
