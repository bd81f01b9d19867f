/// Where everything is, for eight copies: `Kinematics` in lanes, operation by operation.
namespace Rl.Core.Environments.Robots

open System.Runtime.CompilerServices
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal FleetKinematics =

    /// R v for a vector of the model's and the rotation whose columns begin at `index`.
    let inline apply (rotations: LaneArray) (index: int) (v: Vector3D) : LaneVector =
        Lane.all v.X *. rotations.Vector index
        +. Lane.all v.Y *. rotations.Vector(index + 3)
        +. Lane.all v.Z *. rotations.Vector(index + 6)

    /// The columns of the matrix of a unit quaternion.
    let inline private columnX (q: LaneQuaternion) =
        LaneVector(
            q.W * q.W + q.X * q.X - q.Y * q.Y - q.Z * q.Z,
            Lane.all 2.0 * (q.X * q.Y + q.W * q.Z),
            Lane.all 2.0 * (q.X * q.Z - q.W * q.Y)
        )

    let inline private columnY (q: LaneQuaternion) =
        LaneVector(
            Lane.all 2.0 * (q.X * q.Y - q.W * q.Z),
            q.W * q.W - q.X * q.X + q.Y * q.Y - q.Z * q.Z,
            Lane.all 2.0 * (q.Y * q.Z + q.W * q.X)
        )

    let inline private columnZ (q: LaneQuaternion) =
        LaneVector(
            Lane.all 2.0 * (q.X * q.Z + q.W * q.Y),
            Lane.all 2.0 * (q.Y * q.Z - q.W * q.X),
            q.W * q.W - q.X * q.X - q.Y * q.Y + q.Z * q.Z
        )

    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let private writeRotation (q: inref<LaneQuaternion>) (rotations: LaneArray) (index: int) =
        let q = q
        rotations.Put(index, columnX q)
        rotations.Put(index + 3, columnY q)
        rotations.Put(index + 6, columnZ q)

    /// The turns by angles (rad) about unit axes.
    let private ofAxis (axis: inref<LaneVector>) (angle: Lanes) : LaneQuaternion =
        let mutable sine = Lane.zero
        let mutable cosine = Lane.zero
        SineCosine.vector512 (Lane.all 0.5 * angle, &sine, &cosine)
        LaneQuaternion(cosine, sine * axis.X, sine * axis.Y, sine * axis.Z)

    let private normaliseAt (numbers: LaneArray) (index: int) =
        numbers.Put(index, LaneQuaternion.normalise (numbers.Quaternion index))

    /// Makes the quaternions of the positions unit.
    let normalise (f: FleetWorkspace) =
        for joint in f.Model.Joints do
            match joint.Kind with
            | JointKind.Free -> normaliseAt f.Position (joint.PositionIndex + 3)
            | JointKind.Ball -> normaliseAt f.Position joint.PositionIndex
            | _ -> ()

    /// Where a parent carries a body to.
    let private carry (f: FleetWorkspace) (index: int) (body: Body) =
        let parent = body.Parent

        f.BodyPosition.Put(
            3 * index,
            f.BodyPosition.Vector(3 * parent) +. apply f.BodyRotation (9 * parent) body.Position
        )

        let carried =
            LaneQuaternion.product (f.BodyOrientation.Quaternion(4 * parent)) (LaneQuaternion.all body.Orientation)

        f.BodyOrientation.Put(4 * index, carried)

    /// Turns a body by a hinge or ball about its anchor; its rotation is that before the turn, and becomes that after.
    let private turn (f: FleetWorkspace) (index: int) (number: int) (joint: Joint) =
        let turn =
            if joint.Kind = JointKind.Hinge then
                let axis = LaneVector.all joint.Axis
                let first = joint.PositionIndex
                ofAxis &axis (f.Position[first] - Lane.all f.Model.Positions0[first])
            else
                f.Position.Quaternion joint.PositionIndex

        let turned = LaneQuaternion.product (f.BodyOrientation.Quaternion(4 * index)) turn
        f.BodyOrientation.Put(4 * index, turned)
        writeRotation &turned f.BodyRotation (9 * index)
        let arm = apply f.BodyRotation (9 * index) joint.Anchor
        f.BodyPosition.Put(3 * index, f.JointAnchor.Vector(3 * number) -. arm)

    let private move (f: FleetWorkspace) (index: int) (number: int) =
        let joint = f.Model.Joints[number]
        let first = joint.PositionIndex

        if joint.Kind = JointKind.Free then
            let position = f.Position.Vector first
            f.BodyPosition.Put(3 * index, position)
            f.BodyOrientation.Put(4 * index, f.Position.Quaternion(first + 3))
            f.JointAnchor.Put(3 * number, position)
            f.JointAxis.Put(3 * number, LaneVector.all joint.Axis)
        else
            let orientation = f.BodyOrientation.Quaternion(4 * index)
            writeRotation &orientation f.BodyRotation (9 * index)
            let axis = apply f.BodyRotation (9 * index) joint.Axis
            let position = f.BodyPosition.Vector(3 * index)
            f.JointAnchor.Put(3 * number, position +. apply f.BodyRotation (9 * index) joint.Anchor)
            f.JointAxis.Put(3 * number, axis)

            if joint.Kind = JointKind.Slide then
                let slid = f.Position[first] - Lane.all f.Model.Positions0[first]
                f.BodyPosition.Put(3 * index, position +. slid *. axis)
            else
                turn f index number joint

    /// The frames of a body whose joints have moved it.
    let private settle (f: FleetWorkspace) (index: int) (body: Body) =
        let orientation = LaneQuaternion.normalise (f.BodyOrientation.Quaternion(4 * index))
        f.BodyOrientation.Put(4 * index, orientation)
        writeRotation &orientation f.BodyRotation (9 * index)

        f.CentrePosition.Put(
            3 * index,
            f.BodyPosition.Vector(3 * index) +. apply f.BodyRotation (9 * index) body.Centre
        )

    let private placeCentreFrame (f: FleetWorkspace) (index: int) (body: Body) =
        let frame =
            LaneQuaternion.product (f.BodyOrientation.Quaternion(4 * index)) (LaneQuaternion.all body.PrincipalAxes)

        writeRotation &frame f.CentreRotation (9 * index)

    let private placeGeom (f: FleetWorkspace) (index: int) =
        let geom = f.Model.Geoms[index]

        f.GeomPosition.Put(
            3 * index,
            f.BodyPosition.Vector(3 * geom.Body) +. apply f.BodyRotation (9 * geom.Body) geom.Position
        )

        let frame =
            LaneQuaternion.product (f.BodyOrientation.Quaternion(4 * geom.Body)) (LaneQuaternion.all geom.Orientation)

        f.GeomAxis.Put(3 * index, columnZ frame)

    /// The centre of mass of every subtree.
    let private findCentres (f: FleetWorkspace) =
        let bodies = f.Model.Bodies
        let centres = f.SubtreeCentre

        for index in 0 .. bodies.Length - 1 do
            centres.Put(3 * index, Lane.all bodies[index].Mass *. f.CentrePosition.Vector(3 * index))

        for index in bodies.Length - 1 .. -1 .. 1 do
            let parent = 3 * bodies[index].Parent
            centres.Put(parent, centres.Vector parent +. centres.Vector(3 * index))

        for index in 0 .. bodies.Length - 1 do
            let mass = bodies[index].SubtreeMass

            if mass < 1e-15 then
                centres.Put(3 * index, f.CentrePosition.Vector(3 * index))
            else
                centres.Put(3 * index, Lane.all (1.0 / mass) *. centres.Vector(3 * index))

    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let private placeInertia (f: FleetWorkspace) (index: int) (body: Body) =
        let d = f.CentrePosition.Vector(3 * index) -. f.SubtreeCentre.Vector(3 * body.Root)
        let mass = Lane.all body.Mass
        let ix, iy, iz = Lane.all body.Inertia.X, Lane.all body.Inertia.Y, Lane.all body.Inertia.Z
        let rotation, r = f.CentreRotation, 9 * index

        let inline entry (i: int) (j: int) =
            ix * rotation[r + i] * rotation[r + j]
            + iy * rotation[r + 3 + i] * rotation[r + 3 + j]
            + iz * rotation[r + 6 + i] * rotation[r + 6 + j]

        let target, first = f.Inertia, 10 * index
        target[first] <- entry 0 0 + mass * (d.Y * d.Y + d.Z * d.Z)
        target[first + 1] <- entry 1 1 + mass * (d.X * d.X + d.Z * d.Z)
        target[first + 2] <- entry 2 2 + mass * (d.X * d.X + d.Y * d.Y)
        target[first + 3] <- entry 0 1 - mass * d.X * d.Y
        target[first + 4] <- entry 0 2 - mass * d.X * d.Z
        target[first + 5] <- entry 1 2 - mass * d.Y * d.Z
        target.Put(first + 6, mass *. d)
        target[first + 9] <- mass

    let private placeMotions (f: FleetWorkspace) (number: int) =
        let joint = f.Model.Joints[number]
        let dof = 6 * joint.DofIndex
        let motion = f.Motion
        let none = LaneVector(Lane.zero, Lane.zero, Lane.zero)
        let arm = f.SubtreeCentre.Vector(3 * f.Model.Bodies[joint.Body].Root) -. f.JointAnchor.Vector(3 * number)

        match joint.Kind with
        | JointKind.Slide ->
            motion.Put(dof, none)
            motion.Put(dof + 3, f.JointAxis.Vector(3 * number))
        | JointKind.Hinge ->
            let axis = f.JointAxis.Vector(3 * number)
            motion.Put(dof, axis)
            motion.Put(dof + 3, LaneVector.cross axis arm)
        | kind ->
            let turning = if kind = JointKind.Free then dof + 18 else dof

            for axis in 0..2 do
                if kind = JointKind.Free then
                    motion.Put(dof + 6 * axis, none)
                    motion.Put(dof + 6 * axis + 3, LaneVector.all (Vector3D.unit axis))

                let column = f.BodyRotation.Vector(9 * joint.Body + 3 * axis)
                motion.Put(turning + 6 * axis, column)
                motion.Put(turning + 6 * axis + 3, LaneVector.cross column arm)

    /// Everything that follows from the positions alone, up to inertias and motions.
    let place (f: FleetWorkspace) =
        let model = f.Model
        normalise f

        for index in 1 .. model.Bodies.Length - 1 do
            let body = model.Bodies[index]
            carry f index body

            for number in body.FirstJoint .. body.FirstJoint + body.JointCount - 1 do
                move f index number

            settle f index body
            placeCentreFrame f index body

        for index in 0 .. model.Geoms.Length - 1 do
            if f.IsUsed[index] then placeGeom f index

        findCentres f

        for index in 1 .. model.Bodies.Length - 1 do
            placeInertia f index model.Bodies[index]

        for number in 0 .. model.Joints.Length - 1 do
            placeMotions f number

    /// The turn of the quaternions at an index by angular velocities over a time.
    let private spin (positions: LaneArray) (first: int) (velocities: LaneArray) (dof: int) (time: float) =
        let spin = Lane.all time *. velocities.Vector dof
        let size = Lane.sqrt (LaneVector.dot spin spin)
        let isSmall = Lane.less size (Lane.all 1e-15)
        let axis = (Lane.all 1.0 / size) *. spin
        let turn = ofAxis &axis size

        let turn =
            LaneQuaternion(
                Lane.select isSmall (Lane.all 1.0) turn.W,
                Lane.select isSmall Lane.zero turn.X,
                Lane.select isSmall Lane.zero turn.Y,
                Lane.select isSmall Lane.zero turn.Z
            )

        positions.Put(first, LaneQuaternion.normalise (LaneQuaternion.product (positions.Quaternion first) turn))

    /// Moves positions along velocities for a time; quaternions turn.
    let advance (model: RobotModel) (positions: LaneArray) (velocities: LaneArray) (time: float) =
        for joint in model.Joints do
            let first, dof = joint.PositionIndex, joint.DofIndex

            match joint.Kind with
            | JointKind.Free ->
                for axis in 0..2 do
                    positions[first + axis] <- positions[first + axis] + Lane.all time * velocities[dof + axis]

                spin positions (first + 3) velocities (dof + 3) time
            | JointKind.Ball -> spin positions first velocities dof time
            | _ -> positions[first] <- positions[first] + Lane.all time * velocities[dof]
