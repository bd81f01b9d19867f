/// One evaluation of a robot's dynamics and one step of time.
namespace Rl.Core.Environments.Robots

open System

/// What a step found.
[<RequireQualifiedAccess>]
type internal StepResult =
    | Done
    /// A number was NaN or beyond 1e10: the state is the reference pose at rest, with controls 0.
    | Reset

/// MuJoCo's order of a step. Source: its documentation, chapter "Computation", "Simulation pipeline" and "Numerical
/// integration".
[<RequireQualifiedAccess>]
module internal Simulation =

    /// Everything that the position alone determines.
    let evaluatePosition (w: Workspace) =
        Kinematics.place w
        MassMatrix.compute w
        ContactSearch.find w
        ConstraintRows.fill w

    let private constraintForces (w: Workspace) =
        let size = w.Model.DofCount
        Array.Clear w.ConstraintForce

        for row in 0 .. w.RowCount - 1 do
            let force = w.RowForce[row]

            if force <> 0.0 then
                for dof in 0 .. size - 1 do
                    w.ConstraintForce[dof] <- w.ConstraintForce[dof] + w.Jacobian[row * size + dof] * force

    /// Everything, up to the acceleration, which becomes the next warm start.
    let evaluate (w: Workspace) =
        evaluatePosition w
        Forces.velocities w
        Forces.passive w
        ConstraintRows.references w
        Forces.bias w
        Forces.actuation w
        Forces.smooth w

        if w.RowCount = 0 then
            w.SolverSteps <- 0
            Array.Copy(w.SmoothAcceleration, w.Acceleration, w.Acceleration.Length)
            Array.Clear w.ConstraintForce
        else
            match w.Model.Options.Solver with
            | ConstraintSolver.Newton -> NewtonSolver.solve w
            | _ -> GaussSeidelSolver.solve w

            constraintForces w

        Array.Copy(w.Acceleration, w.WarmStart, w.WarmStart.Length)

    let private turn (position: float[]) (first: int) (velocity: float[]) (dof: int) (time: float) =
        let q = Quaternion(position[first], position[first + 1], position[first + 2], position[first + 3])
        let spin = Vector3D(velocity[dof], velocity[dof + 1], velocity[dof + 2])
        let q = Quaternion.normalise (q * Quaternion.ofVector (time * spin))
        position[first] <- q.W
        position[first + 1] <- q.X
        position[first + 2] <- q.Y
        position[first + 3] <- q.Z

    /// Moves a position along a velocity for a time; quaternions turn.
    let advance (model: RobotModel) (position: float[]) (velocity: float[]) (time: float) =
        for joint in model.Joints do
            let first, dof = joint.PositionIndex, joint.DofIndex

            match joint.Kind with
            | JointKind.Free ->
                for axis in 0..2 do
                    position[first + axis] <- position[first + axis] + time * velocity[dof + axis]

                turn position (first + 3) velocity (dof + 3) time
            | JointKind.Ball -> turn position first velocity dof time
            | _ -> position[first] <- position[first] + time * velocity[dof]

    /// Semi-implicit Euler: velocity first, with joint damping taken implicitly, then position with the new velocity.
    let private euler (w: Workspace) =
        let model = w.Model
        let size = model.DofCount
        let time = model.Options.Timestep

        if model.HasDamping then
            Array.Copy(w.MassMatrix, w.Hessian, w.Hessian.Length)

            for dof in 0 .. size - 1 do
                w.Hessian[dof * size + dof] <- w.Hessian[dof * size + dof] + time * model.Dofs[dof].Damping
                w.Direction[dof] <- w.Smooth[dof] + w.ConstraintForce[dof]

            MassMatrix.factor model (Span w.Hessian) (Span w.Product)
            MassMatrix.solve model (ReadOnlySpan w.Hessian) (ReadOnlySpan w.Product) (Span w.Direction)
        else
            Array.Copy(w.Acceleration, w.Direction, size)

        for dof in 0 .. size - 1 do
            w.Velocity[dof] <- w.Velocity[dof] + time * w.Direction[dof]

        advance model w.Position w.Velocity time

    /// The classical Runge-Kutta method of order 4 (Kutta 1901); the first stage has been evaluated.
    let private rungeKutta (w: Workspace) =
        let model = w.Model
        let size = model.DofCount
        let time = model.Options.Timestep
        Array.Copy(w.Position, w.StartPosition, w.Position.Length)
        Array.Copy(w.Velocity, w.StartVelocity, size)
        Array.Clear w.SumVelocity
        Array.Clear w.SumAcceleration

        let gather (weight: float) =
            for dof in 0 .. size - 1 do
                w.SumVelocity[dof] <- w.SumVelocity[dof] + weight * w.Velocity[dof]
                w.SumAcceleration[dof] <- w.SumAcceleration[dof] + weight * w.Acceleration[dof]

        let stage (share: float) =
            Array.Copy(w.Velocity, w.StageVelocity, size)
            Array.Copy(w.StartPosition, w.Position, w.Position.Length)
            advance model w.Position w.StageVelocity (share * time)

            for dof in 0 .. size - 1 do
                w.Velocity[dof] <- w.StartVelocity[dof] + share * time * w.Acceleration[dof]

            evaluate w

        gather (1.0 / 6.0)
        stage 0.5
        gather (1.0 / 3.0)
        stage 0.5
        gather (1.0 / 3.0)
        stage 1.0
        gather (1.0 / 6.0)
        Array.Copy(w.StartPosition, w.Position, w.Position.Length)
        advance model w.Position w.SumVelocity time

        for dof in 0 .. size - 1 do
            w.Velocity[dof] <- w.StartVelocity[dof] + time * w.SumAcceleration[dof]

    let private areSane (numbers: float[]) =
        let mutable sane = true

        for number in numbers do
            sane <- sane && abs number <= 1e10

        sane

    /// Whether positions and velocities are numbers that mean something: within ±1e10.
    let isSane (w: Workspace) = areSane w.Position && areSane w.Velocity

    /// The reference pose at rest.
    let reset (w: Workspace) =
        Array.Copy(w.Model.Positions0, w.Position, w.Position.Length)
        Array.Clear w.Velocity
        Array.Clear w.WarmStart
        Array.Clear w.Control

    /// One step of the model's time step under the controls.
    let step (w: Workspace) : StepResult =
        let mutable result = StepResult.Done

        if not (isSane w) then
            reset w
            result <- StepResult.Reset

        evaluate w

        if not (areSane w.Acceleration) then
            reset w
            result <- StepResult.Reset
            evaluate w

        match w.Model.Options.Integrator with
        | Integrator.Euler -> euler w
        | _ -> rungeKutta w

        result
