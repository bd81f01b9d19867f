/// What a world of rigid bodies consists of: what stays the same (shapes, masses, joints) and what a step changes (the
/// state). Units are metres, seconds, kilograms and radians; numbers are float32 as in Box2D.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// A body as it does not change. Build one with `BodyModel.create`.
type BodyModel =
    {
        Shape: Polygon
        /// Coulomb's coefficient μ; two surfaces meet with √(μ₁·μ₂).
        Friction: float32
        /// The share of a fast approach's speed that is given back; the greater of two surfaces counts.
        Restitution: float32
        /// 1 / m.
        InverseMass: float32
        /// 1 / I about the centre of mass.
        InverseInertia: float32
    }

/// Bodies from shape and density.
[<RequireQualifiedAccess>]
module BodyModel =

    /// A plate of the given density (kg/m²).
    let create (shape: Polygon) (density: float) (friction: float) (restitution: float) : BodyModel =
        Guard.positiveNumber (nameof density) density
        Guard.notNegativeNumber (nameof friction) friction
        Guard.inRange (nameof restitution) 0.0 1.0 restitution

        let mass = float32 density * shape.Area
        let aboutOrigin = float32 density * shape.SecondMoment
        let inertia = aboutOrigin - mass * Vector2.Dot(shape.Centroid, shape.Centroid)

        {
            Shape = shape
            Friction = float32 friction
            Restitution = float32 restitution
            InverseMass = 1.0f / mass
            InverseInertia = 1.0f / inertia
        }

/// A hinge between two bodies with a motor and limits of its angle, as it does not change.
type JointModel =
    {
        First: int
        Second: int
        /// The hinge in the first body's coordinates.
        FirstAnchor: Vector2
        /// The hinge in the second body's coordinates.
        SecondAnchor: Vector2
        /// The joint's angle is that of the second body less that of the first.
        LowerAngle: float32
        /// At least `LowerAngle`.
        UpperAngle: float32
    }

/// What of a world does not change while it is stepped.
type WorldModel =
    {
        Gravity: Vector2
        /// s.
        TimeStep: float32
        VelocityIterations: int
        PositionIterations: int
        Bodies: BodyModel[]
        Joints: JointModel[]
        /// Whether bodies collide with each other; with the ground they always do.
        BodiesCollide: bool
    }

/// A moving body.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type Body =
    {
        /// The centre of mass.
        mutable Centre: Vector2
        mutable Angle: float32
        /// Of the centre of mass.
        mutable Velocity: Vector2
        mutable AngularVelocity: float32
        /// Acts through the next step and is then forgotten.
        mutable Force: Vector2
        /// Acts through the next step and is then forgotten.
        mutable Torque: float32
        /// For how long the body has been slower than the sleeping speeds.
        mutable RestTime: float32
        mutable IsAwake: bool
        /// What the last event said: true when a contact began, false when one ended (another may go on).
        mutable HasContact: bool
        /// Whether a contact ever began.
        mutable HasTouched: bool
    }

/// The limit that a joint is at.
type LimitState =
    | Inactive = 0
    | AtLower = 1
    | AtUpper = 2
    | Equal = 3

/// What a joint remembers from step to step: the motor's setting, and the impulses that the next step starts from.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type Joint =
    {
        /// The angular velocity that the motor seeks.
        mutable MotorSpeed: float32
        /// The motor's bound, N·m.
        mutable MaxMotorTorque: float32
        mutable Impulse: Vector2
        mutable LimitImpulse: float32
        mutable MotorImpulse: float32
        mutable Limit: LimitState
    }

/// What a touching pair of shapes remembers: its impulses by feature. An unused place has no points.
[<Struct; StructLayout(LayoutKind.Sequential, Pack = 1)>]
type Contact =
    {
        mutable Pair: int
        mutable Points: int
        mutable FirstFeature: uint32
        mutable SecondFeature: uint32
        /// Normal impulses of the points.
        mutable Normal: Vector2
        /// Tangent impulses of the points.
        mutable Tangent: Vector2
    }

/// A solid rectangle with sides along the axes, part of the ground.
[<Struct>]
type Block = { Low: Vector2; High: Vector2 }

/// The ground of one step: a chain of edges at the heights Heights[i] over x = i·Spacing, and solid blocks.
[<Struct; IsByRefLike>]
type Ground =
    {
        Heights: ReadOnlySpan<float32>
        Spacing: float
        Blocks: ReadOnlySpan<Block>
        Friction: float32
        Restitution: float32
    }

    /// Spans print nothing, and what the compiler would make of them no native program can load.
    override _.ToString() = nameof Ground

    /// The i-th corner of the chain.
    member this.Corner(index: int) = Vector2(float32 (float index * this.Spacing), this.Heights[index])

/// Bodies as their users know them.
[<RequireQualifiedAccess>]
module Body =

    /// A body at rest whose origin (not its centre of mass) lies at `origin`.
    let create (model: BodyModel) (origin: Vector2) (angle: float32) : Body =
        let struct (sine, cosine) = MathF.SinCos angle

        { Unchecked.defaultof<Body> with
            Centre = origin + Plane.rotate sine cosine model.Shape.Centroid
            Angle = angle
            IsAwake = true
        }

    /// Where the origin of the body's coordinates is.
    let origin (model: BodyModel) (body: inref<Body>) : Vector2 =
        let struct (sine, cosine) = MathF.SinCos body.Angle
        body.Centre - Plane.rotate sine cosine model.Shape.Centroid

    /// Changes the velocities by an impulse (N·s) at a point of the world.
    let applyImpulse (model: BodyModel) (impulse: Vector2) (point: Vector2) (body: byref<Body>) =
        body.Velocity <- body.Velocity + model.InverseMass * impulse

        body.AngularVelocity <- body.AngularVelocity + model.InverseInertia * Plane.cross (point - body.Centre) impulse

/// Constants of Box2D 2.3.
module internal Tolerances =
    [<Literal>]
    let LinearSlop = 0.005f

    [<Literal>]
    let AngularSlop = 0.0349065885f // 2°

    /// The skin of polygons and edges.
    [<Literal>]
    let Radius = 0.01f

    /// The share of an overlap that a position iteration takes back.
    [<Literal>]
    let Baumgarte = 0.2f

    /// That share where continuous collision stopped a body.
    [<Literal>]
    let ImpactBaumgarte = 0.75f

    /// How near continuous collision lets a body come, give or take a quarter of the slop.
    [<Literal>]
    let ImpactDistance = 0.005f

    /// The most impacts of a body in one step.
    [<Literal>]
    let MaxImpacts = 8

    [<Literal>]
    let MaxLinearCorrection = 0.2f

    [<Literal>]
    let MaxAngularCorrection = 0.139626354f // 8°

    [<Literal>]
    let MaxTranslation = 2.0f

    [<Literal>]
    let MaxRotation = 1.5707964f

    /// Slower approaches do not bounce.
    [<Literal>]
    let BounceSpeed = 1.0f

    [<Literal>]
    let SleepTime = 0.5f

    [<Literal>]
    let SleepSpeed = 0.01f

    [<Literal>]
    let SleepAngularSpeed = 0.0349065885f // 2°/s
