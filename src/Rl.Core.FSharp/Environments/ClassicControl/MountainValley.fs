/// The valley that both mountain cars drive in: its slope, walls and clipped speeds, for one car and for eight.
namespace Rl.Core.Environments.ClassicControl

open System
open System.Runtime.Intrinsics
open Rl.Core.Foundations
open Rl.Core.Environments

/// The position along the valley, whose floor is at −π/6, and the velocity a step.
[<Struct>]
type MountainCarState = { Position: float; Velocity: float }

/// The constants of Gymnasium's `mountain_car.py` and `continuous_mountain_car.py`, and the motion that both share:
/// v ← clip(v + push − 0.0025 cos 3x, ±0.07), x ← clip(x + v, −1.2, 0.6), and v ← 0 at the left wall.
module internal MountainValley =
    [<Literal>]
    let MinPosition = -1.2

    [<Literal>]
    let MaxPosition = 0.6

    [<Literal>]
    let MaxSpeed = 0.07

    [<Literal>]
    let Gravity = 0.0025

    let observationSpace = Space.box [| MinPosition; -MaxSpeed |] [| MaxPosition; MaxSpeed |] [| 2 |]

    /// Uniform in [−0.6, −0.4], at rest.
    let reset (rng: Rng) : struct (MountainCarState * Rng) =
        let struct (position, rng) = Rng.uniformIn -0.6 -0.4 rng
        struct ({ Position = position; Velocity = 0.0 }, rng)

    /// The state after a push.
    let roll (state: MountainCarState) (push: float) : MountainCarState =
        let struct (_, cosine) = SineCosine.scalar (3.0 * state.Position)
        let velocity = Math.Clamp(state.Velocity + (push - Gravity * cosine), -MaxSpeed, MaxSpeed)
        let position = Math.Clamp(state.Position + velocity, MinPosition, MaxPosition)
        let stopped = position = MinPosition && velocity < 0.0
        { Position = position; Velocity = (if stopped then 0.0 else velocity) }

    /// `roll` for eight cars, in place.
    let rollEight
        (position: byref<Vector512<float>>)
        (velocity: byref<Vector512<float>>)
        (push: Vector512<float>)
        : unit =
        let inline all (value: float) = Vector512.Create value

        let inline clamp value low high = Vector512.Min(Vector512.Max(value, all low), all high)

        let mutable sine = Vector512<float>.Zero
        let mutable cosine = Vector512<float>.Zero
        SineCosine.vector512 (all 3.0 * position, &sine, &cosine)
        let speed = clamp (velocity + (push - all Gravity * cosine)) -MaxSpeed MaxSpeed
        position <- clamp (position + speed) MinPosition MaxPosition
        let stopped = Vector512.Equals(position, all MinPosition) &&& Vector512.LessThan(speed, Vector512<float>.Zero)
        velocity <- Vector512.ConditionalSelect(stopped, Vector512<float>.Zero, speed)

    let observe (state: MountainCarState) (observation: Span<float32>) =
        observation[0] <- float32 state.Position
        observation[1] <- float32 state.Velocity
