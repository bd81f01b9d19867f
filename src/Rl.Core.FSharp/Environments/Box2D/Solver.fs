/// One step of a world: find the contacts, solve velocities and positions, put to sleep what rests.
/// Source: Catto, "Iterative dynamics with temporal coherence", GDC 2005; order and tolerances are those of Box2D 2.3 without its
/// continuous collision.
namespace Rl.Core.Environments.Box2D

#nowarn "9" // memory of a step lies on the stack

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Microsoft.FSharp.NativeInterop
open Rl.Core.Foundations

/// The memory of a world's state: one element a body and a joint of its model, and places for contacts.
[<Struct; IsByRefLike>]
type WorldState = { Bodies: Span<Body>; Joints: Span<Joint>; Contacts: Span<Contact> }

/// The memory that one step needs.
[<Struct; IsByRefLike>]
type internal Workspace =
    {
        /// The bodies, and the ground as the last.
        Solver: Span<SolverBody>
        /// Corners and normals of each body in world coordinates, `Polygon.MaxCorners` places a body.
        Corners: Span<Vector2>
        Normals: Span<Vector2>
        Joints: Span<JointConstraint>
        /// One constraint a contact, of which some may sleep.
        Contacts: Span<ContactConstraint>
        /// The contacts of the step before.
        Before: Span<Contact>
        Unknowns: Unknowns
    }

/// Steps of worlds.
[<RequireQualifiedAccess>]
module Solver =

    /// The most bodies that a world may have.
    [<Literal>]
    let MaxBodies = 15

    /// How a pair of shapes is called: what the first is (0: an edge, 1: a block, 2: a body), which, and the second body.
    let private pair (kind: int) (first: int) (second: int) = (kind <<< 24) ||| (first <<< 4) ||| second

    let private place (model: WorldModel) (work: Workspace) (bodies: Span<Body>) =
        for index in 0 .. bodies.Length - 1 do
            let body = &bodies[index]
            let shape = model.Bodies[index].Shape
            let struct (sine, cosine) = MathF.SinCos body.Angle

            work.Solver[index] <-
                {
                    Centre = body.Centre
                    Angle = body.Angle
                    Sine = sine
                    Cosine = cosine
                    InverseMass = model.Bodies[index].InverseMass
                    InverseInertia = model.Bodies[index].InverseInertia
                    LocalCentre = shape.Centroid
                }

            let corners = shape.Corners
            let normals = shape.Normals
            let first = index * Polygon.MaxCorners

            for corner in 0 .. shape.Count - 1 do
                work.Corners[first + corner] <-
                    body.Centre + Plane.rotate sine cosine (corners[corner] - shape.Centroid)

                work.Normals[first + corner] <- Plane.rotate sine cosine normals[corner]

        work.Solver[bodies.Length] <- { Unchecked.defaultof<SolverBody> with Cosine = 1.0f }

    let private hull (model: WorldModel) (work: Workspace) (body: int) : Collision.Hull =
        let count = model.Bodies[body].Shape.Count
        let first = body * Polygon.MaxCorners

        {
            Corners = Span.op_Implicit (work.Corners.Slice(first, count))
            Normals = Span.op_Implicit (work.Normals.Slice(first, count))
        }

    let private bounds (hull: Collision.Hull) =
        let mutable low, high = hull.Corners[0], hull.Corners[0]

        for index in 1 .. hull.Corners.Length - 1 do
            low <- Vector2.Min(low, hull.Corners[index])
            high <- Vector2.Max(high, hull.Corners[index])

        let skin = Vector2(2.0f * Tolerances.Radius)
        struct (low - skin, high + skin)

    /// The place of a pair among the contacts, or -1.
    let private find (contacts: ReadOnlySpan<Contact>) (pair: int) =
        let mutable index = 0

        while index < contacts.Length && contacts[index].Points > 0 && contacts[index].Pair <> pair do
            index <- index + 1

        if index < contacts.Length && contacts[index].Points > 0 then index else -1

    /// Says to a body that a contact began or ended.
    let private announce (began: bool) (body: byref<Body>) =
        body.HasContact <- began
        body.HasTouched <- body.HasTouched || began

        if not body.IsAwake then
            body.IsAwake <- true
            body.RestTime <- 0.0f

    /// Adds a touching pair to the contacts, with the impulses of the features that it shared before; returns the number of contacts.
    let private add
        (manifold: inref<Manifold>)
        (pair: int)
        (first: int)
        (second: int)
        (friction: float32)
        (count: int)
        (work: Workspace)
        (world: WorldState)
        =
        if count = world.Contacts.Length then
            count
        else
            let before = find (Span.op_Implicit work.Before) pair
            let mutable normal, tangent = Vector2.Zero, Vector2.Zero

            if before < 0 then
                announce true &world.Bodies[second]

                if first < world.Bodies.Length then
                    announce true &world.Bodies[first]
            else
                let old = work.Before[before]

                let inline kept (feature: uint32) (impulses: Vector2) =
                    if old.FirstFeature = feature then impulses.X
                    elif old.Points = 2 && old.SecondFeature = feature then impulses.Y
                    else 0.0f

                let one, two = manifold.FirstFeature, manifold.LastFeature
                let hasTwo = manifold.Points = 2
                normal <- Vector2(kept one old.Normal, (if hasTwo then kept two old.Normal else 0.0f))
                tangent <- Vector2(kept one old.Tangent, (if hasTwo then kept two old.Tangent else 0.0f))

            world.Contacts[count] <-
                {
                    Pair = pair
                    Points = manifold.Points
                    FirstFeature = manifold.FirstFeature
                    SecondFeature = manifold.LastFeature
                    Normal = normal
                    Tangent = tangent
                }

            work.Contacts[count] <-
                ContactSolver.create &manifold first second count friction &work.Solver[first] &work.Solver[second]

            count + 1

    let private collideWithChain
        (model: WorldModel)
        (ground: Ground)
        (body: int)
        (count: int)
        (work: Workspace)
        (world: WorldState)
        =
        let shape = hull model work body
        let struct (low, high) = bounds shape
        let friction = MathF.Sqrt(model.Bodies[body].Friction * ground.Friction)
        let first = max 0 (int (floor (float low.X / ground.Spacing)))
        let last = min (ground.Heights.Length - 2) (int (floor (float high.X / ground.Spacing)))
        let mutable count = count
        let mutable manifold = Unchecked.defaultof<Manifold>

        for edge in first..last do
            let start, finish = ground.Corner edge, ground.Corner(edge + 1)

            if low.Y <= MathF.Max(start.Y, finish.Y) && high.Y >= MathF.Min(start.Y, finish.Y) then
                Collision.edgeAndPolygon start finish shape work.Solver[body].Centre &manifold

                if manifold.Points > 0 then
                    count <- add &manifold (pair 0 edge body) world.Bodies.Length body friction count work world

        count

    let private collideWithBlocks
        (model: WorldModel)
        (ground: Ground)
        (body: int)
        (count: int)
        (work: Workspace)
        (world: WorldState)
        =
        let shape = hull model work body
        let struct (low, high) = bounds shape
        let friction = MathF.Sqrt(model.Bodies[body].Friction * ground.Friction)
        let corners = Scratch.span<Vector2> 4
        let normals = Scratch.span<Vector2> 4
        normals[0] <- Vector2(0.0f, -1.0f)
        normals[1] <- Vector2(1.0f, 0.0f)
        normals[2] <- Vector2(0.0f, 1.0f)
        normals[3] <- Vector2(-1.0f, 0.0f)
        let mutable count = count
        let mutable manifold = Unchecked.defaultof<Manifold>

        for index in 0 .. ground.Blocks.Length - 1 do
            let block = ground.Blocks[index]

            if
                low.X <= block.High.X
                && high.X >= block.Low.X
                && low.Y <= block.High.Y
                && high.Y >= block.Low.Y
            then
                corners[0] <- block.Low
                corners[1] <- Vector2(block.High.X, block.Low.Y)
                corners[2] <- block.High
                corners[3] <- Vector2(block.Low.X, block.High.Y)

                let solid: Collision.Hull =
                    { Corners = Span.op_Implicit corners; Normals = Span.op_Implicit normals }

                Collision.polygons solid shape &manifold

                if manifold.Points > 0 then
                    count <- add &manifold (pair 1 index body) world.Bodies.Length body friction count work world

        count

    let private collideBodies (model: WorldModel) (count: int) (work: Workspace) (world: WorldState) =
        let mutable count = count
        let mutable manifold = Unchecked.defaultof<Manifold>

        for first in 0 .. world.Bodies.Length - 2 do
            let one = hull model work first
            let struct (low, high) = bounds one

            for second in first + 1 .. world.Bodies.Length - 1 do
                let two = hull model work second
                let struct (otherLow, otherHigh) = bounds two

                if
                    low.X <= otherHigh.X
                    && high.X >= otherLow.X
                    && low.Y <= otherHigh.Y
                    && high.Y >= otherLow.Y
                then
                    Collision.polygons one two &manifold

                    if manifold.Points > 0 then
                        let friction = MathF.Sqrt(model.Bodies[first].Friction * model.Bodies[second].Friction)
                        count <- add &manifold (pair 2 first second) first second friction count work world

        count

    /// Tells the bodies of contacts that are no more.
    let private announceEnds (count: int) (work: Workspace) (world: WorldState) =
        let mutable index = 0

        while index < work.Before.Length && work.Before[index].Points > 0 do
            let pair = work.Before[index].Pair

            if find (Span.op_Implicit (world.Contacts.Slice(0, count))) pair < 0 then
                announce false &world.Bodies[pair &&& 15]

                if pair >>> 24 = 2 then
                    announce false &world.Bodies[(pair >>> 4) &&& 15]

            index <- index + 1

    /// Finds the contacts; returns how many.
    let private collide (model: WorldModel) (ground: Ground) (work: Workspace) (world: WorldState) =
        world.Contacts.CopyTo work.Before
        let mutable count = 0

        for body in 0 .. world.Bodies.Length - 1 do
            if ground.Heights.Length > 1 then
                count <- collideWithChain model ground body count work world

            if ground.Blocks.Length > 0 then
                count <- collideWithBlocks model ground body count work world

        if model.BodiesCollide then
            count <- collideBodies model count work world

        if count < world.Contacts.Length then
            world.Contacts[count] <- Unchecked.defaultof<Contact>

        announceEnds count work world
        count

    /// Joins the islands of two bodies: bodies that touch or hang together.
    let private join (islands: Span<int>) (first: int) (second: int) =
        let mutable a, b = first, second

        while islands[a] <> a do
            a <- islands[a]

        while islands[b] <> b do
            b <- islands[b]

        islands[max a b] <- min a b

    /// islands[i] ← the first body of the island of body i.
    let private findIslands (model: WorldModel) (contacts: Span<ContactConstraint>) (islands: Span<int>) =
        for body in 0 .. islands.Length - 1 do
            islands[body] <- body

        for joint in model.Joints do
            join islands joint.First joint.Second

        for index in 0 .. contacts.Length - 1 do
            if contacts[index].First < islands.Length then
                join islands contacts[index].First contacts[index].Second

        for body in 0 .. islands.Length - 1 do
            islands[body] <- islands[islands[body]]

    /// Wakes every body of an island in which one is awake; whether any body is.
    let private wake (islands: Span<int>) (bodies: Span<Body>) =
        let mutable any = false

        for body in 0 .. bodies.Length - 1 do
            if bodies[body].IsAwake then
                any <- true

                for other in 0 .. bodies.Length - 1 do
                    if islands[other] = islands[body] && not bodies[other].IsAwake then
                        bodies[other].IsAwake <- true
                        bodies[other].RestTime <- 0.0f

        any

    let private accelerate (model: WorldModel) (bodies: Span<Body>) (unknowns: Unknowns) =
        let time = model.TimeStep

        for index in 0 .. bodies.Length - 1 do
            let body = &bodies[index]

            if body.IsAwake then
                let mass, inertia = model.Bodies[index].InverseMass, model.Bodies[index].InverseInertia
                let velocity = body.Velocity + time * (model.Gravity + mass * body.Force)
                unknowns[4 * index] <- velocity.X
                unknowns[4 * index + 1] <- velocity.Y
                unknowns[4 * index + 2] <- body.AngularVelocity + time * inertia * body.Torque

    /// Velocity iterations. An iteration is a function of the unknowns alone, so that once they return to what they were,
    /// bit for bit, whole rounds may be left out without changing the result (Brent's search for a cycle).
    let private iterate (iterations: int) (contacts: Span<ContactConstraint>) (work: Workspace) =
        let unknowns = MemoryMarshal.AsBytes work.Unknowns
        let memory = Scratch.span<byte> unknowns.Length
        unknowns.CopyTo memory
        let mutable remaining = iterations
        let mutable sinceMemory, untilMemory = 0, 1

        while remaining > 0 do
            for joint in 0 .. work.Joints.Length - 1 do
                JointSolver.solveVelocity &work.Joints[joint] work.Unknowns

            for index in 0 .. contacts.Length - 1 do
                let contact = &contacts[index]

                ContactSolver.solveVelocity
                    &contact
                    &work.Solver[contact.First]
                    &work.Solver[contact.Second]
                    work.Unknowns

            remaining <- remaining - 1
            sinceMemory <- sinceMemory + 1

            if unknowns.SequenceEqual memory then
                remaining <- remaining % sinceMemory
                sinceMemory <- 0
                untilMemory <- Int32.MaxValue
            elif sinceMemory = untilMemory then
                unknowns.CopyTo memory
                sinceMemory <- 0
                untilMemory <- 2 * untilMemory

    let private move (time: float32) (bodies: Span<Body>) (work: Workspace) =
        for index in 0 .. bodies.Length - 1 do
            if bodies[index].IsAwake then
                let body = &work.Solver[index]
                let row = 4 * index
                let mutable velocity = Vector2(work.Unknowns[row], work.Unknowns[row + 1])
                let distance = time * velocity.Length()

                if distance > Tolerances.MaxTranslation then
                    velocity <- Tolerances.MaxTranslation / distance * velocity

                let turn = time * work.Unknowns[row + 2]

                if MathF.Abs turn > Tolerances.MaxRotation then
                    work.Unknowns[row + 2] <- work.Unknowns[row + 2] * (Tolerances.MaxRotation / MathF.Abs turn)

                work.Unknowns[row] <- velocity.X
                work.Unknowns[row + 1] <- velocity.Y
                body.Centre <- body.Centre + time * velocity
                JointSolver.turnBy (time * work.Unknowns[row + 2]) &body

    /// Position iterations, contacts first; whether the errors became small.
    let private correct (model: WorldModel) (contacts: Span<ContactConstraint>) (work: Workspace) =
        let mutable remaining = model.PositionIterations
        let mutable isSolved = false

        while remaining > 0 && not isSolved do
            let mutable separation = 0.0f

            for index in 0 .. contacts.Length - 1 do
                let contact = &contacts[index]
                let first = &work.Solver[contact.First]
                let second = &work.Solver[contact.Second]
                separation <- MathF.Min(separation, ContactSolver.solvePosition &contact &first &second)

            let mutable areJointsSolved = true

            for index in 0 .. work.Joints.Length - 1 do
                let joint = model.Joints[index]
                let first = &work.Solver[joint.First]
                let second = &work.Solver[joint.Second]

                if not (JointSolver.solvePosition joint work.Joints[index].Limit &first &second) then
                    areJointsSolved <- false

            isSolved <- areJointsSolved && separation >= -3.0f * Tolerances.LinearSlop
            remaining <- remaining - 1

        isSolved

    /// Islands of which every body has rested for half a second fall asleep.
    let private sleep (time: float32) (islands: Span<int>) (isSolved: bool) (bodies: Span<Body>) =
        for index in 0 .. bodies.Length - 1 do
            let body = &bodies[index]

            if body.IsAwake then
                let isSlow =
                    body.Velocity.LengthSquared() <= Tolerances.SleepSpeed * Tolerances.SleepSpeed
                    && body.AngularVelocity * body.AngularVelocity
                       <= Tolerances.SleepAngularSpeed * Tolerances.SleepAngularSpeed

                body.RestTime <- if isSlow then body.RestTime + time else 0.0f

        if isSolved then
            for island in 0 .. bodies.Length - 1 do
                let mutable least = infinityf

                for body in 0 .. bodies.Length - 1 do
                    if islands[body] = island && bodies[body].IsAwake then
                        least <- MathF.Min(least, bodies[body].RestTime)

                if least >= Tolerances.SleepTime then
                    for index in 0 .. bodies.Length - 1 do
                        if islands[index] = island then
                            let body = &bodies[index]
                            body.IsAwake <- false
                            body.RestTime <- 0.0f
                            body.Velocity <- Vector2.Zero
                            body.AngularVelocity <- 0.0f

    /// Keeps those constraints whose second body is awake; returns their number.
    let private awakeContacts (count: int) (bodies: Span<Body>) (contacts: Span<ContactConstraint>) =
        let mutable kept = 0

        for index in 0 .. count - 1 do
            if bodies[contacts[index].Second].IsAwake then
                contacts[kept] <- contacts[index]
                kept <- kept + 1

        kept

    let private prepare
        (model: WorldModel)
        (ground: Ground)
        (contacts: Span<ContactConstraint>)
        (work: Workspace)
        (world: WorldState)
        =
        let mutable row = 4 * (world.Bodies.Length + 1 + model.Joints.Length)

        for index in 0 .. contacts.Length - 1 do
            let contact = &contacts[index]
            let kept = &world.Contacts[contact.Contact]
            work.Unknowns[row] <- kept.Normal.X
            work.Unknowns[row + 1] <- kept.Normal.Y
            work.Unknowns[row + 2] <- kept.Tangent.X
            work.Unknowns[row + 3] <- kept.Tangent.Y

            let other =
                if contact.First < world.Bodies.Length then
                    model.Bodies[contact.First].Restitution
                else
                    ground.Restitution

            let restitution = MathF.Max(model.Bodies[contact.Second].Restitution, other)
            let first = &work.Solver[contact.First]
            let second = &work.Solver[contact.Second]
            ContactSolver.prepare restitution row &first &second work.Unknowns &contact
            row <- row + 4

        for index in 0 .. contacts.Length - 1 do
            let contact = &contacts[index]
            ContactSolver.warmStart &contact &work.Solver[contact.First] &work.Solver[contact.Second] work.Unknowns

        for index in 0 .. model.Joints.Length - 1 do
            let joint = model.Joints[index]

            JointSolver.prepare
                joint
                model.TimeStep
                &work.Solver[joint.First]
                &work.Solver[joint.Second]
                (4 * (world.Bodies.Length + 1 + index))
                &world.Joints[index]
                work.Unknowns
                &work.Joints[index]

    /// Writes the result of a step into the state.
    let private store (model: WorldModel) (contacts: Span<ContactConstraint>) (work: Workspace) (world: WorldState) =
        for index in 0 .. work.Joints.Length - 1 do
            if world.Bodies[model.Joints[index].First].IsAwake then
                JointSolver.store &work.Joints[index] work.Unknowns &world.Joints[index]

        for index in 0 .. contacts.Length - 1 do
            ContactSolver.store &contacts[index] work.Unknowns &world.Contacts[contacts[index].Contact]

        for index in 0 .. world.Bodies.Length - 1 do
            let body = &world.Bodies[index]

            if body.IsAwake then
                body.Centre <- work.Solver[index].Centre
                body.Angle <- work.Solver[index].Angle
                body.Velocity <- Vector2(work.Unknowns[4 * index], work.Unknowns[4 * index + 1])
                body.AngularVelocity <- work.Unknowns[4 * index + 2]

    /// Advances a world by one time step. Every joint's bodies are awake or asleep together. Contacts beyond the places for them are ignored.
    let step (model: WorldModel) (ground: Ground) (world: WorldState) : unit =
        let count = model.Bodies.Length
        Guard.inIntRange "Bodies.Length" 1 MaxBodies count
        Guard.length "Bodies" count world.Bodies.Length
        Guard.length "Joints" model.Joints.Length world.Joints.Length
        let places = world.Contacts.Length

        // Memory on the stack is taken where nothing else is being computed.
        let solver = Scratch.span<SolverBody> (count + 1)
        let corners = Scratch.span<Vector2> (count * Polygon.MaxCorners)
        let normals = Scratch.span<Vector2> (count * Polygon.MaxCorners)
        let joints = Scratch.span<JointConstraint> model.Joints.Length
        let contacts = Scratch.span<ContactConstraint> places
        let before = Scratch.span<Contact> places
        let unknowns = Scratch.span<float32> (4 * (count + 1 + model.Joints.Length + places))
        let islands = Scratch.span<int> count

        let work =
            {
                Solver = solver
                Corners = corners
                Normals = normals
                Joints = joints
                Contacts = contacts
                Before = before
                Unknowns = unknowns
            }

        place model work world.Bodies
        let found = collide model ground work world
        findIslands model (work.Contacts.Slice(0, found)) islands

        if wake islands world.Bodies then
            accelerate model world.Bodies work.Unknowns
            let contacts = work.Contacts.Slice(0, awakeContacts found world.Bodies work.Contacts)
            let used = 4 * (count + 1 + model.Joints.Length + contacts.Length)
            let work = { work with Unknowns = work.Unknowns.Slice(0, used) }
            prepare model ground contacts work world
            iterate model.VelocityIterations contacts work
            move model.TimeStep world.Bodies work
            let isSolved = correct model contacts work
            store model contacts work world
            sleep model.TimeStep islands isSolved world.Bodies

        for index in 0 .. count - 1 do
            let body = &world.Bodies[index]
            body.Force <- Vector2.Zero
            body.Torque <- 0.0f
