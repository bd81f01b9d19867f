/// Worlds stepped side by side in lanes of a vector against the same worlds stepped one by one.
[<FsCheck.Xunit.Properties(Replay = "(4719301,4719303)", MaxTest = 20)>]
module Rl.Tests.Environments.FleetTests

open System
open System.Numerics
open Rl.Core.Environments.Box2D
open Rl.Core.Foundations
open Xunit
open FsCheck.Xunit

/// The memory of a world's state, and its ground.
type private World = { Bodies: Body[]; Joints: Joint[]; Contacts: Contact[]; Heights: float32[] }

let private places = 12

let private ground (world: World) : Ground =
    {
        Heights = ReadOnlySpan world.Heights
        Spacing = 2.0
        Blocks = ReadOnlySpan.Empty
        Friction = 0.4f
        Restitution = 0.3f
    }

let private state (world: World) : WorldState =
    { Bodies = Span world.Bodies; Joints = Span world.Joints; Contacts = Span world.Contacts }

/// Three plates in a chain of hinges and a fourth one alone; the second hinge's angle is fixed.
let private model: WorldModel =
    let plate width height bounce = BodyModel.create (Polygon.box width height) 1.0 0.5 bounce

    let hinge first second (lower: float32) (upper: float32) =
        {
            First = first
            Second = second
            FirstAnchor = Vector2(0.5f, 0.0f)
            SecondAnchor = Vector2(-0.5f, 0.0f)
            LowerAngle = lower
            UpperAngle = upper
        }

    {
        Gravity = Vector2(0.0f, -10.0f)
        TimeStep = 0.02f
        VelocityIterations = 30
        PositionIterations = 10
        Bodies = [| plate 0.5 0.1 0.0; plate 0.5 0.2 0.2; plate 0.5 0.1 0.0; plate 0.3 0.3 0.8 |]
        Joints = [| hinge 0 1 -0.5f 0.5f; hinge 1 2 0.1f 0.1f |]
        BodiesCollide = false
    }

/// A world whose plates fall from random heights with random velocities; every third motor has no power.
let private random (rng: Rng) : World * Rng =
    let mutable rng = rng

    let draw low high =
        let struct (value, next) = Rng.uniformIn low high rng
        rng <- next
        float32 value

    let heights = Array.init 20 (fun _ -> draw -0.3 0.3)
    let x, y = draw 8.0 12.0, draw 0.2 1.5

    let body index =
        let place = Vector2(x + float32 index, y + draw -0.1 0.1)

        { Body.create model.Bodies[index] place (draw -0.2 0.2) with
            Velocity = Vector2(draw -3.0 3.0, draw -6.0 2.0)
            AngularVelocity = draw -3.0 3.0
        }

    let joint index =
        { Unchecked.defaultof<Joint> with
            MotorSpeed = draw -5.0 5.0
            MaxMotorTorque = if index = 0 && y < 0.6f then 0.0f else draw 0.0 20.0
        }

    let world =
        {
            Bodies = Array.init model.Bodies.Length body
            Joints = Array.init model.Joints.Length joint
            Contacts = Array.zeroCreate places
            Heights = heights
        }

    world, rng

let private copy (world: World) =
    { world with
        Bodies = Array.copy world.Bodies
        Joints = Array.copy world.Joints
        Contacts = Array.copy world.Contacts
    }

/// Steps `count` worlds both ways and compares all their numbers (0 equals −0) after every step.
let private compare (lanes: int) (count: int) (steps: int) (seed: uint64) =
    let worlds, _ = List.mapFold (fun rng _ -> random rng) (Rng.create seed) [ 1..count ]

    let alone = worlds |> List.map copy |> Array.ofList
    let together = worlds |> List.map copy |> Array.ofList
    let fleet = Fleet(model, places, lanes)
    let mutable touched, slept = 0, 0

    for step in 1..steps do
        for world in alone do
            Solver.step model (ground world) (state world)

        for lane in 0 .. count - 1 do
            fleet.Start(lane, ground together[lane], state together[lane])

        fleet.Iterate()

        for lane in 0 .. count - 1 do
            fleet.Finish(lane, ground together[lane], state together[lane])

        for lane in 0 .. count - 1 do
            let one, other = alone[lane], together[lane]
            let place = $"step {step}, world {lane} of {count}"

            for index in 0 .. model.Bodies.Length - 1 do
                Assert.True((one.Bodies[index] = other.Bodies[index]), place)

            for index in 0 .. model.Joints.Length - 1 do
                Assert.True((one.Joints[index] = other.Joints[index]), place)

            for index in 0 .. places - 1 do
                Assert.True((one.Contacts[index] = other.Contacts[index]), place)

            if one.Contacts[0].Points > 0 then touched <- touched + 1

            if one.Bodies |> Array.forall (fun body -> not body.IsAwake) then
                slept <- slept + 1

    struct (touched, slept)

[<Property>]
let ``worlds side by side are the same worlds as one by one, at every width and for any number of them``
    (seed: uint64)
    (number: FsCheck.NonNegativeInt)
    =
    for lanes in [ 4; 8; 16 ] do
        let struct (touched, _) = compare lanes (1 + number.Get % lanes) 40 seed
        Assert.True(touched > 0, "no world touched the ground")

[<Fact>]
let ``worlds that fall asleep rest beside worlds that move`` () =
    let struct (touched, slept) = compare Fleet.Lanes Fleet.Lanes 400 7UL
    Assert.True(touched > 0 && slept > 0, $"{touched} touched, {slept} slept")

[<Fact>]
let ``a fleet refuses models whose bodies collide with each other`` () =
    let colliding = { model with BodiesCollide = true }
    let error = Assert.Throws<ArgumentException>(fun () -> Fleet(colliding, places) |> ignore)
    Assert.Equal("model", error.ParamName)
