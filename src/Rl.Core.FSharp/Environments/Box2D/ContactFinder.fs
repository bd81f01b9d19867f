/// Which shapes touch: contacts by pair, with the impulses that they had, and the events of contacts that begin and
/// end.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open Rl.Core.Foundations
open System.Runtime.CompilerServices

/// The memory of a world's state: one element a body and a joint of its model, and places for contacts.
[<Struct; IsByRefLike>]
type WorldState =
    {
        Bodies: Span<Body>
        Joints: Span<Joint>
        Contacts: Span<Contact>
    }

    /// Spans print nothing, and what the compiler would make of them no native program can load.
    override _.ToString() = nameof WorldState

/// Where a body is.
[<Struct>]
type internal Pose = { Centre: Vector2; Angle: float32 }

/// The memory that one step needs.
[<Struct; IsByRefLike>]
type internal Workspace =
    {
        /// The bodies, and the ground as the last.
        Solver: Span<SolverBody>
        /// Corners and normals of each body in world coordinates, `Polygon.MaxCorners` places a body.
        Corners: Span<Vector2>
        Normals: Span<Vector2>
        Joints: Span<JointConstraint<float32>>
        /// One constraint a contact, of which some may sleep.
        Contacts: Span<ContactConstraint>
        /// The contacts of the step before.
        Before: Span<Contact>
        /// The contacts of an impact.
        Found: Span<Contact>
        Unknowns: Unknowns
        /// The first body of each body's island.
        Islands: Span<int>
        /// Where the bodies were before the step.
        Starts: Span<Pose>
    }

    /// Spans print nothing, and what the compiler would make of them no native program can load.
    override _.ToString() = nameof Workspace

[<RequireQualifiedAccess>]
module internal ContactFinder =

    /// How a pair of shapes is called: what the first is (0: an edge, 1: a block, 2: a body), which, and the second
    /// body.
    let private pair (kind: int) (first: int) (second: int) = (kind <<< 24) ||| (first <<< 4) ||| second

    /// Puts a body of the solver, and its shape's corners in world coordinates, where it is said to be.
    let place (model: WorldModel) (work: Workspace) (index: int) (centre: Vector2) (angle: float32) =
        let shape = model.Bodies[index].Shape
        let struct (sine, cosine) = MathF.SinCos angle

        work.Solver[index] <-
            {
                Centre = centre
                Angle = angle
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
            work.Corners[first + corner] <- centre + Plane.rotate sine cosine (corners[corner] - shape.Centroid)
            work.Normals[first + corner] <- Plane.rotate sine cosine normals[corner]

    /// A body's shape in world coordinates, where it was last placed.
    let hull (model: WorldModel) (work: Workspace) (body: int) : Collision.Hull =
        let count = model.Bodies[body].Shape.Count
        let first = body * Polygon.MaxCorners

        {
            Corners = Span.op_Implicit (work.Corners.Slice(first, count))
            Normals = Span.op_Implicit (work.Normals.Slice(first, count))
        }

    /// The corners of the rectangle about a shape and its skin.
    let bounds (hull: Collision.Hull) =
        let mutable low, high = hull.Corners[0], hull.Corners[0]

        for index in 1 .. hull.Corners.Length - 1 do
            low <- Vector2.Min(low, hull.Corners[index])
            high <- Vector2.Max(high, hull.Corners[index])

        let skin = Vector2(2.0f * Tolerances.Radius)
        struct (low - skin, high + skin)

    /// The place of a pair among the contacts, or -1.
    let find (contacts: ReadOnlySpan<Contact>) (pair: int) =
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

    /// Adds a touching pair to the contacts, with the impulses of the features that it shared before; returns the
    /// number of contacts.
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

                if first < world.Bodies.Length then announce true &world.Bodies[first]
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

        // Box2D's lists begin with what was made last.
        for edge in last .. -1 .. first do
            let start, finish = ground.Corner edge, ground.Corner(edge + 1)

            if low.Y <= MathF.Max(start.Y, finish.Y) && high.Y >= MathF.Min(start.Y, finish.Y) then
                Collision.edgeAndPolygon start finish shape work.Solver[body].Centre &manifold

                if manifold.Points > 0 then
                    count <- add &manifold (pair 0 edge body) world.Bodies.Length body friction count work world

        count

    /// A block as a shape, in memory for eight vectors.
    let solid (block: Block) (memory: Span<Vector2>) : Collision.Hull =
        memory[0] <- block.Low
        memory[1] <- Vector2(block.High.X, block.Low.Y)
        memory[2] <- block.High
        memory[3] <- Vector2(block.Low.X, block.High.Y)
        memory[4] <- Vector2(0.0f, -1.0f)
        memory[5] <- Vector2(1.0f, 0.0f)
        memory[6] <- Vector2(0.0f, 1.0f)
        memory[7] <- Vector2(-1.0f, 0.0f)

        { Corners = Span.op_Implicit (memory.Slice(0, 4)); Normals = Span.op_Implicit (memory.Slice(4, 4)) }

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
        let sides = Scratch.span<Vector2> 8
        let mutable count = count
        let mutable manifold = Unchecked.defaultof<Manifold>

        for index in 0 .. ground.Blocks.Length - 1 do
            let block = ground.Blocks[index]

            if low.X <= block.High.X && high.X >= block.Low.X && low.Y <= block.High.Y && high.Y >= block.Low.Y then
                let solid = solid block sides
                Collision.polygons solid shape &manifold

                if manifold.Points > 0 then
                    count <- add &manifold (pair 1 index body) world.Bodies.Length body friction count work world

        count

    /// Adds the contacts of a body, as it was last placed, with the ground; returns the number of contacts.
    let withGround (model: WorldModel) (ground: Ground) (body: int) (count: int) (work: Workspace) (world: WorldState) =
        let mutable count = count

        if ground.Heights.Length > 1 then
            count <- collideWithChain model ground body count work world

        if ground.Blocks.Length > 0 then
            count <- collideWithBlocks model ground body count work world

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

                if low.X <= otherHigh.X && high.X >= otherLow.X && low.Y <= otherHigh.Y && high.Y >= otherLow.Y then
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

                if pair >>> 24 = 2 then announce false &world.Bodies[(pair >>> 4) &&& 15]

            index <- index + 1

    /// Finds the contacts of this step, and the events between the last one and this; returns the number of contacts.
    let findAll (model: WorldModel) (ground: Ground) (work: Workspace) (world: WorldState) =
        world.Contacts.CopyTo work.Before
        work.Solver[world.Bodies.Length] <- { Unchecked.defaultof<SolverBody> with Cosine = 1.0f }
        let mutable count = 0

        for body in world.Bodies.Length - 1 .. -1 .. 0 do
            place model work body world.Bodies[body].Centre world.Bodies[body].Angle
            count <- withGround model ground body count work world

        if model.BodiesCollide then count <- collideBodies model count work world

        if count < world.Contacts.Length then
            world.Contacts[count] <- Unchecked.defaultof<Contact>

        announceEnds count work world
        count
