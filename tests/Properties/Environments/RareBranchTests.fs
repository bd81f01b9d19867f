/// What random play seldom meets: the last bit before a limit, actions beyond their range, the far edge, and two ends
/// at once.
module Rl.Tests.Environments.RareBranchTests

open System
open System.Numerics
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Box2D
open Rl.Core.Environments.ClassicControl
open Xunit

// --- Classic control
// -------------------------------------------------------------------------------------------------------------

/// What a kernel makes of states and actions together: states, outcomes and observations.
let private together (environment: IEnvironment<'State>) (states: 'State[]) (actions: float32[]) =
    let kernel =
        match environment with
        | :? IBatchKernel<'State> as kernel -> kernel
        | _ -> failwith $"{environment.Id} has no kernel."

    let next, outcomes = Array.copy states, Array.zeroCreate<Outcome> states.Length
    kernel.StepMany(Span next, ReadOnlySpan actions, Span outcomes)
    let observations = Array.zeroCreate<float32>(states.Length * environment.ObservationSpace.Size)
    kernel.ObserveMany(ReadOnlySpan next, Span observations)
    next, outcomes, observations

/// Every state with every action, each group of eight as a whole and one at a time: the same bits. Returns the
/// outcomes.
let private agrees (environment: IEnvironment<'State>) (states: 'State[]) (actions: float32[]) : Outcome[] =
    let states, actions = Array.allPairs states actions |> Array.unzip
    let next, outcomes, observations = together environment states actions
    let size = environment.ObservationSpace.Size

    for index in 0 .. states.Length - 1 do
        let alone, outcome, observation = together environment [| states[index] |] [| actions[index] |]
        let context = $"{environment.Id}: {states[index]} with {actions[index]}"
        Assert.True((alone[0] = next[index]), $"{context} leads to {next[index]}, alone to {alone[0]}")
        Assert.True((outcome[0] = outcomes[index]), $"{context} gives {outcomes[index]}, alone {outcome[0]}")
        Assert.Equal<float32[]>(observation, Array.sub observations (size * index) size)

    outcomes

let private around (value: float) = [ Math.BitDecrement value; value; Math.BitIncrement value ]

[<Fact>]
let ``a pendulum costs its wrapped angle and clipped torque, alone and among eight`` () =
    let turns = [ -10001.0; -7.0; -3.0; -2.0; -1.0; -0.5; 0.0; 0.5; 1.0; 2.0; 3.0; 999.0; 10001.0 ]
    let angles = turns |> List.collect (fun turn -> around (turn * Math.PI))
    let speeds = [ 0.0; -8.0; 8.0; 0.3; -1e-300 ]

    let states =
        [|
            for angle in angles do
                for speed in speeds -> { Angle = angle; AngularVelocity = speed }
        |]

    let torques = [| 0.0f; 1.5f; 2.0f; -2.0f; 2.5f; -40.0f; 3e38f |]
    let outcomes = agrees (Pendulum Pendulum.V1) states torques

    Array.allPairs states torques
    |> Array.iteri (fun index (state, torque) ->
        let angle = Math.IEEERemainder(state.Angle, 2.0 * Math.PI)
        let torque = Math.Clamp(float torque, -2.0, 2.0)
        let cost = angle * angle + 0.1 * state.AngularVelocity ** 2.0 + 0.001 * torque * torque
        Assert.Equal(-cost, outcomes[index].Reward, 1e-9)
        Assert.False outcomes[index].Terminated)

[<Fact>]
let ``a pole falls beyond its limits and not at them`` () =
    let limit = 12.0 * 2.0 * Math.PI / 360.0
    let ends = [ for x in List.concat [ around 2.4; around -2.4; [ 0.0 ] ] -> x, 0.0 ]
    let tilts = [ for angle in around limit @ around -limit -> 0.0, angle ]

    let states =
        [|
            for position, angle in ends @ tilts ->
                { Position = position; Velocity = 0.0; Angle = angle; AngularVelocity = 0.0 }
        |]

    // Without velocities the old position and angle stay for one step.
    for sutton in [ false; true ] do
        let options = { CartPole.V1 with SuttonBartoReward = sutton }
        let outcomes = agrees (CartPole options) states [| 0.0f; 1.0f |]

        Array.allPairs states [| 0.0f; 1.0f |]
        |> Array.iteri (fun index (state, _) ->
            let hasFallen = abs state.Position > 2.4 || abs state.Angle > limit
            let reward = if sutton then (if hasFallen then -1.0 else 0.0) else 1.0
            Assert.Equal({ Reward = reward; Terminated = hasFallen; Truncated = false }, outcomes[index]))

    let semi = { CartPole.V1 with Integrator = KinematicsIntegrator.SemiImplicitEuler }
    agrees (CartPole semi) states [| 0.0f; 1.0f |] |> ignore

[<Fact>]
let ``cars stop at the left wall, keep to their speed, and arrive with the goal's velocity alone`` () =
    let states: MountainCarState[] =
        [|
            for position in [ -1.2; -1.19; -0.5; 0.42; 0.449; 0.499; 0.599; 0.6 ] do
                for velocity in [ -0.07; -0.03; 0.0; 0.02; 0.07 ] -> { Position = position; Velocity = velocity }
        |]

    for goal in [ 0.0; 0.03 ] do
        let car = MountainCar { MountainCar.V0 with GoalVelocity = goal }
        let pushes = [| 0.0f; 1.0f; 2.0f |]
        let outcomes = agrees car states pushes
        let next, _, _ = Array.allPairs states pushes |> Array.unzip ||> together car

        for index in 0 .. next.Length - 1 do
            let state = next[index]
            Assert.InRange(state.Position, -1.2, 0.6)
            Assert.InRange(state.Velocity, -0.07, 0.07)
            Assert.True(state.Position > -1.2 || state.Velocity >= 0.0)
            Assert.Equal(state.Position >= 0.5 && state.Velocity >= goal, outcomes[index].Terminated)
            Assert.Equal(-1.0, outcomes[index].Reward)

        let continuous = MountainCarContinuous { MountainCarContinuous.V0 with GoalVelocity = goal }
        let throttles = [| -3.0f; -1.0f; 0.0f; 0.5f; 1.0f; 2.0f |]
        let outcomes = agrees continuous states throttles

        Array.allPairs states throttles
        |> Array.iteri (fun index (_, throttle) ->
            let arrived = if outcomes[index].Terminated then 100.0 else 0.0
            Assert.Equal(arrived - 0.1 * float throttle * float throttle, outcomes[index].Reward, 1e-12))

[<Fact>]
let ``an acrobot wraps its angles, keeps to its speeds and rises beyond its line, alone and among eight`` () =
    let states =
        [|
            for angle in [ -Math.PI; -3.1; -1.0; 0.0; 2.0; 3.14; Math.PI ] do
                for velocity in [ -4.0 * Math.PI; -1.0; 0.0; 4.0 * Math.PI ] ->
                    { Angle1 = angle; Angle2 = 0.5 * angle; Velocity1 = velocity; Velocity2 = 2.25 * velocity }
        |]

    for dynamics in [ AcrobotDynamics.Book; AcrobotDynamics.Nips ] do
        let acrobot = Acrobot { Acrobot.V1 with Dynamics = dynamics }
        let torques = [| 0.0f; 1.0f; 2.0f |]
        let outcomes = agrees acrobot states torques
        let next, _, _ = Array.allPairs states torques |> Array.unzip ||> together acrobot

        for index in 0 .. next.Length - 1 do
            let state = next[index]
            Assert.InRange(abs state.Angle1, 0.0, Math.PI)
            Assert.InRange(abs state.Angle2, 0.0, Math.PI)
            Assert.InRange(abs state.Velocity1, 0.0, 4.0 * Math.PI)
            Assert.InRange(abs state.Velocity2, 0.0, 9.0 * Math.PI)
            let tip = -cos state.Angle1 - cos (state.Angle1 + state.Angle2)

            if abs (tip - 1.0) > 1e-9 then
                Assert.Equal(tip > 1.0, outcomes[index].Terminated)

            Assert.Equal((if outcomes[index].Terminated then 0.0 else -1.0), outcomes[index].Reward)

// --- Rigid bodies
// ----------------------------------------------------------------------------------------------------------------

[<Fact>]
let ``a walker fails left of the ground and where its hull touches, and arrives at the far end`` () =
    let struct (start, _) = BipedalModel.reset false (Rng.create 1UL)

    /// The outcome of a step at a price after which the hull is at x.
    let settle (x: float) (touches: bool) =
        let mutable state = start
        let bodies = (BipedalModel.bodiesOf &state).Bodies
        let here = (BipedalModel.position &state).X
        bodies[0].Centre <- bodies[0].Centre + Vector2(float32 x - here, 0.0f)
        bodies[0].HasTouched <- touches
        let outcome = BipedalModel.settle 0.25 &state
        Assert.Equal(outcome.Terminated, state.IsTerminal)
        outcome

    let finish = float (BipedalTerrain.Length - BipedalTerrain.Grass) * BipedalTerrain.Spacing

    for x, touches, terminates, fails in
        [
            -0.01, false, true, true
            -50.0, false, true, true
            0.01, false, false, false
            finish - 0.01, false, false, false
            finish + 0.01, false, true, false
            finish + 0.01, true, true, true
            10.0, true, true, true
        ] do
        let outcome = settle x touches
        Assert.Equal(terminates, outcome.Terminated)
        Assert.False outcome.Truncated

        if fails then
            Assert.Equal(-100.0, outcome.Reward)
        else
            Assert.NotEqual(-100.0, outcome.Reward)

    // A metre to the right is worth 130/30, whatever the price.
    let reward x = (settle x false).Reward
    Assert.Equal(130.0 / 30.0, reward 11.0 - reward 10.0, 1e-4)

let private lander (options: LunarLanderOptions) (seed: uint64) =
    let struct (state, _) = (LunarLander options :> IEnvironment<LunarLanderState>).Reset(Rng.create seed)
    state

[<Fact>]
let ``a lander that rests has landed, whatever else it did; one that touches or leaves has crashed`` () =
    let options = LunarLander.V3
    let model = LunarLanderModel.world options.Gravity
    let idle = { Main = 0.0; Side = 0.0; Direction = 0.0 }
    let start = lander options 1UL

    for touches in [ false; true ] do
        for rests in [ false; true ] do
            for x in [ -1.001; -0.999; 0.0; 0.999; 1.001 ] do
                let mutable state = start
                let bodies = (LunarLanderModel.bodiesOf &state).Bodies
                let origin = Body.origin model.Bodies[0] &bodies[0]
                let shift = float32 (10.0 + 10.0 * x) - origin.X
                bodies[0].Centre <- bodies[0].Centre + Vector2(shift, 0.0f)
                bodies[0].HasTouched <- touches
                bodies[0].IsAwake <- not rests
                let outcome = LunarLanderModel.settle model idle &state
                let hasLeft = abs x >= 1.0
                Assert.Equal(touches || rests || hasLeft, outcome.Terminated)
                Assert.Equal(outcome.Terminated, state.IsTerminal)

                if rests then Assert.Equal(100.0, outcome.Reward)
                elif touches || hasLeft then Assert.Equal(-100.0, outcome.Reward)
                else Assert.InRange(abs outcome.Reward, 0.0, 99.0)

[<Fact>]
let ``the wind blows in the air alone, and stands still on the ground`` () =
    let options = { LunarLander.V3 with EnableWind = true; WindPower = 15.0; TurbulencePower = 1.5 }
    let model = LunarLanderModel.world options.Gravity
    let idle = { Main = 0.0; Side = 0.0; Direction = 0.0 }
    let start = lander options 3UL

    for right, left in [ false, false; true, false; false, true; true, true ] do
        let mutable state = start
        let bodies = (LunarLanderModel.bodiesOf &state).Bodies
        bodies[1].HasContact <- right
        bodies[2].HasContact <- left
        state.WindIndex <- 1234
        state.TurbulenceIndex <- -77
        LunarLanderModel.push options model idle 0.0 0.0 &state
        let stands = right || left
        Assert.Equal(stands, (bodies[0].Force = Vector2.Zero))
        Assert.Equal(stands, (bodies[0].Torque = 0.0f))
        Assert.Equal((if stands then (1234, -77) else (1235, -76)), (state.WindIndex, state.TurbulenceIndex))

        // Without wind nothing pushes.
        let mutable still = start
        LunarLanderModel.push LunarLander.V3 model idle 0.0 0.0 &still
        let bodies = (LunarLanderModel.bodiesOf &still).Bodies
        Assert.Equal(Vector2.Zero, bodies[0].Force)

[<Fact>]
let ``engines are off up to their thresholds and at half power beyond`` () =
    let engines (main: float32) (side: float32) =
        let engines = LunarLanderModel.engines LunarLander.ContinuousV3 (ReadOnlySpan [| main; side |])
        engines.Main, engines.Side, engines.Direction

    let least = MathF.BitIncrement 0.0f
    let beyond = MathF.BitIncrement 0.5f
    Assert.Equal((0.0, 0.0, 1.0), engines 0.0f 0.5f)
    Assert.Equal((0.0, 0.0, -1.0), engines -1.0f -0.5f)
    Assert.Equal((0.5, float beyond, 1.0), engines least beyond)
    Assert.Equal((1.0, 1.0, -1.0), engines 1.0f -1.0f)
    Assert.Equal((1.0, 1.0, 1.0), engines 9.0f 7.0f)
    let choice action = LunarLanderModel.engines LunarLander.V3 (ReadOnlySpan [| action |])
    Assert.Equal({ Main = 0.0; Side = 0.0; Direction = 0.0 }, choice 0.0f)
    Assert.Equal({ Main = 0.0; Side = 1.0; Direction = -1.0 }, choice 1.0f)
    Assert.Equal({ Main = 1.0; Side = 0.0; Direction = 0.0 }, choice 2.0f)
    Assert.Equal({ Main = 0.0; Side = 1.0; Direction = 1.0 }, choice 3.0f)
