/// One step of a world: find the contacts, solve velocities and positions, put to sleep what rests.
/// Source: Catto, "Iterative dynamics with temporal coherence", GDC 2005; order and tolerances are those of Box2D 2.3.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open Rl.Core.Foundations

/// Steps of worlds.
[<RequireQualifiedAccess>]
module Solver =

    /// The most bodies that a world may have.
    [<Literal>]
    let MaxBodies = 15

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

    /// Velocity iterations.
    let private iterate (model: WorldModel) (contacts: Span<ContactConstraint>) (work: Workspace) =
        for _ in 1 .. model.VelocityIterations do
            for index in 0 .. work.Joints.Length - 1 do
                let place = JointPlace.Of(model, index)
                JointSolver.solveVelocity place &work.Joints[index] work.Unknowns

            for index in 0 .. contacts.Length - 1 do
                ContactSolver.solveVelocity &contacts[index] work.Unknowns

    let private moveAll (time: float32) (bodies: Span<Body>) (work: Workspace) =
        for index in 0 .. bodies.Length - 1 do
            if bodies[index].IsAwake then
                ContactSolver.move time index &work.Solver[index] work.Unknowns

    /// Position iterations, contacts first; whether the errors became small.
    let private correct (model: WorldModel) (contacts: Span<ContactConstraint>) (work: Workspace) (world: WorldState) =
        let mutable remaining = model.PositionIterations
        let mutable isSolved = false

        while remaining > 0 && not isSolved do
            let mutable separation = 0.0f

            for index in 0 .. contacts.Length - 1 do
                let contact = &contacts[index]
                let first = &work.Solver[contact.First]
                let second = &work.Solver[contact.Second]

                separation <-
                    MathF.Min(separation, ContactSolver.solvePosition Tolerances.Baumgarte &contact &first &second)

            let mutable areJointsSolved = true

            for index in 0 .. work.Joints.Length - 1 do
                let joint = model.Joints[index]
                let first = &work.Solver[joint.First]
                let second = &work.Solver[joint.Second]

                if not (JointSolver.solvePosition joint world.Joints[index].Limit &first &second) then
                    areJointsSolved <- false

            isSolved <- areJointsSolved && separation >= -3.0f * Tolerances.LinearSlop
            remaining <- remaining - 1

        isSolved

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
            ContactSolver.warmStart &contact work.Unknowns

        for index in 0 .. model.Joints.Length - 1 do
            let joint = model.Joints[index]

            JointSolver.prepare
                joint
                model.TimeStep
                &work.Solver[joint.First]
                &work.Solver[joint.Second]
                (JointPlace.Of(model, index))
                &world.Joints[index]
                work.Unknowns
                &work.Joints[index]

    /// Writes the result of a step into the state.
    let private store (model: WorldModel) (contacts: Span<ContactConstraint>) (work: Workspace) (world: WorldState) =
        for index in 0 .. work.Joints.Length - 1 do
            if world.Bodies[model.Joints[index].First].IsAwake then
                JointSolver.store (JointPlace.Of(model, index)).Row work.Unknowns &world.Joints[index]

        for index in 0 .. contacts.Length - 1 do
            ContactSolver.store &contacts[index] work.Unknowns &world.Contacts[contacts[index].Contact]

        for index in 0 .. world.Bodies.Length - 1 do
            let body = &world.Bodies[index]

            if body.IsAwake then
                body.Centre <- work.Solver[index].Centre
                body.Angle <- work.Solver[index].Angle
                body.Velocity <- Vector2(work.Unknowns[4 * index], work.Unknowns[4 * index + 1])
                body.AngularVelocity <- work.Unknowns[4 * index + 2]

    /// The length of the unknowns of a world with this number of places for contacts.
    let internal unknownsOf (model: WorldModel) (places: int) =
        4 * (model.Bodies.Length + 1 + model.Joints.Length + places)

    /// Refuses a state that is not one of the model's.
    let internal check (model: WorldModel) (world: WorldState) =
        Guard.inIntRange "Bodies.Length" 1 MaxBodies model.Bodies.Length
        Guard.length "Bodies" model.Bodies.Length world.Bodies.Length
        Guard.length "Joints" model.Joints.Length world.Joints.Length

    /// The part of a step before its velocity iterations; returns the number of contacts to solve, or −1 where
    /// everything is asleep.
    let internal start (model: WorldModel) (ground: Ground) (work: Workspace) (world: WorldState) : int =
        let found = ContactFinder.findAll model ground work world
        Islands.find model (work.Contacts.Slice(0, found)) work.Islands

        if Islands.wake work.Islands world.Bodies then
            work.Unknowns.Clear()
            accelerate model world.Bodies work.Unknowns
            let contacts = awakeContacts found world.Bodies work.Contacts
            prepare model ground (work.Contacts.Slice(0, contacts)) work world
            contacts
        else
            -1

    /// The part of a step after its velocity iterations, with what `start` returned.
    let internal finish (model: WorldModel) (ground: Ground) (contacts: int) (work: Workspace) (world: WorldState) =
        if contacts >= 0 then
            let constraints = work.Contacts.Slice(0, contacts)
            moveAll model.TimeStep world.Bodies work
            let isSolved = correct model constraints work world

            for index in 0 .. world.Bodies.Length - 1 do
                work.Starts[index] <- { Centre = world.Bodies[index].Centre; Angle = world.Bodies[index].Angle }

            store model constraints work world
            Islands.sleep model.TimeStep work.Islands isSolved world.Bodies
            Continuous.solve model ground work world

        for index in 0 .. world.Bodies.Length - 1 do
            let body = &world.Bodies[index]
            body.Force <- Vector2.Zero
            body.Torque <- 0.0f

    /// Advances a world by one time step. Every joint's bodies are awake or asleep together. Contacts beyond the places
    /// for them are ignored.
    let step (model: WorldModel) (ground: Ground) (world: WorldState) : unit =
        check model world
        let count, places = model.Bodies.Length, world.Contacts.Length

        // Memory on the stack is taken where nothing else is being computed.
        let solver = Scratch.span<SolverBody>(count + 1)
        let corners = Scratch.span<Vector2>(count * Polygon.MaxCorners)
        let normals = Scratch.span<Vector2>(count * Polygon.MaxCorners)
        let joints = Scratch.span<JointConstraint<float32>> model.Joints.Length
        let contacts = Scratch.span<ContactConstraint> places
        let before = Scratch.span<Contact> places
        let found = Scratch.span<Contact> places
        let unknowns = Scratch.span<float32>(unknownsOf model places)
        let islands = Scratch.span<int> count
        let starts = Scratch.span<Pose> count

        let work =
            {
                Solver = solver
                Corners = corners
                Normals = normals
                Joints = joints
                Contacts = contacts
                Before = before
                Found = found
                Unknowns = unknowns
                Islands = islands
                Starts = starts
            }

        let toSolve = start model ground work world

        if toSolve > 0 || (toSolve = 0 && model.Joints.Length > 0) then
            iterate model (work.Contacts.Slice(0, toSolve)) work

        finish model ground toSolve work world
