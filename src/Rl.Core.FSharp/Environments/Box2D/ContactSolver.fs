/// Contacts as constraints on velocities and positions: no approach at the points, Coulomb friction along them, two
/// points solved as one block (sequential impulses). Source: Catto, "Iterative dynamics with temporal coherence", GDC
/// 2005; the block as in Box2D 2.3.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open Rl.Core.Kernels

/// A touching pair: what its contact is made of, and what its iterations need.
[<Struct>]
type internal ContactConstraint =
    {
        /// The bodies' indices; the ground is the last.
        First: int
        Second: int
        /// Where the contact's row of unknowns begins.
        mutable Row: int
        /// The place in the list of contacts that the impulses are kept in.
        Contact: int
        Friction: float32
        /// 1 or 2.
        Points: int
        // The points on the incident side, in the coordinates of the body that they belong to.
        One: Vector2
        Two: Vector2
        /// Whether the reference side is the second body's.
        IsOnSecond: bool
        /// The reference side's normal and a point of it in its body's coordinates.
        LocalNormal: Vector2
        LocalPlane: Vector2
        mutable Velocity: PairConstraint<float32>
    }

[<RequireQualifiedAccess>]
module internal ContactSolver =

    let private toLocal (body: inref<SolverBody>) (point: Vector2) =
        Plane.unrotate body.Sine body.Cosine (point - body.Centre) + body.LocalCentre

    let inline private toWorld (body: inref<SolverBody>) (local: Vector2) =
        Plane.rotate body.Sine body.Cosine (local - body.LocalCentre) + body.Centre

    let private inverseOrZero (value: float32) = if value > 0.0f then 1.0f / value else 0.0f

    /// What an impulse along a direction at two arms changes of the speed along it.
    let private inverseMassAlong
        (firstArm: Vector2)
        (secondArm: Vector2)
        (direction: Vector2)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        =
        let a, b = Plane.cross firstArm direction, Plane.cross secondArm direction

        first.InverseMass
        + second.InverseMass
        + first.InverseInertia * a * a
        + second.InverseInertia * b * b

    let inline private velocity (unknowns: Unknowns) (body: int) = Vector2(unknowns[4 * body], unknowns[4 * body + 1])

    /// The velocity of the second body's point relative to the first's.
    let private relative
        (contact: inref<ContactConstraint>)
        (firstArm: Vector2)
        (secondArm: Vector2)
        (unknowns: Unknowns)
        =
        velocity unknowns contact.Second + Plane.turn unknowns[4 * contact.Second + 2] secondArm
        - velocity unknowns contact.First
        - Plane.turn unknowns[4 * contact.First + 2] firstArm

    let private apply
        (contact: inref<ContactConstraint>)
        (point: inref<PointConstraint<float32>>)
        (impulse: Vector2)
        (unknowns: Unknowns)
        =
        let a, b = 4 * contact.First, 4 * contact.Second
        let pair = &contact.Velocity
        let firstArm = Vector2(point.FirstArmX, point.FirstArmY)
        let secondArm = Vector2(point.SecondArmX, point.SecondArmY)
        unknowns[a] <- unknowns[a] - pair.FirstMass * impulse.X
        unknowns[a + 1] <- unknowns[a + 1] - pair.FirstMass * impulse.Y
        unknowns[a + 2] <- unknowns[a + 2] - pair.FirstInertia * Plane.cross firstArm impulse
        unknowns[b] <- unknowns[b] + pair.SecondMass * impulse.X
        unknowns[b + 1] <- unknowns[b + 1] + pair.SecondMass * impulse.Y
        unknowns[b + 2] <- unknowns[b + 2] + pair.SecondInertia * Plane.cross secondArm impulse

    /// A constraint from a manifold with at least one point, its arms still open.
    let create
        (manifold: inref<Manifold>)
        (firstIndex: int)
        (secondIndex: int)
        (contact: int)
        (friction: float32)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        : ContactConstraint =
        let onSecond = manifold.IsOnSecond

        let one =
            if onSecond then
                toLocal &first manifold.First
            else
                toLocal &second manifold.First

        let two = if onSecond then toLocal &first manifold.Last else toLocal &second manifold.Last

        let localNormal =
            if onSecond then
                Plane.unrotate second.Sine second.Cosine manifold.Normal
            else
                Plane.unrotate first.Sine first.Cosine manifold.Normal

        { Unchecked.defaultof<ContactConstraint> with
            First = firstIndex
            Second = secondIndex
            Contact = contact
            Friction = friction
            Points = manifold.Points
            One = one
            Two = two
            IsOnSecond = onSecond
            LocalNormal = localNormal
            LocalPlane =
                if onSecond then
                    toLocal &second manifold.Plane
                else
                    toLocal &first manifold.Plane
        }

    /// The plane of contact now: its normal from the first body to the second, a point of it, and on which side the
    /// points lie.
    let private plane (contact: inref<ContactConstraint>) (first: inref<SolverBody>) (second: inref<SolverBody>) =
        if contact.IsOnSecond then
            struct (-(Plane.rotate second.Sine second.Cosine contact.LocalNormal), toWorld &second contact.LocalPlane)
        else
            struct (Plane.rotate first.Sine first.Cosine contact.LocalNormal, toWorld &first contact.LocalPlane)

    /// The incident point now, and its distance from the plane along the normal from the reference to it.
    let private incident
        (contact: inref<ContactConstraint>)
        (local: Vector2)
        (normal: Vector2)
        (reference: Vector2)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        =
        if contact.IsOnSecond then
            let world = toWorld &first local
            struct (world, -(Vector2.Dot(world - reference, normal)))
        else
            let world = toWorld &second local
            struct (world, Vector2.Dot(world - reference, normal))

    let private preparePoint
        (contact: inref<ContactConstraint>)
        (local: Vector2)
        (normal: Vector2)
        (reference: Vector2)
        (restitution: float32)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        (unknowns: Unknowns)
        : PointConstraint<float32> =
        let struct (world, distance) = incident &contact local normal reference &first &second
        // Halfway between the two skins.
        let outward = if contact.IsOnSecond then -normal else normal
        let middle = world - 0.5f * distance * outward
        let ra, rb = middle - first.Centre, middle - second.Centre
        let tangent = Vector2(normal.Y, -normal.X)
        let approach = Vector2.Dot(normal, relative &contact ra rb unknowns)

        {
            FirstArmX = ra.X
            FirstArmY = ra.Y
            SecondArmX = rb.X
            SecondArmY = rb.Y
            NormalMass = inverseOrZero (inverseMassAlong ra rb normal &first &second)
            TangentMass = inverseOrZero (inverseMassAlong ra rb tangent &first &second)
            Bounce = if approach < -Tolerances.BounceSpeed then -restitution * approach else 0.0f
        }

    /// Completes the constraint from the velocities before any impulse of this step.
    let prepare
        (restitution: float32)
        (row: int)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        (unknowns: Unknowns)
        (contact: byref<ContactConstraint>)
        =
        contact.Row <- row
        let struct (normal, reference) = plane &contact &first &second
        let one = preparePoint &contact contact.One normal reference restitution &first &second unknowns

        let two =
            if contact.Points = 2 then
                preparePoint &contact contact.Two normal reference restitution &first &second unknowns
            else
                Unchecked.defaultof<PointConstraint<float32>>

        let inline turning (point: PointConstraint<float32>) =
            struct (point.FirstArmX * normal.Y - point.FirstArmY * normal.X,
                    point.SecondArmX * normal.Y - point.SecondArmY * normal.X)

        let struct (a1, b1) = turning one
        let struct (a2, b2) = turning two
        let ia, ib = first.InverseInertia, second.InverseInertia
        let mass = first.InverseMass + second.InverseMass
        let k11 = mass + ia * a1 * a1 + ib * b1 * b1
        let k22 = mass + ia * a2 * a2 + ib * b2 * b2
        let k12 = mass + ia * a1 * a2 + ib * b1 * b2
        let determinant = k11 * k22 - k12 * k12
        // Two points that are nearly one make the block singular: one of them is enough.
        let isBlock = contact.Points = 2 && k11 * k11 < 1000.0f * determinant

        contact.Velocity <-
            {
                FirstMass = first.InverseMass
                FirstInertia = ia
                SecondMass = second.InverseMass
                SecondInertia = ib
                Friction = contact.Friction
                NormalX = normal.X
                NormalY = normal.Y
                One = one
                Two = two
                IsBlock = LaneMask.ofBool isBlock
                K11 = k11
                K12 = k12
                K22 = k22
                Scale = if isBlock then -1.0f / determinant else 0.0f
            }

    /// Starts from the last step's impulses, which are in the contact's row.
    let warmStart (contact: inref<ContactConstraint>) (unknowns: Unknowns) =
        let row, pair = contact.Row, contact.Velocity
        let normal = Vector2(pair.NormalX, pair.NormalY)
        let tangent = Vector2(normal.Y, -normal.X)
        apply &contact &contact.Velocity.One (unknowns[row] * normal + unknowns[row + 2] * tangent) unknowns

        if LaneMask.isSet pair.IsBlock then
            apply &contact &contact.Velocity.Two (unknowns[row + 1] * normal + unknowns[row + 3] * tangent) unknowns

    /// One iteration on velocities.
    let solveVelocity (contact: inref<ContactConstraint>) (unknowns: Unknowns) =
        ContactIteration<LanesScalar<float32>, float32>
            .Solve(
                &contact.Velocity,
                &Rows.body unknowns (4 * contact.First),
                &Rows.body unknowns (4 * contact.Second),
                &Rows.contact unknowns contact.Row
            )

    /// Keeps the impulses for the next step.
    let store (contact: inref<ContactConstraint>) (unknowns: Unknowns) (kept: byref<Contact>) =
        let row = contact.Row
        kept.Normal <- Vector2(unknowns[row], unknowns[row + 1])
        kept.Tangent <- Vector2(unknowns[row + 2], unknowns[row + 3])

    /// Moves a body by its velocity for a time; faster than a quarter turn or 2 m a step is cut.
    let move (time: float32) (index: int) (body: byref<SolverBody>) (unknowns: Unknowns) =
        let row = 4 * index
        let mutable velocity = Vector2(unknowns[row], unknowns[row + 1])
        let distance = time * velocity.Length()

        if distance > Tolerances.MaxTranslation then
            velocity <- Tolerances.MaxTranslation / distance * velocity

        let turn = MathF.Abs(time * unknowns[row + 2])

        if turn > Tolerances.MaxRotation then
            unknowns[row + 2] <- unknowns[row + 2] * (Tolerances.MaxRotation / turn)

        unknowns[row] <- velocity.X
        unknowns[row + 1] <- velocity.Y
        body.Centre <- body.Centre + time * velocity
        JointSolver.turnBy (time * unknowns[row + 2]) &body

    let private pushApart
        (share: float32)
        (contact: inref<ContactConstraint>)
        (local: Vector2)
        (first: byref<SolverBody>)
        (second: byref<SolverBody>)
        =
        let struct (normal, reference) = plane &contact &first &second
        let struct (world, distance) = incident &contact local normal reference &first &second
        let separation = distance - 2.0f * Tolerances.Radius
        let ra, rb = world - first.Centre, world - second.Centre

        let correction = Math.Clamp(share * (separation + Tolerances.LinearSlop), -Tolerances.MaxLinearCorrection, 0.0f)

        if correction < 0.0f then
            let mass = inverseOrZero (inverseMassAlong ra rb normal &first &second)
            let impulse = -correction * mass * normal
            first.Centre <- first.Centre - first.InverseMass * impulse
            JointSolver.turnBy (-first.InverseInertia * Plane.cross ra impulse) &first
            second.Centre <- second.Centre + second.InverseMass * impulse
            JointSolver.turnBy (second.InverseInertia * Plane.cross rb impulse) &second

        separation

    /// One iteration on positions, point after point, that takes back a share of the overlap; returns the least
    /// separation that it found.
    let solvePosition
        (share: float32)
        (contact: inref<ContactConstraint>)
        (first: byref<SolverBody>)
        (second: byref<SolverBody>)
        =
        let least = pushApart share &contact contact.One &first &second

        if contact.Points = 2 then
            MathF.Min(least, pushApart share &contact contact.Two &first &second)
        else
            least
