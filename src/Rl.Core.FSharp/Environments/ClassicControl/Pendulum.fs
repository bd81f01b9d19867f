/// The pendulum to be swung up, as in Gymnasium's `Pendulum-v1`.
namespace Rl.Core.Environments.ClassicControl

open System
open Rl.Core.Foundations
open Rl.Core.Environments

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

open PendulumConstants

/// A rod of 1 kg and 1 m on a motor with a torque in [−2, 2] N·m; reward −(angle² + 0.1 velocity² + 0.001 torque²), with the
/// angle in [−π, π), of the state before the step. Never terminates; truncated after 200 steps.
/// Observations are (cos angle, sin angle, angular velocity); start angles are uniform in [−π, π), velocities in [−1, 1).
[<Sealed>]
type Pendulum(options: PendulumOptions) =
    do Guard.finite (nameof options.Gravity) options.Gravity
    let gravityTerm = 3.0 * options.Gravity / (2.0 * 1.0)

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

            let torque = Math.Clamp(float action[0], -MaxTorque, MaxTorque)
            let angle = wrap state.Angle
            let speed = state.AngularVelocity
            let cost = angle * angle + 0.1 * (speed * speed) + 0.001 * (torque * torque)
            let struct (sine, _) = SineCosine.scalar state.Angle
            let speed = Math.Clamp(speed + (gravityTerm * sine + 3.0 * torque) * TimeStep, -MaxSpeed, MaxSpeed)
            let next = { Angle = state.Angle + speed * TimeStep; AngularVelocity = speed }

            struct (next, { Reward = -cost; Terminated = false; Truncated = false }, rng)

        member _.Observe(state, observation) =
            let struct (sine, cosine) = SineCosine.scalar state.Angle
            observation[0] <- float32 cosine
            observation[1] <- float32 sine
            observation[2] <- float32 state.AngularVelocity
