/// The walker's hull and legs as a world of rigid bodies, with the constants of Gymnasium's `bipedal_walker.py`.
namespace Rl.Core.Environments.Box2D

open System.Runtime.InteropServices
open System
open System.Numerics
open Rl.Core.Foundations
open Rl.Core.Environments

/// The walker, the ground, and what the reward compares with.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1); NoEquality; NoComparison>]
type BipedalWalkerState =
    {
        /// The hull, then upper and lower part of the leg behind and of the leg in front.
        mutable Bodies: Buffer5<Body>
        mutable Joints: Buffer4<Joint>
        mutable Contacts: Buffer32<Contact>
        mutable Heights: Buffer200<float32>
        mutable Blocks: Buffer64<Block>
        /// How many of the blocks there are.
        mutable BlockCount: int
        /// The potential whose change is the reward.
        mutable Shaping: float
        /// The episode is over.
        mutable IsTerminal: bool
    }

[<RequireQualifiedAccess>]
module internal BipedalModel =

    /// Steps a second.
    [<Literal>]
    let Rate = 50.0

    let private scale = BipedalTerrain.Scale

    /// The width and height of the picture, m.
    let Width, ViewHeight = 600.0 / scale, 400.0 / scale

    [<Literal>]
    let Torque = 80.0

    [<Literal>]
    let HipSpeed = 4.0

    [<Literal>]
    let KneeSpeed = 6.0

    [<Literal>]
    let Rays = 10

    let private rayLength = 160.0 / scale
    let private legDown = -8.0 / scale
    let private legWidth, legHeight = 8.0 / scale, 34.0 / scale
    let private initialForce = 5.0
    let private finishLine = float (BipedalTerrain.Length - BipedalTerrain.Grass) * BipedalTerrain.Spacing

    /// The model's joints are in the order in which Box2D solves them; an action's are hip and knee behind, hip and
    /// knee in front.
    let private jointOfAction = [| 2; 3; 1; 0 |]

    let world: WorldModel =
        let hull =
            Polygon.create [ for x, y in [ -30, 9; 6, 9; 34, 1; 34, -8; -30, -8 ] -> float x / scale, float y / scale ]

        let upper = BodyModel.create (Polygon.box (legWidth / 2.0) (legHeight / 2.0)) 1.0 0.2 0.0
        let lower = BodyModel.create (Polygon.box (0.8 * legWidth / 2.0) (legHeight / 2.0)) 1.0 0.2 0.0

        let joint first second (anchor: float) (low: float) (high: float) =
            {
                First = first
                Second = second
                FirstAnchor = Vector2(0.0f, float32 anchor)
                SecondAnchor = Vector2(0.0f, float32 (legHeight / 2.0))
                LowerAngle = float32 low
                UpperAngle = float32 high
            }

        let hip leg = joint 0 leg legDown -0.8 1.1
        let knee leg = joint leg (leg + 1) (-legHeight / 2.0) -1.6 -0.1

        {
            Gravity = Vector2(0.0f, -10.0f)
            TimeStep = float32 (1.0 / Rate)
            VelocityIterations = 180
            PositionIterations = 60
            Bodies = [| BodyModel.create hull 5.0 0.1 0.0; upper; lower; upper; lower |]
            Joints = [| knee 3; hip 3; hip 1; knee 1 |]
            BodiesCollide = false
        }

    let ground (state: inref<BipedalWalkerState>) : Ground =
        {
            Heights = Buffer.view<_, float32> &state.Heights
            Spacing = BipedalTerrain.Spacing
            Blocks = (Buffer.view<_, Block> &state.Blocks).Slice(0, state.BlockCount)
            Friction = BipedalTerrain.Friction
            Restitution = 0.0f
        }

    let position (state: inref<BipedalWalkerState>) : Vector2 =
        let bodies = Buffer.view<_, Body> &state.Bodies
        Body.origin world.Bodies[0] &bodies[0]

    /// Where the i-th ray from `origin` ends if nothing stops it: from straight down to 77° forwards.
    let rayEnd (origin: Vector2) (ray: int) =
        let struct (sine, cosine) = Math.SinCos(1.5 * float ray / 10.0)
        Vector2(float32 (float origin.X + sine * rayLength), float32 (float origin.Y - cosine * rayLength))

    /// Writes the 24 numbers of an observation.
    let observe (state: inref<BipedalWalkerState>) (observation: Span<float32>) =
        let bodies = Buffer.view<_, Body> &state.Bodies
        let hull = bodies[0]
        observation[0] <- hull.Angle
        observation[1] <- float32 (2.0 * float hull.AngularVelocity / Rate)
        observation[2] <- float32 (0.3 * float hull.Velocity.X * Width / Rate)
        observation[3] <- float32 (0.3 * float hull.Velocity.Y * ViewHeight / Rate)

        for leg in 0..1 do
            let upper, lower = bodies[2 * leg + 1], bodies[2 * leg + 2]
            let start = 4 + 5 * leg
            observation[start] <- upper.Angle - hull.Angle
            observation[start + 1] <- float32 (float (upper.AngularVelocity - hull.AngularVelocity) / HipSpeed)
            observation[start + 2] <- float32 (float (lower.Angle - upper.Angle) + 1.0)
            observation[start + 3] <- float32 (float (lower.AngularVelocity - upper.AngularVelocity) / KneeSpeed)
            observation[start + 4] <- if lower.HasContact then 1.0f else 0.0f

        let origin = position &state
        let ground = ground &state

        for ray in 0 .. Rays - 1 do
            observation[14 + ray] <- RayCast.fraction ground origin (rayEnd origin ray)

    let bodiesOf (state: byref<BipedalWalkerState>) : WorldState =
        {
            Bodies = Buffer.span<_, Body> &state.Bodies
            Joints = Buffer.span<_, Joint> &state.Joints
            Contacts = Buffer.span<_, Contact> &state.Contacts
        }

    /// Sets four motors by their actions before the bodies move, values beyond ±1 counting as ±1; returns the price of
    /// the effort.
    let push (action: ReadOnlySpan<float32>) (state: byref<BipedalWalkerState>) : float =
        let joints = Buffer.span<_, Joint> &state.Joints
        let mutable effort = 0.0

        for index in 0..3 do
            let joint = &joints[jointOfAction[index]]
            let speed = if index % 2 = 0 then HipSpeed else KneeSpeed
            let strength = min (abs (float action[index])) 1.0
            joint.MotorSpeed <- float32 (speed * float (sign action[index]))
            joint.MaxMotorTorque <- float32 (Torque * strength)
            effort <- effort + 0.00035 * Torque * strength

        effort

    /// The reward of a step at this price, and whether it was the last, after the bodies have moved.
    let settle (effort: float) (state: byref<BipedalWalkerState>) : Outcome =
        let bodies = Buffer.view<_, Body> &state.Bodies
        let x = float (position &state).X
        let before = state.Shaping
        state.Shaping <- 130.0 * x / scale - 5.0 * abs (float bodies[0].Angle)
        let failed = bodies[0].HasTouched || x < 0.0
        state.IsTerminal <- failed || x > finishLine

        {
            Reward = if failed then -100.0 else state.Shaping - before - effort
            Terminated = state.IsTerminal
            Truncated = false
        }

    /// One step with four motors' actions.
    let advance (action: ReadOnlySpan<float32>) (state: byref<BipedalWalkerState>) : Outcome =
        let effort = push action &state
        Solver.step world (ground &state) (bodiesOf &state)
        settle effort &state

    /// Puts the walker on the ground's left end, pushed by a force (N), and makes one step without power.
    let start (force: float32) (state: byref<BipedalWalkerState>) =
        let bodies = Buffer.span<_, Body> &state.Bodies
        let x = float32 (BipedalTerrain.Spacing * float BipedalTerrain.StartPad / 2.0)
        let y = BipedalTerrain.Height + 2.0 * legHeight
        bodies[0] <- Body.create world.Bodies[0] (Vector2(x, float32 y)) 0.0f
        bodies[0].Force <- Vector2(force, 0.0f)

        for leg in 0..1 do
            let angle = if leg = 0 then -0.05f else 0.05f
            let upper, lower = 2 * leg + 1, 2 * leg + 2
            let hip = Vector2(x, float32 (y - legHeight / 2.0 - legDown))
            let knee = Vector2(x, float32 (y - legHeight * 3.0 / 2.0 - legDown))
            bodies[upper] <- Body.create world.Bodies[upper] hip angle
            bodies[lower] <- Body.create world.Bodies[lower] knee angle

        let idle = Scratch.span<float32> 4
        advance (Span.op_Implicit idle) &state |> ignore

    /// A start state on ground of its own.
    let reset (hardcore: bool) (rng: Rng) : struct (BipedalWalkerState * Rng) =
        let mutable state = Unchecked.defaultof<BipedalWalkerState>
        let heights = Buffer.span<_, float32> &state.Heights
        let blocks = Buffer.span<_, Block> &state.Blocks
        let struct (count, rng) = BipedalTerrain.generate hardcore heights blocks rng
        state.BlockCount <- count
        let struct (force, rng) = Rng.uniformIn -initialForce initialForce rng
        start (float32 force) &state
        struct (state, rng)
