/// The contract that every registered environment keeps, the registry, and the sine and cosine that environments share.
[<FsCheck.Xunit.Properties(Replay = "(4719005,4719007)")>]
module Rl.Tests.Environments.EnvironmentTests

open System
open System.Runtime.Intrinsics
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl
open Xunit
open FsCheck.Xunit

/// Walks `steps` random steps through a pure environment, restarting after ends, and lists what it sees.
type private Walk(seed: uint64, steps: int) =
    interface IEnvironmentVisitor<(float32[] * Outcome) list> with
        member _.Visit<'State
            when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType>
            (environment: IEnvironment<'State>)
            =
            let struct (first, stream) = environment.Reset(Rng.create seed)
            let mutable state, rng, actions = first, stream, Rng.create (seed + 1UL)
            let action = Array.zeroCreate<float32> environment.ActionSpace.Size

            [
                for _ in 1..steps do
                    actions <- environment.ActionSpace.Sample(actions, Span action)
                    let struct (after, outcome, next) = environment.Step(state, ReadOnlySpan action, rng)
                    let observation = Array.zeroCreate<float32> environment.ObservationSpace.Size
                    environment.Observe(after, Span observation)
                    yield observation, outcome
                    state <- after
                    rng <- next

                    if outcome.Terminated || outcome.Truncated then
                        let struct (fresh, next) = environment.Reset rng
                        state <- fresh
                        rng <- next
            ]

let private environments = Registry.ids |> List.map Registry.make
let private walk seed steps (environment: AnyEnvironment) = environment.Accept(Walk(seed, steps))

[<Property(MaxTest = 20)>]
let ``the same seed gives the same episode`` (seed: uint64) =
    environments |> List.forall (fun environment -> walk seed 60 environment = walk seed 60 environment)

[<Property(MaxTest = 20)>]
let ``observations lie in the observation space and rewards are finite`` (seed: uint64) =
    environments
    |> List.forall (fun environment ->
        walk seed 100 environment
        |> List.forall (fun (observation, outcome) ->
            Double.IsFinite outcome.Reward && environment.ObservationSpace.Contains(ReadOnlySpan observation)))

[<Property(MaxTest = 200)>]
let ``CartPole starts within 0.05 of rest`` (seed: uint64) =
    let environment = CartPole CartPole.V1 :> IEnvironment<CartPoleState>
    let struct (state, _) = environment.Reset(Rng.create seed)

    [ state.Position; state.Velocity; state.Angle; state.AngularVelocity ]
    |> List.forall (fun value -> abs value <= 0.05)

/// Mean and variance of a quantity of 20,000 start states.
let private startMoments (quantity: 'State -> float) (environment: IEnvironment<'State>) =
    let mutable rng = Rng.create 5UL

    let values =
        [|
            for _ in 1..20_000 do
                let struct (state, next) = environment.Reset rng
                rng <- next
                yield quantity state
        |]

    let mean = Array.average values
    mean, values |> Array.averageBy (fun value -> (value - mean) ** 2.0)

[<Fact>]
let ``start states are uniform as in Gymnasium`` () =
    let check halfWidth (mean: float, variance: float) =
        Assert.InRange(mean, -0.02 * halfWidth, 0.02 * halfWidth)
        Assert.InRange(variance / (halfWidth * halfWidth / 3.0), 0.97, 1.03)

    for quantity in [ _.Position; _.Velocity; _.Angle; _.AngularVelocity ] do
        check 0.05 (startMoments quantity (CartPole CartPole.V1))

    for quantity in [ _.Angle1; _.Angle2; _.Velocity1; _.Velocity2 ] do
        check 0.1 (startMoments quantity (Acrobot Acrobot.V1))

    check 0.1 (startMoments (fun (state: MountainCarState) -> state.Position + 0.5) (MountainCar MountainCar.V0))
    check Math.PI (startMoments (fun (state: PendulumState) -> state.Angle) (Pendulum Pendulum.V1))
    check 1.0 (startMoments (fun (state: PendulumState) -> state.AngularVelocity) (Pendulum Pendulum.V1))

[<Fact>]
let ``Pendulum clips its torque`` () =
    let environment = Pendulum Pendulum.V1 :> IEnvironment<PendulumState>
    let state = { Angle = 0.3; AngularVelocity = -0.2 }
    let step (torque: float32) = environment.Step(state, ReadOnlySpan [| torque |], Rng.create 0UL)
    Assert.Equal(step 2.0f, step 50.0f)
    Assert.Equal(step -2.0f, step -infinityf)
    Assert.NotEqual(step 2.0f, step 1.9f)
    Assert.Throws<ArgumentException>(fun () -> step nanf |> ignore) |> ignore

[<Fact>]
let ``CartPole refuses a fallen state and an action that is neither 0 nor 1`` () =
    let environment = CartPole CartPole.V1 :> IEnvironment<CartPoleState>
    let upright = Unchecked.defaultof<CartPoleState>
    let step state (action: float32) = environment.Step(state, ReadOnlySpan [| action |], Rng.create 0UL) |> ignore
    Assert.Throws<InvalidOperationException>(fun () -> step { upright with Angle = 0.3 } 0.0f) |> ignore

    for action in [ 2.0f; -1.0f; 0.5f; nanf ] do
        Assert.Throws<ArgumentException>(fun () -> step upright action) |> ignore

[<Fact>]
let ``MountainCarContinuous clips its throttle and charges for all of it`` () =
    let environment = MountainCarContinuous MountainCarContinuous.V0 :> IEnvironment<MountainCarState>
    let state: MountainCarState = { Position = -0.5; Velocity = 0.01 }

    let step (action: float32) =
        let struct (next, outcome, _) = environment.Step(state, ReadOnlySpan [| action |], Rng.create 0UL)
        next, outcome.Reward

    Assert.Equal(fst (step 1.0f), fst (step 3.0f))
    Assert.Equal(-0.9, snd (step 3.0f), 12)
    Assert.Throws<ArgumentException>(fun () -> step nanf |> ignore) |> ignore

[<Fact>]
let ``arrived cars and risen acrobots are refused, and wrong actions`` () =
    let refuses (environment: IEnvironment<'State>) (terminal: 'State) =
        let struct (start, rng) = environment.Reset(Rng.create 0UL)
        let step state (action: float32) = environment.Step(state, ReadOnlySpan [| action |], rng) |> ignore
        Assert.Throws<InvalidOperationException>(fun () -> step terminal 0.0f) |> ignore

        for action in [ 3.0f; -1.0f; 0.5f; nanf ] do
            Assert.Throws<ArgumentException>(fun () -> step start action) |> ignore

    refuses (MountainCar MountainCar.V0) { Position = 0.5; Velocity = 0.0 }
    let up = { Angle1 = Math.PI; Angle2 = 0.0; Velocity1 = 0.0; Velocity2 = 0.0 }
    refuses (Acrobot Acrobot.V1) up
    refuses (NoisyAcrobot { Acrobot.V1 with TorqueNoise = 0.5 }) up
    let car = MountainCarContinuous MountainCarContinuous.V0 :> IEnvironment<MountainCarState>

    Assert.Throws<InvalidOperationException>(fun () ->
        car.Step({ Position = 0.46; Velocity = 0.01 }, ReadOnlySpan [| 0.0f |], Rng.create 0UL) |> ignore)
    |> ignore

[<Property(MaxTest = 50)>]
let ``noise moves the acrobot's torque within its bounds, and 0 changes nothing`` (seed: uint64) =
    let plain = Acrobot Acrobot.V1 :> IEnvironment<AcrobotState>
    let struct (state, rng) = plain.Reset(Rng.create seed)

    let after (environment: IEnvironment<AcrobotState>) (action: float32) =
        let struct (next, _, _) = environment.Step(state, ReadOnlySpan [| action |], rng)
        next

    let noisy noise = NoisyAcrobot { Acrobot.V1 with TorqueNoise = noise } :> IEnvironment<AcrobotState>
    let velocity (state: AcrobotState) = state.Velocity2
    let low, middle, high = after plain 0.0f, after plain 1.0f, after plain 2.0f
    let disturbed = after (noisy 1.0) 1.0f

    after (noisy 0.0) 1.0f = middle
    && disturbed <> middle
    && velocity disturbed > velocity low
    && velocity disturbed < velocity high

[<Fact>]
let ``an acrobot with noise needs the type that has it, and noise that is a number`` () =
    Assert.Throws<ArgumentException>(fun () -> Acrobot { Acrobot.V1 with TorqueNoise = 0.1 } |> ignore)
    |> ignore

    for noise in [ -0.1; nan; infinity ] do
        Assert.ThrowsAny<ArgumentException>(fun () ->
            Registry.makeWith [ "torque_noise_max", KeywordValue.Number noise ] "Acrobot-v1" |> ignore)
        |> ignore

/// The largest distance from Math.Sin and Math.Cos, in units in the last place of what is expected.
let private worstError (arguments: float seq) =
    arguments
    |> Seq.map (fun x ->
        let struct (sine, cosine) = SineCosine.scalar x
        let error actual expected = abs (actual - expected) / (Math.BitIncrement(abs expected) - abs expected)
        max (error sine (Math.Sin x)) (error cosine (Math.Cos x)))
    |> Seq.max

[<Fact>]
let ``sine and cosine are within 2 units in the last place`` () =
    let mutable rng = Rng.create 9UL

    let uniform limit =
        [|
            for _ in 1..100_000 do
                let struct (value, next) = Rng.uniformIn -limit limit rng
                rng <- next
                yield value
        |]

    for limit in [ 0.3; 4.0; 100.0; SineCosine.Limit ] do
        Assert.InRange(worstError (uniform limit), 0.0, 2.0)

    let multiples = [ for k in -1000 .. 1000 -> float k * Math.PI / 2.0 ]
    Assert.InRange(worstError multiples, 0.0, 2.0)
    Assert.InRange(worstError [ 1e6; -3e9; 1e22; 1e300; 5e-324; 1e-20 ], 0.0, 1.0)

/// Whether the eight lanes are the bits of eight scalar calls.
let private lanesAgree (arguments: float[]) =
    let mutable sine, cosine = Vector512<float>.Zero, Vector512<float>.Zero
    SineCosine.vector512 (Vector512.Create<float>(values = arguments), &sine, &cosine)
    let sines, cosines = sine, cosine

    let same (expected: float) (actual: float) =
        BitConverter.DoubleToInt64Bits expected = BitConverter.DoubleToInt64Bits actual

    Seq.forall
        (fun lane ->
            let struct (s, c) = SineCosine.scalar arguments[lane]
            same s (sines.GetElement lane) && same c (cosines.GetElement lane))
        [ 0..7 ]

[<Property(MaxTest = 200)>]
let ``sine and cosine of eight numbers are those of each, bit for bit`` (seed: uint64) =
    let mutable rng = Rng.create seed

    let uniform limit =
        let struct (value, next) = Rng.uniformIn -limit limit rng
        rng <- next
        value

    Seq.forall
        (fun limit -> Seq.forall (fun _ -> lanesAgree (Array.init 8 (fun _ -> uniform limit))) [ 1..50 ])
        [ 0.8; 4.0; 100.0; SineCosine.Limit ]

[<Fact>]
let ``a number beyond the reduction's range or not finite does not spoil its neighbours`` () =
    for odd in [ 1e6; -1e300; nan; infinity; -infinity; -0.0; SineCosine.Limit ] do
        Assert.True(lanesAgree [| 0.1; 1.0; odd; -2.0; 3.0; odd; 0.0; 99999.0 |], string odd)

[<Fact>]
let ``an unknown id is refused with the nearest ids`` () =
    let error = Assert.Throws<ArgumentException>(fun () -> Registry.make "cartpole-v2" |> ignore)
    Assert.Contains("\"cartpole-v2\"", error.Message)
    Assert.Contains("CartPole-v1", error.Message)
    Assert.Equal<string list>([ "CartPole-v1"; "CartPole-v0" ], Registry.nearest "CartPole1" |> List.truncate 2)
    Assert.Equal(None, Registry.tryFind "cartpole-v2" |> Option.map _.Id)

[<Fact>]
let ``names that hold the wrong one stand before those with few edits`` () =
    let games = [ "MinAtar/Breakout-v0"; "MinAtar/Breakout-v1" ]
    Assert.Equal<string list>(games, Registry.nearest "Breakout-v0")
    Assert.Equal<string list>(games, Registry.nearest "ALE/breakout-v0")
    Assert.Equal<string list>([ "BipedalWalker-v3"; "BipedalWalkerHardcore-v3" ], Registry.nearest "BipedalWalker")
    Assert.Equal<string list>([ "FrozenLake-v1"; "FrozenLake8x8-v1" ], Registry.nearest "Frozen")
    Assert.Equal("CartPole-v1", List.head (Registry.nearest "Cartploe-v1"))
    Assert.Equal(3, List.length (Registry.nearest ""))
    Assert.Equal(3, List.length (Registry.nearest "-v1"))

[<Fact>]
let ``the distance between texts counts edits`` () =
    Assert.Equal(3, Registry.editDistance "kitten" "Sitting")
    Assert.Equal(4, Registry.editDistance "" "four")

[<Fact>]
let ``unknown keywords and wrong values are refused by name`` () =
    let refused (fragment: string) id keyword =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> Registry.makeWith [ keyword ] id |> ignore)
        Assert.Contains(fragment, error.Message)

    refused "sutton_barto_reward, kinematics_integrator" "CartPole-v1" ("gravity", KeywordValue.Number 1.0)
    refused "true or false" "CartPole-v1" ("sutton_barto_reward", KeywordValue.Number 1.0)
    refused "\"semi-implicit euler\"" "CartPole-v1" ("kinematics_integrator", KeywordValue.Text "rk4")
    refused "must be a number" "Pendulum-v1" ("g", KeywordValue.Text "strong")
    refused "finite" "Pendulum-v1" ("g", KeywordValue.Number nan)
    refused "Pendulum-v1 with g = NaN: " "Pendulum-v1" ("g", KeywordValue.Number nan)
    refused "with sticky_action_prob = 2: " "MinAtar/Breakout-v0" ("sticky_action_prob", KeywordValue.Number 2.0)
    refused "with desc = FF/FG: The map has no start" "FrozenLake-v1" ("desc", KeywordValue.Text "FF/FG")
    refused "gravity is 1" "LunarLander-v3" ("gravity", KeywordValue.Number 1.0)
    refused "has no keyword \"slip\"; it takes none." "Baird-v0" ("slip", KeywordValue.Number 0.0)
