/// Continuous collision: a body that a step would carry through the ground is stopped where it meets it, and goes on
/// from there. Source: Catto, "Continuous collision", GDC 2013, with conservative advancement (Mirtich 1996) to find
/// the time of impact; as in Box2D, only the ground stops bodies, and hinges are left to the next step.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open Rl.Core.Foundations

/// The way of a body in what is left of a step: from one pose to another while the share t goes from 0 to 1.
[<Struct>]
type internal Sweep =
    {
        Body: int
        Start: Pose
        Finish: Pose
        /// No point of the body moves farther than this.
        Reach: float32
    }

[<RequireQualifiedAccess>]
module internal Continuous =

    let private at (sweep: inref<Sweep>) (share: float32) : Pose =
        {
            Centre = sweep.Start.Centre + share * (sweep.Finish.Centre - sweep.Start.Centre)
            Angle = sweep.Start.Angle + share * (sweep.Finish.Angle - sweep.Start.Angle)
        }

    let private sweep (model: WorldModel) (body: int) (start: Pose) (finish: Pose) : Sweep =
        let shape = model.Bodies[body].Shape
        let corners = shape.Corners
        let mutable radius = 0.0f

        for index in 0 .. corners.Length - 1 do
            radius <- MathF.Max(radius, Vector2.Distance(corners[index], shape.Centroid))

        let turn = MathF.Abs(finish.Angle - start.Angle)

        {
            Body = body
            Start = start
            Finish = finish
            Reach = Vector2.Distance(start.Centre, finish.Centre) + turn * radius
        }

    let private placeAt (model: WorldModel) (work: Workspace) (body: int) (pose: Pose) =
        ContactFinder.place model work body pose.Centre pose.Angle

    /// How far a body, as it was last placed, is from the edge (of the chain) or the block with this index.
    let private separation
        (model: WorldModel)
        (ground: Ground)
        (isEdge: bool)
        (index: int)
        (isOnRight: bool)
        (body: int)
        (work: Workspace)
        =
        let shape = ContactFinder.hull model work body

        if isEdge then
            Collision.separationFromEdge (ground.Corner index) (ground.Corner(index + 1)) isOnRight shape
        else
            let memory = Scratch.span<Vector2> 8
            Collision.separation (ContactFinder.solid ground.Blocks[index] memory) shape

    /// The share of the sweep after which the body meets a shape of the ground, or 1. A body that overlaps it already
    /// meets nothing.
    let private impact
        (model: WorldModel)
        (ground: Ground)
        (isEdge: bool)
        (index: int)
        (sweep: inref<Sweep>)
        (work: Workspace)
        =
        let isOnRight =
            isEdge
            && Plane.cross (ground.Corner(index + 1) - ground.Corner index) (sweep.Start.Centre - ground.Corner index)
               <= 0.0f

        let near = Tolerances.ImpactDistance + 0.25f * Tolerances.LinearSlop
        placeAt model work sweep.Body sweep.Start
        let mutable distance = separation model ground isEdge index isOnRight sweep.Body work
        let mutable share, remaining = 0.0f, 20

        if distance <= 0.0f then share <- 1.0f

        while share < 1.0f && distance > near && remaining > 0 do
            share <- MathF.Min(1.0f, share + (distance - Tolerances.ImpactDistance) / sweep.Reach)

            if share < 1.0f then
                placeAt model work sweep.Body (at &sweep share)
                distance <- separation model ground isEdge index isOnRight sweep.Body work
                remaining <- remaining - 1

        share

    /// The first impact of a sweep with any shape of the ground: its share, or 1.
    let private firstImpact (model: WorldModel) (ground: Ground) (sweep: inref<Sweep>) (work: Workspace) =
        placeAt model work sweep.Body sweep.Start
        let struct (low, high) = ContactFinder.bounds (ContactFinder.hull model work sweep.Body)
        let reach = Vector2(sweep.Reach)
        let low, high = low - reach, high + reach
        let mutable first = 1.0f

        if ground.Heights.Length > 1 then
            let from = max 0 (int (floor (float low.X / ground.Spacing)))
            let until = min (ground.Heights.Length - 2) (int (floor (float high.X / ground.Spacing)))

            for edge in from..until do
                let a, b = ground.Heights[edge], ground.Heights[edge + 1]

                if low.Y <= MathF.Max(a, b) && high.Y >= MathF.Min(a, b) then
                    first <- MathF.Min(first, impact model ground true edge &sweep work)

        for index in 0 .. ground.Blocks.Length - 1 do
            let block = ground.Blocks[index]

            if low.X <= block.High.X && high.X >= block.Low.X && low.Y <= block.High.Y && high.Y >= block.Low.Y then
                first <- MathF.Min(first, impact model ground false index &sweep work)

        first

    /// Keeps contacts that an impact began, without impulses: those of impacts are too great to start the next step
    /// from.
    let private keepNew (found: Span<Contact>) (count: int) (contacts: Span<Contact>) =
        for index in 0 .. count - 1 do
            if ContactFinder.find (Span.op_Implicit contacts) found[index].Pair < 0 then
                let mutable free = 0

                while free < contacts.Length && contacts[free].Points > 0 do
                    free <- free + 1

                if free < contacts.Length then
                    contacts[free] <- { found[index] with Normal = Vector2.Zero; Tangent = Vector2.Zero }

                    if free + 1 < contacts.Length then
                        contacts[free + 1] <- Unchecked.defaultof<Contact>

    /// Solves positions and velocities of one body at its impact; the body goes on for `time` from where it was last
    /// placed.
    let private respond
        (model: WorldModel)
        (ground: Ground)
        (body: int)
        (contacts: Span<ContactConstraint>)
        (time: float32)
        (work: Workspace)
        : Pose =
        let solver = &work.Solver[body]
        let still = &work.Solver[work.Solver.Length - 1]
        let mutable remaining, separation = 20, -infinityf

        while remaining > 0 && separation < -1.5f * Tolerances.LinearSlop do
            separation <- 0.0f

            for index in 0 .. contacts.Length - 1 do
                let share = Tolerances.ImpactBaumgarte
                let least = ContactSolver.solvePosition share &contacts[index] &still &solver
                separation <- MathF.Min(separation, least)

            remaining <- remaining - 1

        let start: Pose = { Centre = solver.Centre; Angle = solver.Angle }
        let restitution = MathF.Max(model.Bodies[body].Restitution, ground.Restitution)
        let mutable row = 4 * (work.Solver.Length + model.Joints.Length)

        for index in 0 .. contacts.Length - 1 do
            work.Unknowns.Slice(row, 4).Clear()
            ContactSolver.prepare restitution row &still &solver work.Unknowns &contacts[index]
            row <- row + 4

        for _ in 1 .. model.VelocityIterations do
            for index in 0 .. contacts.Length - 1 do
                ContactSolver.solveVelocity &contacts[index] work.Unknowns

        ContactSolver.move time body &solver work.Unknowns
        start

    /// Follows every body that is awake from where it was, in the workspace, to where the step has put it.
    let solve (model: WorldModel) (ground: Ground) (work: Workspace) (world: WorldState) =
        for index in 0 .. world.Bodies.Length - 1 do
            let body = &world.Bodies[index]

            if body.IsAwake then
                let mutable way = sweep model index work.Starts[index] { Centre = body.Centre; Angle = body.Angle }
                let mutable left, impacts = model.TimeStep, 0

                while impacts < Tolerances.MaxImpacts do
                    let share = firstImpact model ground &way work

                    if share >= 1.0f then
                        impacts <- Tolerances.MaxImpacts
                    else
                        impacts <- impacts + 1
                        left <- (1.0f - share) * left
                        placeAt model work index (at &way share)
                        world.Contacts.CopyTo work.Before
                        let found = { world with Contacts = work.Found }
                        let count = ContactFinder.withGround model ground index 0 work found

                        if count = 0 then
                            impacts <- Tolerances.MaxImpacts
                        else
                            keepNew work.Found count world.Contacts
                            let contacts = work.Contacts.Slice(0, count)
                            let start = respond model ground index contacts left work
                            let solver = work.Solver[index]
                            body.Centre <- solver.Centre
                            body.Angle <- solver.Angle
                            body.Velocity <- Vector2(work.Unknowns[4 * index], work.Unknowns[4 * index + 1])
                            body.AngularVelocity <- work.Unknowns[4 * index + 2]
                            way <- sweep model index start { Centre = body.Centre; Angle = body.Angle }
