/// The lander, its legs and the moon as a world of rigid bodies, with the constants of Gymnasium's `lunar_lander.py`.
namespace Rl.Core.Environments.Box2D

open System.Runtime.InteropServices
open System
open System.Numerics
open Rl.Core.Foundations
open Rl.Core.Environments

/// The lander and its two legs, the moon's surface, and what the reward compares with.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1); NoEquality; NoComparison>]
type LunarLanderState =
    {
        /// The lander, the leg on the right and the leg on the left.
        mutable Bodies: Buffer3<Body>
        mutable Joints: Buffer2<Joint>
        mutable Contacts: Buffer16<Contact>
        /// The surface's heights, 2 m apart.
        mutable Heights: Buffer11<float32>
        /// The potential whose change is the reward.
        mutable Shaping: float
        /// Where in their courses the wind and the turbulence are.
        mutable WindIndex: int
        mutable TurbulenceIndex: int
        /// The last powers of the engines, in [0, 1]; the side engine's is negative on the left.
        mutable MainPower: float32
        mutable SidePower: float32
        /// The episode is over.
        mutable IsTerminal: bool
    }

/// What may vary in LunarLander.
type LunarLanderOptions =
    {
        Id: string
        /// Two throttles instead of four choices.
        IsContinuous: bool
        /// m/s², between −12 and 0.
        Gravity: float
        EnableWind: bool
        /// The most force of the wind; up to 20 is recommended.
        WindPower: float
        /// The most torque of the wind; up to 2 is recommended.
        TurbulencePower: float
    }

/// What the engines do in a step.
[<Struct>]
type internal Engines =
    {
        /// 0, or from 0.5 to 1.
        Main: float
        /// 0, or from 0.5 to 1.
        Side: float
        /// −1: the left engine, 1: the right one.
        Direction: float
    }

[<RequireQualifiedAccess>]
module internal LunarLanderModel =

    /// Steps a second.
    [<Literal>]
    let Rate = 50.0

    /// Pixels a metre.
    [<Literal>]
    let Scale = 30.0

    [<Literal>]
    let Width = 20.0 // 600 pixels

    let Height = 400.0 / Scale

    [<Literal>]
    let Chunks = 11

    let LegDown = 18.0 / Scale
    let private legAway = 20.0 / Scale
    let private mainEnginePower = 13.0
    let private sideEnginePower = 0.6
    let private sideEngineAway = 12.0 / Scale
    // The side engines push at one height and are drawn at another: kept from Gymnasium, which documents it.
    let private sideEngineDrop = 17.0
    let private sideEngineHeight = 14.0
    let PadHeight = Height / 4.0
    let private initialForce = 1000.0

    let HullCorners = [ -14.0, 17.0; -17.0, 0.0; -17.0, -10.0; 17.0, -10.0; 17.0, 0.0; 14.0, 17.0 ]

    let world (gravity: float) : WorldModel =
        let hull = Polygon.create [ for x, y in HullCorners -> x / Scale, y / Scale ]
        let leg = BodyModel.create (Polygon.box (2.0 / Scale) (8.0 / Scale)) 1.0 0.2 0.0

        let joint index side (lower: float) (upper: float) =
            {
                First = 0
                Second = index
                FirstAnchor = Vector2.Zero
                SecondAnchor = Vector2(float32 (side * legAway), float32 LegDown)
                LowerAngle = float32 lower
                UpperAngle = float32 upper
            }

        {
            Gravity = Vector2(0.0f, float32 gravity)
            TimeStep = float32 (1.0 / Rate)
            VelocityIterations = 180
            PositionIterations = 60
            Bodies = [| BodyModel.create hull 5.0 0.1 0.0; leg; leg |]
            // In the order in which Box2D solves them.
            Joints = [| joint 2 1.0 -0.9 -0.4; joint 1 -1.0 0.4 0.9 |]
            BodiesCollide = false
        }

    /// What an action, which is valid, asks of the engines.
    let engines (options: LunarLanderOptions) (action: ReadOnlySpan<float32>) : Engines =
        if options.IsContinuous then
            let main, side = float (min action[0] 1.0f), float (Math.Clamp(action[1], -1.0f, 1.0f))

            {
                Main = if main > 0.0 then 0.5 * (main + 1.0) else 0.0
                Side = if abs side > 0.5 then abs side else 0.0
                Direction = if side < 0.0 then -1.0 else 1.0
            }
        else
            match int action[0] with
            | 0 -> { Main = 0.0; Side = 0.0; Direction = 0.0 }
            | 2 -> { Main = 1.0; Side = 0.0; Direction = 0.0 }
            | choice -> { Main = 0.0; Side = 1.0; Direction = float (choice - 2) }

    /// The surface of the moon from 12 uniform draws in [0, 1), flat about the middle.
    let surface (draws: ReadOnlySpan<float>) (heights: Span<float32>) =
        let height index = if abs (index - Chunks / 2) <= 2 then PadHeight else 0.0

        for index in 0 .. Chunks - 1 do
            let mutable sum = 0.0

            for offset in -1 .. 1 do
                // The first point's left neighbour is the last draw.
                let neighbour = if index + offset < 0 then Chunks else index + offset
                let flat = height neighbour
                sum <- sum + (if flat > 0.0 then flat else draws[neighbour] * Height / 2.0)

            heights[index] <- float32 (0.33 * sum)

    /// The start, before its first step: hull and legs at the top, pushed by a force (N).
    let start (model: WorldModel) (force: Vector2) (state: byref<LunarLanderState>) =
        let bodies = Buffer.span<_, Body> &state.Bodies
        let joints = Buffer.span<_, Joint> &state.Joints
        let middle = Vector2(float32 (Width / 2.0), float32 Height)
        bodies[0] <- { Body.create model.Bodies[0] middle 0.0f with Force = force }

        for leg in 0..1 do
            let side = if leg = 0 then -1.0 else 1.0
            let origin = Vector2(float32 (Width / 2.0 - side * legAway), float32 Height)
            bodies[leg + 1] <- Body.create model.Bodies[leg + 1] origin (float32 (side * 0.05))

            joints[1 - leg] <-
                { Unchecked.defaultof<Joint> with MotorSpeed = float32 (0.3 * side); MaxMotorTorque = 40.0f }

    /// A force between −1 and 1 that never repeats.
    let private gust (index: int) =
        let k = float index
        Math.Tanh(sin (0.02 * k) + sin (Math.PI * 0.01 * k))

    let private blow (options: LunarLanderOptions) (state: byref<LunarLanderState>) =
        let bodies = Buffer.span<_, Body> &state.Bodies

        if not (bodies[1].HasContact || bodies[2].HasContact) then
            let hull = &bodies[0]
            hull.Force <- hull.Force + Vector2(float32 (gust state.WindIndex * options.WindPower), 0.0f)
            hull.Torque <- hull.Torque + float32 (gust state.TurbulenceIndex * options.TurbulencePower)
            state.WindIndex <- state.WindIndex + 1
            state.TurbulenceIndex <- state.TurbulenceIndex + 1

    /// The impulses of the engines, spread by two draws in [−1, 1).
    let private fire
        (model: WorldModel)
        (engines: Engines)
        (first: float)
        (second: float)
        (state: byref<LunarLanderState>)
        =
        let hull = &(Buffer.span<_, Body> &state.Bodies)[0]
        let first, second = first / Scale, second / Scale
        let struct (sine, cosine) = Math.SinCos(float hull.Angle)
        let position = Body.origin model.Bodies[0] &hull

        if engines.Main > 0.0 then
            let along = 4.0 / Scale + 2.0 * first
            let x = sine * along - cosine * second
            let y = -cosine * along - sine * second
            let power = engines.Main
            let impulse = Vector2(float32 (-x * mainEnginePower * power), float32 (-y * mainEnginePower * power))
            let point = Vector2(float32 (float position.X + x), float32 (float position.Y + y))
            Body.applyImpulse model.Bodies[0] impulse point &hull

        if engines.Side > 0.0 then
            let across = 3.0 * second + engines.Direction * sideEngineAway
            let x = sine * first - cosine * across
            let y = -cosine * first - sine * across
            let power = engines.Side
            let impulse = Vector2(float32 (-x * sideEnginePower * power), float32 (-y * sideEnginePower * power))

            let point =
                Vector2(
                    float32 (float position.X + x - sine * sideEngineDrop / Scale),
                    float32 (float position.Y + y + cosine * sideEngineHeight / Scale)
                )

            Body.applyImpulse model.Bodies[0] impulse point &hull

    /// Writes the eight numbers of an observation at double precision.
    let observe (model: WorldModel) (state: inref<LunarLanderState>) (observation: Span<float>) =
        let bodies = Buffer.view<_, Body> &state.Bodies
        let hull = bodies[0]
        let position = Body.origin model.Bodies[0] &hull
        observation[0] <- (float position.X - Width / 2.0) / (Width / 2.0)
        observation[1] <- (float position.Y - (PadHeight + LegDown)) / (Height / 2.0)
        observation[2] <- float hull.Velocity.X * (Width / 2.0) / Rate
        observation[3] <- float hull.Velocity.Y * (Height / 2.0) / Rate
        observation[4] <- float hull.Angle
        observation[5] <- 20.0 * float hull.AngularVelocity / Rate
        observation[6] <- if bodies[1].HasContact then 1.0 else 0.0
        observation[7] <- if bodies[2].HasContact then 1.0 else 0.0

    let private shaping (o: ReadOnlySpan<float>) =
        -100.0 * sqrt (o[0] * o[0] + o[1] * o[1])
        - 100.0 * sqrt (o[2] * o[2] + o[3] * o[3])
        - 100.0 * abs o[4]
        + 10.0 * o[6]
        + 10.0 * o[7]

    let ground (state: inref<LunarLanderState>) : Ground =
        {
            Heights = Buffer.view<_, float32> &state.Heights
            Spacing = Width / float (Chunks - 1)
            Blocks = ReadOnlySpan.Empty
            Friction = 0.1f
            Restitution = 0.0f
        }

    let bodiesOf (state: byref<LunarLanderState>) : WorldState =
        {
            Bodies = Buffer.span<_, Body> &state.Bodies
            Joints = Buffer.span<_, Joint> &state.Joints
            Contacts = Buffer.span<_, Contact> &state.Contacts
        }

    /// What wind and engines do before the bodies move, with the engines' two draws in [−1, 1).
    let push
        (options: LunarLanderOptions)
        (model: WorldModel)
        (engines: Engines)
        (first: float)
        (second: float)
        (state: byref<LunarLanderState>)
        =
        if options.EnableWind then blow options &state

        fire model engines first second &state
        state.MainPower <- float32 engines.Main
        state.SidePower <- float32 (engines.Direction * engines.Side)

    /// The reward of a step with these engines, and whether it was the last, after the bodies have moved.
    let settle (model: WorldModel) (engines: Engines) (state: byref<LunarLanderState>) : Outcome =
        let bodies = Buffer.view<_, Body> &state.Bodies
        let observation = Scratch.span<float> 8
        observe model &state observation
        let before = state.Shaping
        state.Shaping <- shaping (Span.op_Implicit observation)
        let crashed = bodies[0].HasTouched || abs observation[0] >= 1.0
        let rests = not bodies[0].IsAwake
        state.IsTerminal <- crashed || rests

        {
            Reward =
                if rests then 100.0
                elif crashed then -100.0
                else state.Shaping - before - 0.3 * engines.Main - 0.03 * engines.Side
            Terminated = state.IsTerminal
            Truncated = false
        }

    /// One step with the engines' two draws in [−1, 1).
    let advance
        (options: LunarLanderOptions)
        (model: WorldModel)
        (engines: Engines)
        (first: float)
        (second: float)
        (state: byref<LunarLanderState>)
        : Outcome =
        push options model engines first second &state
        Solver.step model (ground &state) (bodiesOf &state)
        settle model engines &state

    /// A start state by its draws: the surface's (12, in [0, 1)), the force's and the first step's (two each, in [−1,
    /// 1)).
    let reset
        (options: LunarLanderOptions)
        (model: WorldModel)
        (draws: ReadOnlySpan<float>)
        (force: Vector2)
        (windIndex: int)
        (turbulenceIndex: int)
        (first: float)
        (second: float)
        : LunarLanderState =
        let mutable state = Unchecked.defaultof<LunarLanderState>
        surface draws (Buffer.span<_, float32> &state.Heights)
        start model (Vector2(float32 (initialForce * float force.X), float32 (initialForce * float force.Y))) &state
        state.WindIndex <- windIndex
        state.TurbulenceIndex <- turbulenceIndex
        let idle = { Main = 0.0; Side = 0.0; Direction = 0.0 }
        advance options model idle first second &state |> ignore
        state
