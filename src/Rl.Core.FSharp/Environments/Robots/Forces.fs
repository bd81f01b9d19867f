/// Forces that do not come from contacts or limits: bias, springs, damping, the medium, actuators.
namespace Rl.Core.Environments.Robots

open System

/// What a medium does to a body, by its principal axes: force −(−Slow v + Drag |v| v), torque likewise by Turn and
/// Swirl.
[<Struct; NoComparison>]
type internal Medium = { Slow: float; Turn: float; Drag: Vector3D; Swirl: Vector3D }

/// Source: MuJoCo's documentation, chapter "Computation"; recursive Newton-Euler: Featherstone (2008), chapter 5.3.
[<RequireQualifiedAccess>]
module internal Forces =

    /// Velocities of bodies, and of the degrees of freedom's motions.
    let velocities (w: Workspace) =
        let model = w.Model

        for index in 1 .. model.Bodies.Length - 1 do
            let body = model.Bodies[index]
            let mutable velocity = w.BodyVelocity[body.Parent]

            for number in body.FirstJoint .. body.FirstJoint + body.JointCount - 1 do
                let joint = model.Joints[number]
                let first = joint.DofIndex

                let turning =
                    match joint.Kind with
                    | JointKind.Free ->
                        for dof in first .. first + 2 do
                            w.MotionRate[dof] <- Spatial.zero
                            velocity <- velocity + w.Velocity[dof] * w.Motion[dof]

                        first + 3
                    | _ -> first

                let last =
                    match joint.Kind with
                    | JointKind.Free -> first + 5
                    | JointKind.Ball -> first + 2
                    | _ -> first

                // All rotations of one joint change with the velocity before them.
                let before = velocity

                for dof in turning..last do
                    w.MotionRate[dof] <- Spatial.crossMotion before w.Motion[dof]
                    velocity <- velocity + w.Velocity[dof] * w.Motion[dof]

            w.BodyVelocity[index] <- velocity

    /// The bias c(q, q̇): Coriolis, centrifugal and gravity forces, the forces of zero acceleration.
    let bias (w: Workspace) =
        let model = w.Model
        w.BodyAcceleration[0] <- Spatial(Vector3D.zero, -model.Options.Gravity)

        for index in 1 .. model.Bodies.Length - 1 do
            let body = model.Bodies[index]
            let mutable acceleration = w.BodyAcceleration[body.Parent]

            for dof in body.FirstDof .. body.FirstDof + body.DofCount - 1 do
                acceleration <- acceleration + w.Velocity[dof] * w.MotionRate[dof]

            w.BodyAcceleration[index] <- acceleration
            let velocity = w.BodyVelocity[index]
            let momentum = SpatialInertia.apply w.Inertia[index] velocity

            w.BodyForce[index] <-
                SpatialInertia.apply w.Inertia[index] acceleration + Spatial.crossForce velocity momentum

        for index in model.Bodies.Length - 1 .. -1 .. 1 do
            let parent = model.Bodies[index].Parent

            if parent > 0 then
                w.BodyForce[parent] <- w.BodyForce[parent] + w.BodyForce[index]

        for dof in 0 .. model.DofCount - 1 do
            w.Bias[dof] <- Spatial.dot w.Motion[dof] w.BodyForce[model.Dofs[dof].Body]

    /// A force and a torque (world axes) at a body's centre of mass, as forces on the degrees of freedom.
    let private push (w: Workspace) (index: int) (force: Vector3D) (torque: Vector3D) =
        let arm = w.CentrePosition[index] - w.SubtreeCentre[w.Model.Bodies[index].Root]
        let wrench = Spatial(torque + Vector3D.cross arm force, force)
        let mutable dof = w.Model.Bodies[index].LastDof

        while dof >= 0 do
            w.Passive[dof] <- w.Passive[dof] + Spatial.dot w.Motion[dof] wrench
            dof <- w.Model.Dofs[dof].Parent

    /// What a medium does to the box that has a body's inertia.
    let medium (model: RobotModel) (body: Body) : Medium =
        let options = model.Options
        let i = body.Inertia
        let side (sum: float) = Math.Sqrt(Math.Max(1e-15, sum) / body.Mass * 6.0)
        let bx, by, bz = side (i.Y + i.Z - i.X), side (i.X + i.Z - i.Y), side (i.X + i.Y - i.Z)
        let diameter = (bx + by + bz) / 3.0
        let half = 0.5 * options.Density
        let power4 (x: float) = x * x * x * x
        let swirl = options.Density / 64.0

        {
            Slow = -3.0 * Math.PI * diameter * options.Viscosity
            Turn = -Math.PI * diameter * diameter * diameter * options.Viscosity
            Drag = half * Vector3D(by * bz, bx * bz, bx * by)
            Swirl =
                swirl
                * Vector3D(bx * (power4 by + power4 bz), by * (power4 bx + power4 bz), bz * (power4 bx + power4 by))
        }

    /// Drag and viscosity of the medium on a body.
    let private fluid (w: Workspace) (index: int) =
        let body = w.Model.Bodies[index]
        let medium = medium w.Model body
        let arm = w.CentrePosition[index] - w.SubtreeCentre[body.Root]
        let velocity = w.BodyVelocity[index]
        let linear = velocity.Linear + Vector3D.cross velocity.Angular arm - w.Model.Options.Wind
        let v = Rotation.applyInverse w.CentreRotation[index] linear
        let r = Rotation.applyInverse w.CentreRotation[index] velocity.Angular
        let resist (slow: float) (fast: float) (x: float) = slow * x - fast * (abs x * x)
        let drag, swirl = medium.Drag, medium.Swirl

        let force =
            Vector3D(resist medium.Slow drag.X v.X, resist medium.Slow drag.Y v.Y, resist medium.Slow drag.Z v.Z)

        let torque =
            Vector3D(resist medium.Turn swirl.X r.X, resist medium.Turn swirl.Y r.Y, resist medium.Turn swirl.Z r.Z)

        push w index (Rotation.apply w.CentreRotation[index] force) (Rotation.apply w.CentreRotation[index] torque)

    /// Springs, damping and the medium.
    let passive (w: Workspace) =
        let model = w.Model

        for dof in 0 .. model.DofCount - 1 do
            w.Passive[dof] <- -model.Dofs[dof].Damping * w.Velocity[dof]

        for joint in model.Joints do
            if joint.Stiffness > 0.0 then
                let stretch = w.Position[joint.PositionIndex] - model.SpringPositions[joint.PositionIndex]
                w.Passive[joint.DofIndex] <- w.Passive[joint.DofIndex] - joint.Stiffness * stretch

        if model.Options.Density > 0.0 || model.Options.Viscosity > 0.0 then
            for index in 1 .. model.Bodies.Length - 1 do
                if model.Bodies[index].Mass >= 1e-15 then fluid w index

    /// A force of an actuator at a site, as forces on the degrees of freedom.
    let private pushAtSite (w: Workspace) (actuator: Actuator) (force: float) =
        let rotation = w.BodyRotation[actuator.Body]
        let arm = w.BodyPosition[actuator.Body] - w.SubtreeCentre[w.Model.Bodies[actuator.Body].Root]
        let push = Rotation.apply rotation actuator.Push
        let wrench = Spatial(Rotation.apply rotation actuator.Twist + Vector3D.cross arm push, push)
        let mutable dof = w.Model.Bodies[actuator.Body].LastDof

        while dof >= 0 do
            w.Actuation[dof] <- w.Actuation[dof] + force * Spatial.dot w.Motion[dof] wrench
            dof <- w.Model.Dofs[dof].Parent

    /// Actuators' forces, and theirs on the degrees of freedom. Controls are clamped here, not in the state.
    let actuation (w: Workspace) =
        let model = w.Model
        Array.Clear w.Actuation

        for index in 0 .. model.Actuators.Length - 1 do
            let actuator = model.Actuators[index]
            let control = w.Control[index]

            let control =
                if actuator.HasControlRange then
                    Math.Clamp(control, actuator.ControlLow, actuator.ControlHigh)
                else
                    control

            let bias = actuator.Bias

            let force =
                if actuator.Joint < 0 then
                    actuator.Gain * control + bias.X
                else
                    let joint = model.Joints[actuator.Joint]
                    let length = actuator.Gear * w.Position[joint.PositionIndex]
                    let speed = actuator.Gear * w.Velocity[joint.DofIndex]
                    actuator.Gain * control + bias.X + bias.Y * length + bias.Z * speed

            let force =
                if actuator.HasForceRange then
                    Math.Clamp(force, actuator.ForceLow, actuator.ForceHigh)
                else
                    force

            w.ActuatorForce[index] <- force

            if actuator.Joint < 0 then
                pushAtSite w actuator force
            else
                let dof = model.Joints[actuator.Joint].DofIndex
                w.Actuation[dof] <- w.Actuation[dof] + actuator.Gear * force

    /// The acceleration without constraints: M⁻¹(passive − bias + actuation).
    let smooth (w: Workspace) =
        for dof in 0 .. w.Model.DofCount - 1 do
            w.Smooth[dof] <- w.Passive[dof] - w.Bias[dof] + w.Actuation[dof]

        Array.Copy(w.Smooth, w.SmoothAcceleration, w.Smooth.Length)

        MassMatrix.solve w.Model (ReadOnlySpan w.Factor) (ReadOnlySpan w.InverseDiagonal) (Span w.SmoothAcceleration)

    /// Potential energy −Σ m g·x + ½ Σ k (q − q₀)², in J.
    let potentialEnergy (w: Workspace) =
        let model = w.Model
        let mutable energy = 0.0

        for index in 1 .. model.Bodies.Length - 1 do
            energy <- energy - model.Bodies[index].Mass * Vector3D.dot model.Options.Gravity w.CentrePosition[index]

        for joint in model.Joints do
            if joint.Stiffness > 0.0 then
                let stretch = w.Position[joint.PositionIndex] - model.SpringPositions[joint.PositionIndex]
                energy <- energy + 0.5 * joint.Stiffness * stretch * stretch

        energy

    /// Kinetic energy ½ q̇ᵀ M q̇, with armature, in J.
    let kineticEnergy (w: Workspace) =
        MassMatrix.multiply w (ReadOnlySpan w.Velocity) (Span w.Product)
        0.5 * Array.fold2 (fun sum a b -> sum + a * b) 0.0 w.Velocity w.Product
