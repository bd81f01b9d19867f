/// Mass matrices and forces without contacts and limits, for eight copies: `MassMatrix` and `Forces` in lanes.
namespace Rl.Core.Environments.Robots

open System
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics

[<RequireQualifiedAccess>]
module internal FleetDynamics =

    /// The product of a motion and a force, whose parts begin at the indices.
    let inline private power (a: LaneArray) (i: int) (angular: LaneVector) (linear: LaneVector) : Lanes =
        LaneVector.dot (a.Vector i) angular + LaneVector.dot (a.Vector(i + 3)) linear

    /// Writes the momentum of a motion: torque I w + md × v, force m v − md × w.
    let private writeMomentum
        (inertias: LaneArray)
        (i: int)
        (motions: LaneArray)
        (m: int)
        (target: LaneArray)
        (t: int)
        =
        let w, v = motions.Vector m, motions.Vector(m + 3)
        let moment = inertias.Vector(i + 6)

        let turned =
            LaneVector(
                inertias[i] * w.X + inertias[i + 3] * w.Y + inertias[i + 4] * w.Z,
                inertias[i + 3] * w.X + inertias[i + 1] * w.Y + inertias[i + 5] * w.Z,
                inertias[i + 4] * w.X + inertias[i + 5] * w.Y + inertias[i + 2] * w.Z
            )

        target.Put(t, turned +. LaneVector.cross moment v)
        target.Put(t + 3, inertias[i + 9] *. v -. LaneVector.cross moment w)

    /// M from the composite inertias; armature on the diagonal.
    let fill (f: FleetWorkspace) =
        let model = f.Model
        let size = model.DofCount
        let matrix, composite = f.MassMatrix, f.CompositeInertia
        composite.CopyFrom(f.Inertia, f.Inertia.Count)

        for index in model.Bodies.Length - 1 .. -1 .. 1 do
            let parent = model.Bodies[index].Parent

            if parent > 0 then
                for number in 0..9 do
                    composite[10 * parent + number] <- composite[10 * parent + number] + composite[10 * index + number]

        for i in 0 .. size - 1 do
            let dof = model.Dofs[i]
            // The room of the biases' first body force is free until then.
            writeMomentum composite (10 * dof.Body) f.Motion (6 * i) f.BodyForce 0
            let angular, linear = f.BodyForce.Vector 0, f.BodyForce.Vector 3
            let mutable j = i

            while j >= 0 do
                let entry = power f.Motion (6 * j) angular linear
                matrix[i * size + j] <- entry
                matrix[j * size + i] <- entry
                j <- model.Dofs[j].Parent

            matrix[i * size + i] <- matrix[i * size + i] + Lane.all dof.Armature

    /// Factors matrices with M's pattern in place: L below the diagonal, D on it.
    let factor (model: RobotModel) (matrix: LaneArray) (inverseDiagonal: LaneArray) =
        let size = model.DofCount
        let dofs = model.Dofs

        for k in size - 1 .. -1 .. 0 do
            let pivot = Lane.all 1.0 / matrix[k * size + k]
            inverseDiagonal[k] <- pivot
            let mutable i = dofs[k].Parent

            while i >= 0 do
                let ratio = matrix[k * size + i] * pivot
                let mutable j = i

                while j >= 0 do
                    matrix[i * size + j] <- matrix[i * size + j] - ratio * matrix[k * size + j]
                    j <- dofs[j].Parent

                matrix[k * size + i] <- ratio
                i <- dofs[i].Parent

    /// x ← (Lᵀ D L)⁻¹ x.
    let solve (model: RobotModel) (factor: LaneArray) (inverseDiagonal: LaneArray) (x: LaneArray) =
        let size = model.DofCount
        let dofs = model.Dofs

        for i in size - 1 .. -1 .. 0 do
            let value = x[i]
            let mutable j = dofs[i].Parent

            while j >= 0 do
                x[j] <- x[j] - factor[i * size + j] * value
                j <- dofs[j].Parent

        for i in 0 .. size - 1 do
            let mutable value = x[i] * inverseDiagonal[i]
            let mutable j = dofs[i].Parent

            while j >= 0 do
                value <- value - factor[i * size + j] * x[j]
                j <- dofs[j].Parent

            x[i] <- value

    /// M and its factors of the present poses.
    let compute (f: FleetWorkspace) =
        fill f
        f.Factor.CopyFrom(f.MassMatrix, f.MassMatrix.Count)
        factor f.Model f.Factor f.InverseDiagonal

    /// result ← M x, along the tree.
    let multiply (f: FleetWorkspace) (x: LaneArray) (result: LaneArray) =
        let size = f.Model.DofCount
        let matrix, dofs = f.MassMatrix, f.Model.Dofs

        for i in 0 .. size - 1 do
            let mutable sum = matrix[i * size + i] * x[i]
            let mutable j = dofs[i].Parent

            while j >= 0 do
                let entry = matrix[i * size + j]
                sum <- sum + entry * x[j]
                result[j] <- result[j] + entry * x[i]
                j <- dofs[j].Parent

            result[i] <- sum

    /// Adds the motion of a degree of freedom at its speed to the six numbers from `index` on.
    let inline private addMotion (target: LaneArray) (index: int) (speed: Lanes) (motions: LaneArray) (dof: int) =
        target.Put(index, target.Vector index +. speed *. motions.Vector(6 * dof))
        target.Put(index + 3, target.Vector(index + 3) +. speed *. motions.Vector(6 * dof + 3))

    /// The rate of change of a motion that is carried by a velocity.
    let private writeRate (f: FleetWorkspace) (angular: inref<LaneVector>) (linear: inref<LaneVector>) (dof: int) =
        let wa, la = angular, linear
        let wb, lb = f.Motion.Vector(6 * dof), f.Motion.Vector(6 * dof + 3)
        f.MotionRate.Put(6 * dof, LaneVector.cross wa wb)
        f.MotionRate.Put(6 * dof + 3, LaneVector.cross wa lb +. LaneVector.cross la wb)

    /// Velocities of bodies, and of the degrees of freedom's motions.
    let velocities (f: FleetWorkspace) =
        let model = f.Model
        let none = LaneVector(Lane.zero, Lane.zero, Lane.zero)

        for index in 1 .. model.Bodies.Length - 1 do
            let body = model.Bodies[index]
            let place = 6 * index
            f.BodyVelocity.Put(place, f.BodyVelocity.Vector(6 * body.Parent))
            f.BodyVelocity.Put(place + 3, f.BodyVelocity.Vector(6 * body.Parent + 3))

            for number in body.FirstJoint .. body.FirstJoint + body.JointCount - 1 do
                let joint = model.Joints[number]
                let first = joint.DofIndex

                if joint.Kind = JointKind.Free then
                    for dof in first .. first + 2 do
                        f.MotionRate.Put(6 * dof, none)
                        f.MotionRate.Put(6 * dof + 3, none)
                        addMotion f.BodyVelocity place f.Velocity[dof] f.Motion dof

                let turning = if joint.Kind = JointKind.Free then first + 3 else first

                let last =
                    match joint.Kind with
                    | JointKind.Free -> first + 5
                    | JointKind.Ball -> first + 2
                    | _ -> first

                // All rotations of one joint change with the velocity before them.
                let angular, linear = f.BodyVelocity.Vector place, f.BodyVelocity.Vector(place + 3)

                for dof in turning..last do
                    writeRate f &angular &linear dof
                    addMotion f.BodyVelocity place f.Velocity[dof] f.Motion dof

    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let private writeForce (f: FleetWorkspace) (index: int) =
        let place = 6 * index
        // The momentum stands where the force will.
        writeMomentum f.Inertia (10 * index) f.BodyVelocity place f.BodyForce place
        let w, v = f.BodyVelocity.Vector place, f.BodyVelocity.Vector(place + 3)
        let torque, force = f.BodyForce.Vector place, f.BodyForce.Vector(place + 3)
        let crossTorque = LaneVector.cross w torque +. LaneVector.cross v force
        let crossForce = LaneVector.cross w force
        writeMomentum f.Inertia (10 * index) f.BodyAcceleration place f.BodyForce place
        f.BodyForce.Put(place, f.BodyForce.Vector place +. crossTorque)
        f.BodyForce.Put(place + 3, f.BodyForce.Vector(place + 3) +. crossForce)

    /// The bias c(q, q̇): Coriolis, centrifugal and gravity forces.
    let bias (f: FleetWorkspace) =
        let model = f.Model
        f.BodyAcceleration.Put(3, LaneVector.all -model.Options.Gravity)

        for index in 1 .. model.Bodies.Length - 1 do
            let body = model.Bodies[index]
            let place = 6 * index
            f.BodyAcceleration.Put(place, f.BodyAcceleration.Vector(6 * body.Parent))
            f.BodyAcceleration.Put(place + 3, f.BodyAcceleration.Vector(6 * body.Parent + 3))

            for dof in body.FirstDof .. body.FirstDof + body.DofCount - 1 do
                addMotion f.BodyAcceleration place f.Velocity[dof] f.MotionRate dof

            writeForce f index

        for index in model.Bodies.Length - 1 .. -1 .. 1 do
            let parent = model.Bodies[index].Parent

            if parent > 0 then
                for number in 0..5 do
                    f.BodyForce[6 * parent + number] <-
                        f.BodyForce[6 * parent + number] + f.BodyForce[6 * index + number]

        for dof in 0 .. model.DofCount - 1 do
            let place = 6 * model.Dofs[dof].Body
            f.Bias[dof] <- power f.Motion (6 * dof) (f.BodyForce.Vector place) (f.BodyForce.Vector(place + 3))

    /// Forces and torques (world axes) at a body's centre of mass, as forces on the degrees of freedom.
    let private push (f: FleetWorkspace) (index: int) (force: inref<LaneVector>) (torque: inref<LaneVector>) =
        let force = force
        let root = f.Model.Bodies[index].Root
        let arm = f.CentrePosition.Vector(3 * index) -. f.SubtreeCentre.Vector(3 * root)
        let torque = torque +. LaneVector.cross arm force
        let mutable dof = f.Model.Bodies[index].LastDof

        while dof >= 0 do
            f.Passive[dof] <- f.Passive[dof] + power f.Motion (6 * dof) torque force
            dof <- f.Model.Dofs[dof].Parent

    /// Drag and viscosity of the medium on the box that has the body's inertia.
    let private fluid (f: FleetWorkspace) (index: int) =
        let body = f.Model.Bodies[index]
        let options = f.Model.Options
        let medium = Forces.medium f.Model body
        let root = body.Root
        let arm = f.CentrePosition.Vector(3 * index) -. f.SubtreeCentre.Vector(3 * root)
        let angular = f.BodyVelocity.Vector(6 * index)

        let linear = f.BodyVelocity.Vector(6 * index + 3) +. LaneVector.cross angular arm -. LaneVector.all options.Wind

        let rx = f.CentreRotation.Vector(9 * index)
        let ry = f.CentreRotation.Vector(9 * index + 3)
        let rz = f.CentreRotation.Vector(9 * index + 6)
        let drag, swirl = medium.Drag, medium.Swirl

        let inline resist (slow: float) (fast: float) (x: Lanes) = Lane.all slow * x - Lane.all fast * (Lane.abs x * x)

        let fx = resist medium.Slow drag.X (LaneVector.dot rx linear)
        let fy = resist medium.Slow drag.Y (LaneVector.dot ry linear)
        let fz = resist medium.Slow drag.Z (LaneVector.dot rz linear)
        let tx = resist medium.Turn swirl.X (LaneVector.dot rx angular)
        let ty = resist medium.Turn swirl.Y (LaneVector.dot ry angular)
        let tz = resist medium.Turn swirl.Z (LaneVector.dot rz angular)
        let force = fx *. rx +. fy *. ry +. fz *. rz
        let torque = tx *. rx +. ty *. ry +. tz *. rz
        push f index &force &torque

    /// Springs, damping and the medium.
    let passive (f: FleetWorkspace) =
        let model = f.Model

        for dof in 0 .. model.DofCount - 1 do
            f.Passive[dof] <- Lane.all -model.Dofs[dof].Damping * f.Velocity[dof]

        for joint in model.Joints do
            if joint.Stiffness > 0.0 then
                let stretch = f.Position[joint.PositionIndex] - Lane.all model.SpringPositions[joint.PositionIndex]
                f.Passive[joint.DofIndex] <- f.Passive[joint.DofIndex] - Lane.all joint.Stiffness * stretch

        if model.Options.Density > 0.0 || model.Options.Viscosity > 0.0 then
            for index in 1 .. model.Bodies.Length - 1 do
                if model.Bodies[index].Mass >= 1e-15 then fluid f index

    /// `Math.Clamp`: NaN stays.
    let private clamp (low: float) (high: float) (x: Lanes) =
        let low, high = Lane.all low, Lane.all high
        Lane.select (Lane.less x low) low (Lane.select (Lane.less high x) high x)

    /// Forces of an actuator at a site, as forces on the degrees of freedom.
    let private pushAtSite (f: FleetWorkspace) (actuator: Actuator) (force: Lanes) =
        let place = 9 * actuator.Body
        let root = f.Model.Bodies[actuator.Body].Root
        let arm = f.BodyPosition.Vector(3 * actuator.Body) -. f.SubtreeCentre.Vector(3 * root)
        let push = FleetKinematics.apply f.BodyRotation place actuator.Push
        let twist = FleetKinematics.apply f.BodyRotation place actuator.Twist +. LaneVector.cross arm push
        let mutable dof = f.Model.Bodies[actuator.Body].LastDof

        while dof >= 0 do
            f.Actuation[dof] <- f.Actuation[dof] + force * power f.Motion (6 * dof) twist push
            dof <- f.Model.Dofs[dof].Parent

    /// Actuators' forces on the degrees of freedom.
    let actuation (f: FleetWorkspace) =
        let model = f.Model
        f.Actuation.Clear()

        for index in 0 .. model.Actuators.Length - 1 do
            let actuator = model.Actuators[index]
            let control = f.Control[index]

            let control =
                if actuator.HasControlRange then
                    clamp actuator.ControlLow actuator.ControlHigh control
                else
                    control

            let gear, bias = Lane.all actuator.Gear, actuator.Bias

            let force =
                if actuator.Joint < 0 then
                    Lane.all actuator.Gain * control + Lane.all bias.X
                else
                    let joint = model.Joints[actuator.Joint]
                    let length = gear * f.Position[joint.PositionIndex]
                    let speed = gear * f.Velocity[joint.DofIndex]

                    Lane.all actuator.Gain * control
                    + Lane.all bias.X
                    + Lane.all bias.Y * length
                    + Lane.all bias.Z * speed

            let force =
                if actuator.HasForceRange then
                    clamp actuator.ForceLow actuator.ForceHigh force
                else
                    force

            if actuator.Joint < 0 then
                pushAtSite f actuator force
            else
                let dof = model.Joints[actuator.Joint].DofIndex
                f.Actuation[dof] <- f.Actuation[dof] + gear * force

    /// The accelerations without constraints.
    let smooth (f: FleetWorkspace) =
        for dof in 0 .. f.Model.DofCount - 1 do
            let sum = f.Passive[dof] - f.Bias[dof] + f.Actuation[dof]
            f.Smooth[dof] <- sum
            f.SmoothAcceleration[dof] <- sum

        solve f.Model f.Factor f.InverseDiagonal f.SmoothAcceleration
