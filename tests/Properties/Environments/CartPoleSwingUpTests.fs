/// Laws of the swing-up of a cart's pole: work becomes energy, mirrors, rest, the ends of the rail, the reward.
module Rl.Tests.Environments.CartPoleSwingUpTests

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Rl.Core.Foundations
open Xunit

let private environment: IEnvironment<CartPoleSwingUpState> = CartPoleSwingUp()

let private step (state: CartPoleSwingUpState) (action: float32) =
    let struct (next, outcome, _) = environment.Step(state, ReadOnlySpan [| action |], Rng.create 1UL)
    next, outcome

/// A state in the middle of the rail, and an action.
let private random (seed: uint64) : CartPoleSwingUpState * float32 =
    let mutable key = Rng.create seed

    let draw low high =
        let struct (value, next) = Rng.uniformIn low high key
        key <- next
        value

    {
        Position = draw -1.0 1.0
        Velocity = draw -2.0 2.0
        Angle = draw -4.0 4.0
        AngularVelocity = draw -5.0 5.0
    },
    float32 (draw -3.0 3.0)

// Capsules of water: the cart's is 0.2 m long and 0.2 m thick, the pole's 0.6 m and 0.098 m.
let private volume radius length = Math.PI * radius * radius * (length + 4.0 / 3.0 * radius)
let private cartMass, poleMass = 1000.0 * volume 0.1 0.2, 1000.0 * volume 0.049 0.6

/// Kinetic energy of the cart and of the pole's slices, and the pole's potential energy.
let private energy (state: CartPoleSwingUpState) =
    let sine, cosine = Math.Sin state.Angle, Math.Cos state.Angle
    let slices = 4_000

    // Slices of a capsule from −r to L + r along its axis; each is a disc whose width turns too.
    let radius, length = 0.049, 0.6
    let width = (length + 2.0 * radius) / float slices

    let ofPole =
        Seq.init slices (fun index ->
            let along = -radius + (float index + 0.5) * width

            let beyond =
                if along < 0.0 then -along
                elif along > length then along - length
                else 0.0

            let square = max 0.0 (radius * radius - beyond * beyond)
            let mass = 1000.0 * Math.PI * square * width
            let across = state.Velocity + along * cosine * state.AngularVelocity
            let down = -along * sine * state.AngularVelocity
            let turning = 0.25 * square * state.AngularVelocity * state.AngularVelocity
            mass * (0.5 * (across * across + down * down + turning) + 9.81 * along * cosine))
        |> Seq.sum

    0.5 * cartMass * state.Velocity * state.Velocity + ofPole

[<Property(MaxTest = 50)>]
let ``the work of the force becomes energy, less what damping takes`` (seed: uint64) =
    let state, action = random seed
    let next, _ = step state action
    let work = 100.0 * float action * (next.Position - state.Position)

    let taken (state: CartPoleSwingUpState) =
        state.Velocity * state.Velocity + state.AngularVelocity * state.AngularVelocity

    let change = energy next - energy state
    // The mean of both ends stands for the integral of what damping takes over 0.04 s.
    let expected = work - 0.04 * 0.5 * (taken state + taken next)
    Assert.Equal(expected, change, 0.03 + 0.02 * abs work)

[<Property(MaxTest = 50)>]
let ``the mirror image of a state goes to the mirror image of the next`` (seed: uint64) =
    let state, action = random seed

    let mirror (state: CartPoleSwingUpState) : CartPoleSwingUpState =
        {
            Position = -state.Position
            Velocity = -state.Velocity
            Angle = -state.Angle
            AngularVelocity = -state.AngularVelocity
        }

    let next, outcome = step state action
    let other, reflected = step (mirror state) -action
    Assert.Equal(next.Position, -other.Position, 1e-12)
    Assert.Equal(next.Angle, -other.Angle, 1e-12)
    Assert.Equal(next.AngularVelocity, -other.AngularVelocity, 1e-11)
    Assert.Equal(outcome.Reward, reflected.Reward, 1e-12)

let private still position angle : CartPoleSwingUpState =
    { Position = position; Velocity = 0.0; Angle = angle; AngularVelocity = 0.0 }

[<Fact>]
let ``a pole that hangs stays, one that stands has the reward 1, and force costs`` () =
    let hanging, outcome = step (still 0.0 Math.PI) 0.0f
    Assert.Equal(Math.PI, hanging.Angle, 1e-9)
    Assert.Equal(Math.Exp -4.0, outcome.Reward, 1e-9)
    let _, standing = step (still 0.0 0.0) 0.0f
    Assert.Equal(1.0, standing.Reward, 1e-12)
    // From 0.6 m aside the distance is the scale.
    Assert.Equal(Math.Exp -1.0 - 0.04, CartPoleSwingUp.Reward(0.6, 1.0, 0.0, 2.0), 1e-12)
    Assert.False(standing.Terminated || standing.Truncated)

[<Fact>]
let ``the cart stands still at the ends of its rail, and actions are clipped`` () =
    let mutable state = still 2.2 Math.PI

    for _ in 1..20 do
        state <- fst (step state 3.0f)

    Assert.Equal(2.5, state.Position)
    Assert.Equal(0.0, state.Velocity)
    Assert.Equal(step (still 0.0 1.0) 3.0f, step (still 0.0 1.0) 50.0f)
    let error = Assert.Throws<ArgumentException>(fun () -> step (still 0.0 1.0) nanf |> ignore)
    Assert.Contains("[-3, 3]", error.Message)
