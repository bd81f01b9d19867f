/// One evaluation of the dynamics of eight copies of a robot and one step of time: `Simulation` in lanes.
namespace Rl.Core.Environments.Robots

open System
open Rl.Core.Kernels

/// Bits are those of each copy alone, whatever the others do.
[<RequireQualifiedAccess>]
module internal FleetSimulation =

    /// Whether so many copies are faster side by side than one after the other: a vector takes as long however many of
    /// its lanes are used.
    let isWorthwhile (copies: int) : bool =
        VectorWidth.bits >= 512 && copies >= 3 || VectorWidth.bits >= 256 && copies >= 4

    let private constrain (f: FleetWorkspace) =
        match f.Model.Options.Solver with
        | ConstraintSolver.Newton -> FleetSolver.solve f
        | _ -> FleetSweeps.solve f

    /// Everything, up to the accelerations, which become the next warm start.
    let evaluate (f: FleetWorkspace) =
        FleetKinematics.place f
        FleetDynamics.compute f
        FleetContacts.find f
        FleetRows.fill f
        FleetDynamics.velocities f
        FleetDynamics.passive f
        FleetRows.references f
        FleetDynamics.bias f
        FleetDynamics.actuation f
        FleetDynamics.smooth f

        if f.RowCount = 0 then
            f.Acceleration.CopyFrom(f.SmoothAcceleration, f.Model.DofCount)
            f.ConstraintForce.Clear()
        else
            constrain f
            FleetRows.forces f

        f.WarmStart.CopyFrom(f.Acceleration, f.Model.DofCount)

    /// Semi-implicit Euler, as `Simulation`.
    let private euler (f: FleetWorkspace) =
        let model = f.Model
        let size = model.DofCount
        let time = model.Options.Timestep

        if model.HasDamping then
            f.Hessian.CopyFrom(f.MassMatrix, f.MassMatrix.Count)

            for dof in 0 .. size - 1 do
                let damping = Lane.all (time * model.Dofs[dof].Damping)
                f.Hessian[dof * size + dof] <- f.Hessian[dof * size + dof] + damping
                f.Direction[dof] <- f.Smooth[dof] + f.ConstraintForce[dof]

            FleetDynamics.factor model f.Hessian f.Product
            FleetDynamics.solve model f.Hessian f.Product f.Direction
        else
            f.Direction.CopyFrom(f.Acceleration, size)

        for dof in 0 .. size - 1 do
            f.Velocity[dof] <- f.Velocity[dof] + Lane.all time * f.Direction[dof]

        FleetKinematics.advance model f.Position f.Velocity time

    let private gather (f: FleetWorkspace) (weight: float) =
        for dof in 0 .. f.Model.DofCount - 1 do
            f.SumVelocity[dof] <- f.SumVelocity[dof] + Lane.all weight * f.Velocity[dof]
            f.SumAcceleration[dof] <- f.SumAcceleration[dof] + Lane.all weight * f.Acceleration[dof]

    let private stage (f: FleetWorkspace) (share: float) =
        let model = f.Model
        let time = share * model.Options.Timestep
        f.StageVelocity.CopyFrom(f.Velocity, model.DofCount)
        f.Position.CopyFrom(f.StartPosition, model.PositionCount)
        FleetKinematics.advance model f.Position f.StageVelocity time

        for dof in 0 .. model.DofCount - 1 do
            f.Velocity[dof] <- f.StartVelocity[dof] + Lane.all time * f.Acceleration[dof]

        evaluate f

    /// The classical Runge-Kutta method of order 4, as `Simulation`.
    let private rungeKutta (f: FleetWorkspace) =
        let model = f.Model
        let time = model.Options.Timestep
        f.StartPosition.CopyFrom(f.Position, model.PositionCount)
        f.StartVelocity.CopyFrom(f.Velocity, model.DofCount)
        f.SumVelocity.Clear()
        f.SumAcceleration.Clear()
        gather f (1.0 / 6.0)
        stage f 0.5
        gather f (1.0 / 3.0)
        stage f 0.5
        gather f (1.0 / 3.0)
        stage f 1.0
        gather f (1.0 / 6.0)
        f.Position.CopyFrom(f.StartPosition, model.PositionCount)
        FleetKinematics.advance model f.Position f.SumVelocity time

        for dof in 0 .. model.DofCount - 1 do
            f.Velocity[dof] <- f.StartVelocity[dof] + Lane.all time * f.SumAcceleration[dof]

    let private narrow (numbers: LaneArray) (mask: Lanes) : Lanes =
        let mutable mask = mask

        for index in 0 .. numbers.Count - 1 do
            mask <- Lane.both mask (Lane.atMost (Lane.abs numbers[index]) (Lane.all 1e10))

        mask

    /// Leaves only copies alive whose numbers mean something; the others are put into the reference pose at rest.
    let private bury (f: FleetWorkspace) (sane: Lanes) =
        let model = f.Model
        f.Alive <- Lane.both f.Alive sane

        for index in 0 .. model.PositionCount - 1 do
            f.Position[index] <- Lane.select sane f.Position[index] (Lane.all model.Positions0[index])

        for dof in 0 .. model.DofCount - 1 do
            f.Velocity[dof] <- Lane.select sane f.Velocity[dof] Lane.zero
            f.WarmStart[dof] <- Lane.select sane f.WarmStart[dof] Lane.zero
            f.Acceleration[dof] <- Lane.select sane f.Acceleration[dof] Lane.zero

    /// Removes copies with positions or velocities that mean nothing.
    let private check (f: FleetWorkspace) =
        let sane = narrow f.Velocity (narrow f.Position f.Alive)
        if Lane.any (Lane.without f.Alive sane) then bury f sane

    /// Steps of the model's time step under the controls. Copies whose numbers lose their sense (NaN, or beyond 1e10)
    /// are no longer alive after it.
    let step (f: FleetWorkspace) (steps: int) =
        for _ in 1..steps do
            check f
            evaluate f
            let sane = narrow f.Acceleration f.Alive
            if Lane.any (Lane.without f.Alive sane) then bury f sane

            match f.Model.Options.Integrator with
            | Integrator.Euler -> euler f
            | _ -> rungeKutta f

        check f

    let private spatial (numbers: LaneArray) (body: int) (lane: int) =
        Spatial(numbers.VectorOf(6 * body, lane), numbers.VectorOf(6 * body + 3, lane))

    let private inertia (numbers: LaneArray) (body: int) (lane: int) =
        let number (index: int) = numbers.Get(10 * body + index, lane)

        SpatialInertia(
            number 0,
            number 1,
            number 2,
            number 3,
            number 4,
            number 5,
            numbers.VectorOf(10 * body + 6, lane),
            number 9
        )

    let private frame (numbers: LaneArray) (body: int) (lane: int) =
        Rotation(
            numbers.VectorOf(9 * body, lane),
            numbers.VectorOf(9 * body + 3, lane),
            numbers.VectorOf(9 * body + 6, lane)
        )

    /// What tasks read of one copy, after a step. `forces`: those of contacts, after `FleetContacts.forces`;
    /// `bodies`: inertias and velocities of bodies.
    let save (f: FleetWorkspace) (lane: int) (forces: bool) (bodies: bool) (w: Workspace) =
        let model = f.Model
        f.Position.Save(lane, Span w.Position)
        f.Velocity.Save(lane, Span w.Velocity)
        f.WarmStart.Save(lane, Span w.WarmStart)
        f.Control.Save(lane, Span w.Control)
        w.Heights <- f.Heights[lane]
        f.Actuation.Save(lane, Span w.Actuation)
        f.ConstraintForce.Save(lane, Span w.ConstraintForce)

        for body in 0 .. model.Bodies.Length - 1 do
            w.BodyPosition[body] <- f.BodyPosition.VectorOf(3 * body, lane)
            w.BodyRotation[body] <- frame f.BodyRotation body lane
            w.SubtreeCentre[body] <- f.SubtreeCentre.VectorOf(3 * body, lane)
            if forces then w.ContactForce[body] <- spatial f.ContactForce body lane

            if bodies then
                w.Inertia[body] <- inertia f.Inertia body lane
                w.BodyVelocity[body] <- spatial f.BodyVelocity body lane

        for index in 0 .. model.Sites.Length - 1 do
            Kinematics.placeSite w index
