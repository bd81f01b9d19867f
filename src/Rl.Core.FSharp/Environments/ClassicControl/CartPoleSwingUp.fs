/// A pole that hangs from a cart and is to be swung up: the task that model-based learners are measured on.
namespace Rl.Core.Environments.ClassicControl

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Rendering

/// The cart's position (m) and velocity (m/s), the pole's angle from the upright (rad, to the right, not wrapped) and
/// angular velocity (rad/s).
[<Struct>]
type CartPoleSwingUpState = { Position: float; Velocity: float; Angle: float; AngularVelocity: float }

/// The bodies of PETS' cart-pole (Chua et al. 2018; mbrl-lib's `pets_cartpole`), whose masses are those of capsules of
/// water.
module private SwingUpConstants =
    [<Literal>]
    let Gravity = 9.81

    /// Of the pole, from the joint to the tip, m.
    [<Literal>]
    let Length = 0.6

    [<Literal>]
    let Density = 1000.0

    /// The rail ends at ± this, m.
    [<Literal>]
    let Rail = 2.5

    /// N for an action of 1.
    [<Literal>]
    let Gear = 100.0

    [<Literal>]
    let LargestAction = 3.0

    /// Of the cart on the rail, N s/m, and of the joint, N m s.
    [<Literal>]
    let Damping = 1.0

    /// Of one step of the integration, s; an action lasts for two.
    [<Literal>]
    let TimeStep = 0.02

    let private cylinder radius length = Density * Math.PI * radius * radius * length
    let private ball radius = Density * 4.0 / 3.0 * Math.PI * radius * radius * radius
    let private capsule radius length = cylinder radius length + ball radius

    let cartMass = capsule 0.1 0.2
    let poleMass = capsule 0.049 Length
    /// From the joint to the pole's centre.
    let arm = Length / 2.0

    /// Of the pole about the joint: that of a capsule about its centre, across its axis, and the arm's.
    let inertia =
        let radius = 0.049

        let ofCylinder = cylinder radius Length * (Length * Length / 12.0 + radius * radius / 4.0)
        let ends = 0.4 * radius * radius + Length * Length / 4.0 + 0.375 * Length * radius
        ofCylinder + ball radius * ends + poleMass * arm * arm

    let observationSpace =
        let free = Double.PositiveInfinity
        Space.box [| -Rail; -1.0; -1.0; -free; -free |] [| Rail; 1.0; 1.0; free; free |] [| 5 |]

    let actionSpace = Space.boxOf -LargestAction LargestAction [| 1 |]

open SwingUpConstants

/// A cart of 10.5 kg on a rail of ± 2.5 m with a pole of 5 kg and 0.6 m that hangs from it, pushed with up to 300 N.
/// The reward of a step is exp(−d²/0.6²) − 0.01 a², d the distance of the pole's tip from where it is when it stands
/// upright over the middle, a ∈ [−3, 3] the action: what mbrl-lib's `cartpole_pets` gives. Observations are (position,
/// cos angle, sin angle, velocity, angular velocity), the angle from the upright. A step lasts 0.04 s (two steps of
/// Runge and Kutta's method); at the ends of the rail the cart stands still. Never terminates; truncated after 200
/// steps. It starts with position, velocities and the angle from hanging of N(0, 0.1²).
[<Sealed>]
type CartPoleSwingUp() =

    /// Accelerations: struct (of the cart, of the angle).
    let accelerations (force: float) (state: CartPoleSwingUpState) =
        let struct (sine, cosine) = SineCosine.scalar state.Angle
        let coupling = poleMass * arm * cosine
        let turning = state.AngularVelocity * state.AngularVelocity
        let push = force - Damping * state.Velocity + poleMass * arm * sine * turning
        let swing = poleMass * Gravity * arm * sine - Damping * state.AngularVelocity
        let total = cartMass + poleMass
        let determinant = total * inertia - coupling * coupling
        struct ((inertia * push - coupling * swing) / determinant, (total * swing - coupling * push) / determinant)

    /// The state after a time in which it changes as another one does.
    let moved (time: float) (force: float) (at: CartPoleSwingUpState) (from: CartPoleSwingUpState) =
        let struct (acceleration, turning) = accelerations force at

        {
            Position = from.Position + time * at.Velocity
            Velocity = from.Velocity + time * acceleration
            Angle = from.Angle + time * at.AngularVelocity
            AngularVelocity = from.AngularVelocity + time * turning
        }

    /// Runge and Kutta's step of fourth order.
    let integrate (force: float) (state: CartPoleSwingUpState) =
        let second = moved (TimeStep / 2.0) force state state
        let third = moved (TimeStep / 2.0) force second state
        let fourth = moved TimeStep force third state
        let sixth = TimeStep / 6.0

        let next =
            state
            |> moved sixth force state
            |> moved (2.0 * sixth) force second
            |> moved (2.0 * sixth) force third
            |> moved sixth force fourth

        if abs next.Position > Rail then
            { next with Position = Math.Clamp(next.Position, -Rail, Rail); Velocity = 0.0 }
        else
            next

    /// Its id in the registry.
    static member Id = "CartPoleSwingUp-v0"

    /// The reward of a step to this position, cosine and sine of the angle by an action.
    static member Reward(position: float, cosine: float, sine: float, action: float) : float =
        let action = Math.Clamp(action, -LargestAction, LargestAction)
        let aside, below = position + Length * sine, Length * (cosine - 1.0)
        Math.Exp(-(aside * aside + below * below) / (Length * Length)) - 0.01 * action * action

    interface IEnvironment<CartPoleSwingUpState> with
        member _.Id = CartPoleSwingUp.Id
        member _.ObservationSpace = observationSpace
        member _.ActionSpace = actionSpace
        member _.MaxEpisodeSteps = 200
        member _.RewardThreshold = 170.0

        member _.Reset(rng) =
            let struct (position, rng) = Rng.normal rng
            let struct (velocity, rng) = Rng.normal rng
            let struct (angle, rng) = Rng.normal rng
            let struct (angularVelocity, rng) = Rng.normal rng

            struct ({
                        Position = 0.1 * position
                        Velocity = 0.1 * velocity
                        Angle = Math.PI + 0.1 * angle
                        AngularVelocity = 0.1 * angularVelocity
                    },
                    rng)

        member _.Step(state, action, rng) =
            if Single.IsNaN action[0] then
                Guard.fail (nameof action) $"{CartPoleSwingUp.Id}: the action is NaN; it must be a number in [-3, 3]."

            let force = Gear * Math.Clamp(float action[0], -LargestAction, LargestAction)
            let next = state |> integrate force |> integrate force
            let struct (sine, cosine) = SineCosine.scalar next.Angle
            let reward = CartPoleSwingUp.Reward(next.Position, cosine, sine, float action[0])
            struct (next, { Reward = reward; Terminated = false; Truncated = false }, rng)

        member _.Observe(state, observation) =
            let struct (sine, cosine) = SineCosine.scalar state.Angle
            observation[0] <- float32 state.Position
            observation[1] <- float32 cosine
            observation[2] <- float32 sine
            observation[3] <- float32 state.Velocity
            observation[4] <- float32 state.AngularVelocity

    interface IContinuousState<CartPoleSwingUpState> with
        member _.StateSize = 4
        member _.StepError = StepError.OfDoubles

        member _.ReadState(state, numbers) =
            numbers[0] <- state.Position
            numbers[1] <- state.Velocity
            numbers[2] <- state.Angle
            numbers[3] <- state.AngularVelocity

        member _.WithState(_, numbers) =
            { Position = numbers[0]; Velocity = numbers[1]; Angle = numbers[2]; AngularVelocity = numbers[3] }

    interface IRenderable<CartPoleSwingUpState> with
        member _.Render(state) = CartPoleSwingUpScene.draw state.Position state.Angle
