/// The quadrotor: its rotors' forces and torques, and its tasks.
[<FsCheck.Xunit.Properties(Replay = "(4719521,4719523)", MaxTest = 30)>]
module Rl.Tests.Environments.Robots.QuadrotorTests

open System
open System.IO
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

let private model = RobotModels.find "quadrotor"
let private weight = 0.028 * 9.81
let private arm, turn = 0.0325, 0.00596
let private body = RobotModel.body "quadrotor" model

/// In no medium.
let private inVacuum = { model with Options = { model.Options with Density = 0.0; Viscosity = 0.0 } }

let private weightless = { inVacuum with Options = { inVacuum.Options with Gravity = Vector3D.zero } }

let private fly (model: RobotModel) (steps: int) (thrusts: int -> float[]) =
    let w = Workspace model

    for step in 1..steps do
        Array.Copy(thrusts step, w.Control, 4)
        Simulation.step w |> ignore

    Kinematics.place w
    w

[<Fact>]
let ``at hover thrust it hovers`` () =
    let w = fly model 1000 (fun _ -> Array.create 4 (0.25 * weight))
    closeArrays 1e-12 [| 0.0; 0.0; 1.0; 1.0; 0.0; 0.0; 0.0 |] w.Position
    closeArrays 1e-12 (Array.zeroCreate 6) w.Velocity

[<Property>]
let ``rotors push and turn it as their places say`` (a: byte) (b: byte) (c: byte) (d: byte) =
    let w = Workspace inVacuum
    let u = [| a; b; c; d |] |> Array.map (fun value -> 0.15 * float value / 255.0)
    Array.Copy(u, w.Control, 4)
    Simulation.evaluate w
    let lift = Array.sum u / 0.028 - 9.81
    // Rotors at (x, −y), (−x, −y), (−x, y), (x, y): torques y f about x and −x f about y; reactions about z.
    let roll = arm * (-u[0] - u[1] + u[2] + u[3]) / 1.66e-5
    let pitch = arm * (-u[0] + u[1] + u[2] - u[3]) / 1.66e-5
    let yaw = turn * (u[0] - u[1] + u[2] - u[3]) / 2.93e-5
    closeArrays 1e-12 [| 0.0; 0.0; lift; roll; pitch; yaw |] w.Acceleration

[<Property>]
let ``without torques the angular momentum stays`` (seed: uint64) =
    let w = Workspace weightless
    let mutable rng = Rng.create seed

    for dof in 3..5 do
        let struct (value, next) = Rng.uniformIn -5.0 5.0 rng
        rng <- next
        w.Velocity[dof] <- value

    let momentum () =
        Kinematics.place w
        let i = model.Bodies[body].Inertia
        let v = w.Velocity
        let frame = w.BodyRotation[body]
        (i.X * v[3]) * frame.X + (i.Y * v[4]) * frame.Y + (i.Z * v[5]) * frame.Z

    let before = momentum ()
    // The same thrust of all rotors pushes along the axis, and turns nothing.
    Array.Fill(w.Control, 0.1)

    for _ in 1..200 do
        Simulation.step w |> ignore

    let after = momentum ()
    let size = Math.Sqrt(before.X * before.X + before.Y * before.Y + before.Z * before.Z)

    for axis in 0..2 do
        // The method is of the second order in quaternions.
        Assert.Equal(before[axis] / size, after[axis] / size, 2e-4)

[<Property>]
let ``the mirrored quadrotor flies what is mirrored`` (seed: uint64) =
    let draws =
        let mutable rng = Rng.create seed

        Array.init 60 (fun _ ->
            Array.init 4 (fun _ ->
                let struct (value, next) = Rng.uniformIn 0.05 0.09 rng
                rng <- next
                value))

    let w = fly model 60 (fun step -> draws[step - 1])
    // In the plane of x and z rotors 1 and 4, and 2 and 3, are each other's pictures.
    let mirror =
        fly model 60 (fun step ->
            let u = draws[step - 1]
            [| u[3]; u[2]; u[1]; u[0] |])

    let p, q = w.Position, mirror.Position
    closeArrays 1e-9 [| p[0]; -p[1]; p[2]; p[3]; -p[4]; p[5]; -p[6] |] q
    let v = w.Velocity
    closeArrays 1e-8 [| v[0]; -v[1]; v[2]; -v[3]; v[4]; -v[5] |] mirror.Velocity

/// A bar on a hinge that a motor pushes at a site, or a motor at the hinge turns.
let private bar (site: string) (actuator: string) =
    $"""<mujoco><compiler angle="radian"/><option gravity="0 0 0"/>
    <worldbody><body pos="0 0 1" euler="0.3 0.2 0.1"><joint name="hinge" axis="0 1 0"/>
      <geom type="capsule" fromto="0 0 0 0.5 0 0" size="0.05"/><site name="tip" {site}/></body></worldbody>
    <actuator>{actuator}</actuator></mujoco>"""

let private accelerationOf (text: string) =
    let w = Workspace(ModelCompiler.ofText text)
    w.Control[0] <- 1.3
    w.Position[0] <- 0.7
    Simulation.evaluate w
    w.Acceleration[0]

[<Fact>]
let ``a force at a site turns a joint by its lever, in the frame of the site`` () =
    let byJoint = accelerationOf (bar "" """<motor joint="hinge" gear="-0.8"/>""")
    // 2 N upwards, 0.4 m out: a torque of −0.8 about y.
    Assert.Equal(byJoint, accelerationOf (bar "pos='0.4 0 0'" """<motor site="tip" gear="0 0 2 0 0 0"/>"""), 1e-12)
    // The same where the site is turned about y by 90°, so that its x points down.
    let turned = "pos='0.4 0 0' axisangle='0 1 0 1.5707963267948966'"
    Assert.Equal(byJoint, accelerationOf (bar turned """<motor site="tip" gear="-2 0 0 0 0 0"/>"""), 1e-12)
    // A torque does the same anywhere.
    Assert.Equal(byJoint, accelerationOf (bar "pos='0.1 0.2 0'" """<motor site="tip" gear="0 0 0 0 -0.8 0"/>"""), 1e-12)

[<Fact>]
let ``an actuator at a site that there is not, and one at two places, are refused with their lines`` () =
    let fails (parts: string list) actuator =
        let error = Assert.Throws<InvalidDataException>(fun () -> ModelCompiler.ofText (bar "" actuator) |> ignore)

        for part in parts do
            Assert.Contains(part, error.Message)

    fails [ "Line 4"; "\"top\""; "site" ] """<motor site="top"/>"""
    fails [ "Line 4"; "a joint and a site" ] """<motor site="tip" joint="hinge"/>"""
    fails [ "Line 4"; "joint"; "missing" ] """<motor gear="1"/>"""
    fails [ "Line 4"; "site"; "not supported" ] """<position site="tip"/>"""

let private batchOf (keywords: (string * KeywordValue) list) (id: string) =
    let batch = (Registry.makeWith keywords id).Vectorise 1
    batch.Reset(Rng.create 3UL)
    batch

[<Fact>]
let ``what hovers at its place is paid a step, and what falls ends on the ground`` () =
    let environment =
        (Registry.make "QuadrotorHover-v0").Accept
            { new IEnvironmentVisitor<RobotEnvironment<RobotState64>> with
                member _.Visit environment = unbox<RobotEnvironment<RobotState64>>(box environment)
            }

    let states = environment :> IEnvironment<RobotState64>
    let struct (drawn, _) = states.Reset(Rng.create 1UL)
    // The pose of the model at rest, with the memory of an episode.
    let mutable state = drawn
    let numbers = stateNumbers &state
    model.Positions0.CopyTo(environment.Layout.Position numbers)
    (environment.Layout.Velocity numbers).Clear()
    let hover = Array.create 4 (float32 (0.25 * weight))
    let struct (next, outcome, _) = states.Step(state, ReadOnlySpan hover, Rng.create 0UL)
    Assert.Equal(1.0, outcome.Reward, 1e-6)
    let mutable falling, steps, isOver = next, 0, false

    while not isOver do
        let struct (next, outcome, _) = states.Step(falling, ReadOnlySpan(Array.zeroCreate<float32> 4), Rng.create 0UL)
        falling <- next
        steps <- steps + 1
        isOver <- outcome.Terminated

    // 0.97 m in free fall: 0.445 s.
    Assert.InRange(steps, 43, 47)

[<Fact>]
let ``places are flown through one after the other, each for 10`` () =
    let batch =
        batchOf [ "tolerance", KeywordValue.Number 5.0; "waypoints", KeywordValue.Number 3.0 ] "QuadrotorWaypoints-v0"

    let buffers = batch.AllocateBuffers()
    let values = Array.zeroCreate<float> batch.InfoNames.Length
    let hover = Array.create 4 (float32 (0.25 * weight))
    // Each place is near at once: one at the reset, one a step, and the last is kept.
    let seen =
        [
            for _ in 1..3 do
                batch.StepAll(ReadOnlySpan hover, buffers)
                batch.ReadInfo(0, false, Span values) |> ignore
                struct (buffers.Rewards.Span[0] >= 10.0f, values[2], values[0])
        ]

    Assert.Equal<struct (bool * float * float) list>(
        [ struct (true, 2.0, 1.0); struct (false, 2.0, 1.0); struct (false, 2.0, 1.0) ],
        seen
    )

[<Fact>]
let ``numbers of places that there are not are refused`` () =
    for count in [ 1.0; 6.0; 2.5 ] do
        let error =
            Assert.ThrowsAny<ArgumentException>(fun () ->
                Registry.makeWith [ "waypoints", KeywordValue.Number count ] "QuadrotorWaypoints-v0" |> ignore)

        Assert.Contains("waypoints", error.Message)

[<Fact>]
let ``as many places as there may be are flown to`` () =
    for count in [ 2.0; 5.0 ] do
        let batch = (Registry.makeWith [ "waypoints", KeywordValue.Number count ] "QuadrotorWaypoints-v0").Vectorise 2

        batch.Reset(Rng.create 1UL)
        let buffers = batch.AllocateBuffers()
        batch.StepAll(ReadOnlySpan(Array.create (2 * batch.ActionSize) 0.07f), buffers)
        Assert.True(Array.forall Single.IsFinite (buffers.Observations.ToArray()))
