/// The rigid-body solver against mechanics: rest, free fall, conservation, motors, limits, stacks, friction and
/// bounces.
[<FsCheck.Xunit.Properties(Replay = "(4719301,4719303)", MaxTest = 20)>]
module Rl.Tests.Environments.RigidBodyTests

open System
open System.Numerics
open Rl.Core.Environments.Box2D
open Xunit
open FsCheck.Xunit

/// A world with the memory of its state.
type private World(model: WorldModel, ground: float32[], friction: float32, restitution: float32) =
    let bodies = Array.zeroCreate<Body> model.Bodies.Length
    let joints = Array.zeroCreate<Joint> model.Joints.Length
    let contacts = Array.zeroCreate<Contact> 32
    member _.Bodies = bodies
    member _.Joints = joints

    member _.Place(index: int, x: float, y: float, angle: float) =
        bodies[index] <- Body.create model.Bodies[index] (Vector2(float32 x, float32 y)) (float32 angle)

    member _.Step() =
        Solver.step
            model
            {
                Heights = ReadOnlySpan ground
                Spacing = 100.0
                Blocks = ReadOnlySpan.Empty
                Friction = friction
                Restitution = restitution
            }
            { Bodies = Span bodies; Joints = Span joints; Contacts = Span contacts }

    member this.Run(steps: int) =
        for _ in 1..steps do
            this.Step()

let private unitBox friction restitution = BodyModel.create (Polygon.box 0.5 0.5) 1.0 friction restitution

let private model bodies joints : WorldModel =
    {
        Gravity = Vector2(0.0f, -10.0f)
        TimeStep = 0.02f
        VelocityIterations = 60
        PositionIterations = 20
        Bodies = bodies
        Joints = joints
        BodiesCollide = true
    }

let private flat = [| 0.0f; 0.0f |]

/// Two boxes hinged at their middle, without gravity and ground.
let private hinged lower upper =
    let joint =
        {
            First = 0
            Second = 1
            FirstAnchor = Vector2(0.75f, 0.0f)
            SecondAnchor = Vector2(-0.75f, 0.0f)
            LowerAngle = lower
            UpperAngle = upper
        }

    let free =
        { model [| unitBox 0.5 0.0; unitBox 0.5 0.0 |] [| joint |] with
            Gravity = Vector2.Zero
            BodiesCollide = false
        }

    let world = World(free, [||], 0.5f, 0.0f)
    world.Place(0, 0.0, 0.0, 0.0)
    world.Place(1, 1.5, 0.0, 0.0)
    free, world

[<Fact>]
let ``a box at rest on the ground stays and falls asleep`` () =
    let world = World(model [| unitBox 0.5 0.0 |] [||], flat, 0.5f, 0.0f)
    world.Place(0, 50.0, 0.52, 0.0)
    world.Run 100
    Assert.False world.Bodies[0].IsAwake
    Assert.InRange(world.Bodies[0].Centre.X, 49.999f, 50.001f)
    Assert.InRange(world.Bodies[0].Centre.Y, 0.5f, 0.525f)
    let resting = world.Bodies[0]
    world.Run 10
    Assert.Equal(resting, world.Bodies[0])

[<Fact>]
let ``free fall is that of semi-implicit Euler`` () =
    let world = World(model [| unitBox 0.5 0.0 |] [||], flat, 0.5f, 0.0f)
    world.Place(0, 50.0, 30.0, 0.3)
    world.Run 50
    // v = −g·n·h, y = y₀ − g·h²·n(n + 1)/2
    Assert.InRange(world.Bodies[0].Velocity.Y, -10.0001f, -9.9999f)
    Assert.InRange(world.Bodies[0].Centre.Y, 30.0f - 5.1f - 1e-3f, 30.0f - 5.1f + 1e-3f)
    Assert.Equal(0.3f, world.Bodies[0].Angle)

let private momentum (model: WorldModel) (bodies: Body[]) =
    let mutable linear, angular, energy = Vector2.Zero, 0.0f, 0.0f

    for index in 0 .. bodies.Length - 1 do
        let body, mass, inertia =
            bodies[index], 1.0f / model.Bodies[index].InverseMass, 1.0f / model.Bodies[index].InverseInertia

        linear <- linear + mass * body.Velocity

        angular <-
            angular
            + mass * (body.Centre.X * body.Velocity.Y - body.Centre.Y * body.Velocity.X)
            + inertia * body.AngularVelocity

        energy <- energy + 0.5f * mass * body.Velocity.LengthSquared() + 0.5f * inertia * body.AngularVelocity ** 2.0f

    linear, angular, energy

[<Property>]
let ``a free pair on a hinge keeps its momentum, and its energy does not grow`` (a: int) (b: int) (c: int) =
    let free, world = hinged -3.0f 3.0f
    let speed value = float32 (value % 5) / 2.0f
    world.Bodies[0].Velocity <- Vector2(speed a, speed b)
    world.Bodies[1].AngularVelocity <- speed c
    world.Step()
    let linear, angular, energy = momentum free world.Bodies
    world.Run 100
    let linearAfter, angularAfter, energyAfter = momentum free world.Bodies

    Vector2.Distance(linear, linearAfter) < 1e-3f
    && abs (angular - angularAfter) < 0.05f * (1.0f + abs angular)
    && energyAfter <= 1.01f * energy + 1e-4f

[<Fact>]
let ``a motor reaches its speed, and no sooner than its torque allows`` () =
    let free, world = hinged -1e6f 1e6f
    world.Joints[0].MotorSpeed <- 3.0f
    world.Joints[0].MaxMotorTorque <- 0.5f
    let relative () = world.Bodies[1].AngularVelocity - world.Bodies[0].AngularVelocity
    world.Step()
    // Each box is turned by at most the torque alone.
    Assert.InRange(relative (), 1e-3f, 0.5f * 0.02f * 2.0f * free.Bodies[0].InverseInertia)
    // As the pair folds its inertia changes, which a strong motor makes good.
    world.Joints[0].MaxMotorTorque <- 50.0f
    world.Run 200
    Assert.InRange(relative (), 2.99f, 3.01f)

[<Fact>]
let ``limits hold against a motor`` () =
    for speed, low, high in [ 5.0f, 0.75f, 0.84f; -5.0f, -0.54f, -0.45f ] do
        let _, world = hinged -0.5f 0.8f
        world.Joints[0].MotorSpeed <- speed
        world.Joints[0].MaxMotorTorque <- 2.0f
        world.Run 300
        Assert.InRange(world.Bodies[1].Angle - world.Bodies[0].Angle, low, high)

[<Fact>]
let ``a hinge with equal limits is rigid`` () =
    let _, world = hinged 0.0f 0.0f
    world.Bodies[1].AngularVelocity <- 2.0f
    world.Run 100
    Assert.InRange(world.Bodies[1].Angle - world.Bodies[0].Angle, -0.01f, 0.01f)

[<Fact>]
let ``a stack of boxes does not sink and falls asleep together`` () =
    let world = World(model (Array.create 6 (unitBox 0.5 0.0)) [||], flat, 0.5f, 0.0f)

    for index in 0..5 do
        world.Place(index, 50.0, 0.52 + 1.02 * float index, 0.0)

    world.Run 400

    for index in 0..5 do
        Assert.InRange(world.Bodies[index].Centre.X, 49.99f, 50.01f)
        // Between two boxes lie their skins, less what position correction leaves alone.
        let height skins = float32 index + 0.5f + float32 (index + 1) * skins
        Assert.InRange(world.Bodies[index].Centre.Y, height 0.0125f, height 0.021f)
        Assert.False world.Bodies[index].IsAwake

[<Fact>]
let ``a sleeping stack wakes when it is hit`` () =
    let world = World(model (Array.create 3 (unitBox 0.5 0.0)) [||], flat, 0.5f, 0.0f)

    for index in 0..1 do
        world.Place(index, 50.0, 0.51 + 1.01 * float index, 0.0)

    world.Place(2, 80.0, 0.51, 0.0)
    world.Run 200
    Assert.All(world.Bodies, fun body -> Assert.False body.IsAwake)
    world.Place(2, 50.0, 4.0, 0.0)
    world.Run 40
    Assert.All(world.Bodies, fun body -> Assert.True body.IsAwake)

[<Property>]
let ``friction stops a slide after v² / (2 μ g)`` (choice: int) =
    let speed = 2.0f + float32 (abs (choice % 5))
    let world = World(model [| BodyModel.create (Polygon.box 1.0 0.1) 1.0 0.4 0.0 |] [||], flat, 0.4f, 0.0f)
    world.Place(0, 20.0, 0.115, 0.0)
    world.Run 10
    let start = world.Bodies[0].Centre.X
    world.Bodies[0].Velocity <- Vector2(speed, 0.0f)
    world.Run 150
    let distance = world.Bodies[0].Centre.X - start
    let expected = speed * speed / (2.0f * 0.4f * 10.0f)
    abs (distance - expected) < 0.02f * expected + 0.02f

[<Theory>]
[<InlineData(0.5)>]
[<InlineData(0.8)>]
let ``a bounce gives back its share of the speed`` (restitution: float) =
    let world = World(model [| unitBox 0.5 restitution |] [||], flat, 0.5f, 0.0f)
    world.Place(0, 50.0, 4.0, 0.0)
    let mutable before, after = 0.0f, 0.0f

    for _ in 1..60 do
        let velocity = world.Bodies[0].Velocity.Y
        world.Step()

        if after = 0.0f && velocity < 0.0f && world.Bodies[0].Velocity.Y > 0.0f then
            before <- -velocity + 0.2f // gravity works through the step of the bounce
            after <- world.Bodies[0].Velocity.Y

    Assert.InRange(after / before, float32 restitution - 0.02f, float32 restitution + 0.02f)

[<Fact>]
let ``a slope holds a box below the friction angle and lets it slide above`` () =
    for slope, holds in [ 0.3f, true; 0.7f, false ] do
        let angle = atan slope
        let world = World(model [| unitBox 0.5 0.0 |] [||], [| 0.0f; 100.0f * slope |], 0.5f, 0.0f)
        let x, y = 50.0, 50.0 * float slope
        world.Place(0, x - 0.51 * sin (float angle), y + 0.51 * cos (float angle), float angle)
        world.Run 100
        let moved = abs (world.Bodies[0].Centre.X - float32 x + 0.51f * sin angle)

        if holds then
            Assert.InRange(moved, 0.0f, 0.02f)
        else
            Assert.InRange(moved, 1.0f, 100.0f)

[<Fact>]
let ``the mass of a polygon is that of its plate`` () =
    let triangle = Polygon.create [ 0.0, 0.0; 3.0, 0.0; 0.0, 3.0 ]
    Assert.Equal(4.5f, triangle.Area, 1e-5f)
    Assert.Equal(1.0f, triangle.Centroid.X, 1e-5f)
    Assert.Equal(1.0f, triangle.Centroid.Y, 1e-5f)
    // ∫ (x² + y²) dA = 2·3⁴/12
    Assert.Equal(13.5f, triangle.SecondMoment, 1e-4f)
    let clockwise = Polygon.create [ 0.0, 0.0; 0.0, 3.0; 3.0, 0.0 ]
    Assert.Equal(triangle.Area, clockwise.Area)

[<Fact>]
let ``a polygon that is not convex is refused`` () =
    for corners in
        [
            [ 0.0, 0.0; 2.0, 0.0; 1.0, 0.5; 0.0, 2.0; -1.0, 1.0; 0.5, 0.4 ]
            [ 0.0, 0.0; 1.0, 0.0; 2.0, 0.0 ]
            [ 0.0, 0.0; 1.0, 0.0 ]
        ] do
        Assert.ThrowsAny<ArgumentException>(fun () -> Polygon.create corners |> ignore) |> ignore
