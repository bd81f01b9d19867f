/// Contacts as constraints on velocities and positions: no approach at the points, Coulomb friction along them, two points solved as one
/// block (sequential impulses). Source: Catto, "Iterative dynamics with temporal coherence", GDC 2005; the block as in Box2D 2.3.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// A contact's row of unknowns.
[<Struct>]
type internal ContactRow =
    {
        mutable Normal1: float32
        mutable Normal2: float32
        mutable Tangent1: float32
        mutable Tangent2: float32
    }

/// What an iteration needs of one point of contact.
[<Struct>]
type internal ContactPoint =
    {
        FirstArm: Vector2
        SecondArm: Vector2
        NormalMass: float32
        TangentMass: float32
        /// The speed of separation to be reached, where the approach is fast enough to bounce.
        Bounce: float32
        /// The point on the incident side, in the coordinates of the body that it belongs to.
        Local: Vector2
    }

/// What the iterations need of a touching pair, none of which changes in the step.
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
        /// From the first body to the second.
        mutable Normal: Vector2
        /// 1 or 2.
        Points: int
        mutable One: ContactPoint
        mutable Two: ContactPoint
        /// Whether two points are solved together; otherwise the first one stands for both.
        mutable IsBlock: bool
        // The matrix of the block.
        mutable K11: float32
        mutable K12: float32
        mutable K22: float32
        /// Whether the reference side is the second body's.
        IsOnSecond: bool
        /// The reference side's normal and a point of it in its body's coordinates.
        LocalNormal: Vector2
        LocalPlane: Vector2
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
    let private relative (contact: inref<ContactConstraint>) (point: inref<ContactPoint>) (unknowns: Unknowns) =
        velocity unknowns contact.Second + Plane.turn unknowns[4 * contact.Second + 2] point.SecondArm
        - velocity unknowns contact.First
        - Plane.turn unknowns[4 * contact.First + 2] point.FirstArm

    let private apply
        (contact: inref<ContactConstraint>)
        (point: inref<ContactPoint>)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        (impulse: Vector2)
        (unknowns: Unknowns)
        =
        let a, b = 4 * contact.First, 4 * contact.Second
        unknowns[a] <- unknowns[a] - first.InverseMass * impulse.X
        unknowns[a + 1] <- unknowns[a + 1] - first.InverseMass * impulse.Y
        unknowns[a + 2] <- unknowns[a + 2] - first.InverseInertia * Plane.cross point.FirstArm impulse
        unknowns[b] <- unknowns[b] + second.InverseMass * impulse.X
        unknowns[b + 1] <- unknowns[b + 1] + second.InverseMass * impulse.Y
        unknowns[b + 2] <- unknowns[b + 2] + second.InverseInertia * Plane.cross point.SecondArm impulse

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
            One = { Unchecked.defaultof<ContactPoint> with Local = one }
            Two = { Unchecked.defaultof<ContactPoint> with Local = two }
            IsOnSecond = onSecond
            LocalNormal = localNormal
            LocalPlane =
                if onSecond then
                    toLocal &second manifold.Plane
                else
                    toLocal &first manifold.Plane
        }

    /// The plane of contact now: its normal from the first body to the second, a point of it, and on which side the points lie.
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
        (point: byref<ContactPoint>)
        (reference: Vector2)
        (restitution: float32)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        (unknowns: Unknowns)
        =
        let normal = contact.Normal
        let struct (world, distance) = incident &contact point.Local normal reference &first &second
        // Halfway between the two skins.
        let outward = if contact.IsOnSecond then -normal else normal
        let middle = world - 0.5f * distance * outward
        let ra, rb = middle - first.Centre, middle - second.Centre

        let tangent = Vector2(normal.Y, -normal.X)

        point <-
            { point with
                FirstArm = ra
                SecondArm = rb
                NormalMass = inverseOrZero (inverseMassAlong ra rb normal &first &second)
                TangentMass = inverseOrZero (inverseMassAlong ra rb tangent &first &second)
            }

        let approach = Vector2.Dot(normal, relative &contact &point unknowns)

        point <- { point with Bounce = if approach < -Tolerances.BounceSpeed then -restitution * approach else 0.0f }

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
        contact.Normal <- normal
        preparePoint &contact &contact.One reference restitution &first &second unknowns

        if contact.Points = 2 then
            preparePoint &contact &contact.Two reference restitution &first &second unknowns
            let mass = first.InverseMass + second.InverseMass
            let a1, b1 = Plane.cross contact.One.FirstArm normal, Plane.cross contact.One.SecondArm normal
            let a2, b2 = Plane.cross contact.Two.FirstArm normal, Plane.cross contact.Two.SecondArm normal
            let ia, ib = first.InverseInertia, second.InverseInertia
            contact.K11 <- mass + ia * a1 * a1 + ib * b1 * b1
            contact.K22 <- mass + ia * a2 * a2 + ib * b2 * b2
            contact.K12 <- mass + ia * a1 * a2 + ib * b1 * b2
            let determinant = contact.K11 * contact.K22 - contact.K12 * contact.K12

            // Two points that are nearly one make the block singular: one of them is enough.
            contact.IsBlock <- contact.K11 * contact.K11 < 1000.0f * determinant

    /// Starts from the last step's impulses, which are in the contact's row.
    let warmStart
        (contact: inref<ContactConstraint>)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        (unknowns: Unknowns)
        =
        let row, normal = contact.Row, contact.Normal
        let tangent = Vector2(normal.Y, -normal.X)
        apply &contact &contact.One &first &second (unknowns[row] * normal + unknowns[row + 2] * tangent) unknowns

        if contact.IsBlock then
            apply
                &contact
                &contact.Two
                &first
                &second
                (unknowns[row + 1] * normal + unknowns[row + 3] * tangent)
                unknowns

    /// The speed along (x, y) of a point of the second body relative to the first's.
    let inline private speed
        (x: float32)
        (y: float32)
        (point: inref<ContactPoint>)
        (ax: float32)
        (ay: float32)
        (aw: float32)
        (bx: float32)
        (by: float32)
        (bw: float32)
        =
        let ra, rb = point.FirstArm, point.SecondArm
        (bx - bw * rb.Y - ax + aw * ra.Y) * x + (by + bw * rb.X - ay - aw * ra.X) * y

    let inline private couple (arm: Vector2) (x: float32) (y: float32) = arm.X * y - arm.Y * x

    /// The tangent impulse that stops a slip, as far as Coulomb's bound lets it.
    let inline private frictionImpulse (bound: float32) (mass: float32) (slip: float32) (old: float32) =
        MathF.Max(-bound, MathF.Min(old - mass * slip, bound))

    /// The normal impulses x ≥ 0 of two points with speeds of separation w = K·x + b ≥ 0 and x·w = 0, by trying the four cases; the old ones
    /// where none fits.
    let inline private blockImpulses
        (contact: inref<ContactConstraint>)
        (b1: float32)
        (b2: float32)
        (old1: float32)
        (old2: float32)
        =
        let k11, k12, k22 = contact.K11, contact.K12, contact.K22
        let scale = -1.0f / (k11 * k22 - k12 * k12)
        let both1, both2 = scale * (k22 * b1 - k12 * b2), scale * (k11 * b2 - k12 * b1)
        let only1, only2 = -contact.One.NormalMass * b1, -contact.Two.NormalMass * b2

        if both1 >= 0.0f && both2 >= 0.0f then struct (both1, both2)
        elif only1 >= 0.0f && k12 * only1 + b2 >= 0.0f then struct (only1, 0.0f)
        elif only2 >= 0.0f && k12 * only2 + b1 >= 0.0f then struct (0.0f, only2)
        elif b1 >= 0.0f && b2 >= 0.0f then struct (0.0f, 0.0f)
        else struct (old1, old2)

    /// One iteration: friction first, because not sinking matters more and is solved last. The bodies' velocities stay in registers.
    let solveVelocity
        (contact: inref<ContactConstraint>)
        (first: inref<SolverBody>)
        (second: inref<SolverBody>)
        (unknowns: Unknowns)
        =
        // Rows lie inside the unknowns by construction, as those of joints.
        let start = &MemoryMarshal.GetReference unknowns
        let a = &Unsafe.As<float32, BodyRow>(&Unsafe.Add(&start, 4 * contact.First))
        let b = &Unsafe.As<float32, BodyRow>(&Unsafe.Add(&start, 4 * contact.Second))
        let impulses = &Unsafe.As<float32, ContactRow>(&Unsafe.Add(&start, contact.Row))
        let one = &contact.One
        let two = &contact.Two
        let ma, ia, mb, ib = first.InverseMass, first.InverseInertia, second.InverseMass, second.InverseInertia
        let nx, ny = contact.Normal.X, contact.Normal.Y
        let tx, ty = ny, -nx
        let mutable ax, ay, aw = a.X, a.Y, a.Angular
        let mutable bx, by, bw = b.X, b.Y, b.Angular

        let old = impulses.Tangent1
        let slip = speed tx ty &one ax ay aw bx by bw
        let total = frictionImpulse (contact.Friction * impulses.Normal1) one.TangentMass slip old
        impulses.Tangent1 <- total
        let x, y = (total - old) * tx, (total - old) * ty
        ax <- ax - ma * x
        ay <- ay - ma * y
        aw <- aw - ia * couple one.FirstArm x y
        bx <- bx + mb * x
        by <- by + mb * y
        bw <- bw + ib * couple one.SecondArm x y

        if contact.IsBlock then
            let old = impulses.Tangent2
            let slip = speed tx ty &two ax ay aw bx by bw
            let total = frictionImpulse (contact.Friction * impulses.Normal2) two.TangentMass slip old
            impulses.Tangent2 <- total
            let x, y = (total - old) * tx, (total - old) * ty
            ax <- ax - ma * x
            ay <- ay - ma * y
            aw <- aw - ia * couple two.FirstArm x y
            bx <- bx + mb * x
            by <- by + mb * y
            bw <- bw + ib * couple two.SecondArm x y

            let old1, old2 = impulses.Normal1, impulses.Normal2

            let b1 = speed nx ny &one ax ay aw bx by bw - one.Bounce - (contact.K11 * old1 + contact.K12 * old2)

            let b2 = speed nx ny &two ax ay aw bx by bw - two.Bounce - (contact.K12 * old1 + contact.K22 * old2)

            let struct (new1, new2) = blockImpulses &contact b1 b2 old1 old2
            impulses.Normal1 <- new1
            impulses.Normal2 <- new2
            let x1, y1 = (new1 - old1) * nx, (new1 - old1) * ny
            let x2, y2 = (new2 - old2) * nx, (new2 - old2) * ny
            ax <- ax - ma * x1 - ma * x2
            ay <- ay - ma * y1 - ma * y2
            aw <- aw - ia * couple one.FirstArm x1 y1 - ia * couple two.FirstArm x2 y2
            bx <- bx + mb * x1 + mb * x2
            by <- by + mb * y1 + mb * y2
            bw <- bw + ib * couple one.SecondArm x1 y1 + ib * couple two.SecondArm x2 y2
        else
            let old = impulses.Normal1
            let approach = speed nx ny &one ax ay aw bx by bw
            let total = MathF.Max(old - one.NormalMass * (approach - one.Bounce), 0.0f)
            impulses.Normal1 <- total
            let x, y = (total - old) * nx, (total - old) * ny
            ax <- ax - ma * x
            ay <- ay - ma * y
            aw <- aw - ia * couple one.FirstArm x y
            bx <- bx + mb * x
            by <- by + mb * y
            bw <- bw + ib * couple one.SecondArm x y

        a.X <- ax
        a.Y <- ay
        a.Angular <- aw
        b.X <- bx
        b.Y <- by
        b.Angular <- bw

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

    /// One iteration on positions, point after point, that takes back a share of the overlap; returns the least separation that it found.
    let solvePosition
        (share: float32)
        (contact: inref<ContactConstraint>)
        (first: byref<SolverBody>)
        (second: byref<SolverBody>)
        =
        let least = pushApart share &contact contact.One.Local &first &second

        if contact.Points = 2 then
            MathF.Min(least, pushApart share &contact contact.Two.Local &first &second)
        else
            least
