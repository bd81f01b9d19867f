/// Where everything is: bodies, joints and shapes in the world, and com-based inertias and motions.
namespace Rl.Core.Environments.Robots

/// Source: MuJoCo's documentation, chapter "Computation", "Kinematics"; Featherstone (2008), chapter 4.
[<RequireQualifiedAccess>]
module internal Kinematics =

    let private quaternionAt (numbers: float[]) (first: int) =
        Quaternion(numbers[first], numbers[first + 1], numbers[first + 2], numbers[first + 3])

    let private put (numbers: float[]) (first: int) (q: Quaternion) =
        numbers[first] <- q.W
        numbers[first + 1] <- q.X
        numbers[first + 2] <- q.Y
        numbers[first + 3] <- q.Z

    /// Makes the quaternions of the position unit.
    let normalise (w: Workspace) =
        for joint in w.Model.Joints do
            match joint.Kind with
            | JointKind.Free ->
                put
                    w.Position
                    (joint.PositionIndex + 3)
                    (Quaternion.normalise (quaternionAt w.Position (joint.PositionIndex + 3)))
            | JointKind.Ball ->
                put w.Position joint.PositionIndex (Quaternion.normalise (quaternionAt w.Position joint.PositionIndex))
            | _ -> ()

    let private placeBody (w: Workspace) (index: int) =
        let model = w.Model
        let body = model.Bodies[index]
        let mutable position = w.BodyPosition[body.Parent] + Rotation.apply w.BodyRotation[body.Parent] body.Position
        let mutable orientation = w.BodyOrientation[body.Parent] * body.Orientation

        for number in body.FirstJoint .. body.FirstJoint + body.JointCount - 1 do
            let joint = model.Joints[number]
            let first = joint.PositionIndex

            match joint.Kind with
            | JointKind.Free ->
                position <- Vector3D(w.Position[first], w.Position[first + 1], w.Position[first + 2])
                orientation <- quaternionAt w.Position (first + 3)
                w.JointAnchor[number] <- position
                w.JointAxis[number] <- joint.Axis
            | kind ->
                let rotation = Quaternion.toRotation orientation
                let axis = Rotation.apply rotation joint.Axis
                let anchor = position + Rotation.apply rotation joint.Anchor
                w.JointAnchor[number] <- anchor
                w.JointAxis[number] <- axis

                if kind = JointKind.Slide then
                    position <- position + (w.Position[first] - model.Positions0[first]) * axis
                else
                    let turn =
                        if kind = JointKind.Hinge then
                            Quaternion.ofAxis joint.Axis (w.Position[first] - model.Positions0[first])
                        else
                            quaternionAt w.Position first

                    orientation <- orientation * turn
                    position <- anchor - Rotation.apply (Quaternion.toRotation orientation) joint.Anchor

        orientation <- Quaternion.normalise orientation
        w.BodyPosition[index] <- position
        w.BodyOrientation[index] <- orientation
        let rotation = Quaternion.toRotation orientation
        w.BodyRotation[index] <- rotation
        w.CentrePosition[index] <- position + Rotation.apply rotation body.Centre
        w.CentreRotation[index] <- Quaternion.toRotation (orientation * body.PrincipalAxes)

    /// The centre of mass of every subtree.
    let private findCentres (w: Workspace) =
        let bodies = w.Model.Bodies

        for index in 0 .. bodies.Length - 1 do
            w.SubtreeCentre[index] <- bodies[index].Mass * w.CentrePosition[index]

        for index in bodies.Length - 1 .. -1 .. 1 do
            let parent = bodies[index].Parent
            w.SubtreeCentre[parent] <- w.SubtreeCentre[parent] + w.SubtreeCentre[index]

        for index in 0 .. bodies.Length - 1 do
            let mass = bodies[index].SubtreeMass

            w.SubtreeCentre[index] <-
                if mass < 1e-15 then
                    w.CentrePosition[index]
                else
                    (1.0 / mass) * w.SubtreeCentre[index]

    /// The motions of a joint: a slide (0; a), a hinge (a; a × (c − o)), three of each for a free joint.
    let private placeMotions (w: Workspace) (number: int) =
        let joint = w.Model.Joints[number]
        let centre = w.SubtreeCentre[w.Model.Bodies[joint.Body].Root]
        let arm = centre - w.JointAnchor[number]

        match joint.Kind with
        | JointKind.Slide -> w.Motion[joint.DofIndex] <- Spatial(Vector3D.zero, w.JointAxis[number])
        | JointKind.Hinge ->
            let axis = w.JointAxis[number]
            w.Motion[joint.DofIndex] <- Spatial(axis, Vector3D.cross axis arm)
        | kind ->
            let turning = if kind = JointKind.Free then joint.DofIndex + 3 else joint.DofIndex

            for axis in 0..2 do
                if kind = JointKind.Free then
                    w.Motion[joint.DofIndex + axis] <- Spatial(Vector3D.zero, Vector3D.unit axis)

                let column = w.BodyRotation[joint.Body].Column axis
                w.Motion[turning + axis] <- Spatial(column, Vector3D.cross column arm)

    /// The place of a site on a body that is placed.
    let placeSite (w: Workspace) (index: int) =
        let site = w.Model.Sites[index]

        w.SitePosition[index] <- w.BodyPosition[site.Body] + Rotation.apply w.BodyRotation[site.Body] site.Position

    /// Everything that follows from the position alone, up to inertias and motions.
    let place (w: Workspace) =
        let model = w.Model
        normalise w

        for index in 1 .. model.Bodies.Length - 1 do
            placeBody w index

        for index in 0 .. model.Geoms.Length - 1 do
            let geom = model.Geoms[index]

            w.GeomPosition[index] <- w.BodyPosition[geom.Body] + Rotation.apply w.BodyRotation[geom.Body] geom.Position

            w.GeomRotation[index] <- Quaternion.toRotation (w.BodyOrientation[geom.Body] * geom.Orientation)

        for index in 0 .. model.Sites.Length - 1 do
            placeSite w index

        findCentres w

        for index in 1 .. model.Bodies.Length - 1 do
            let body = model.Bodies[index]
            let offset = w.CentrePosition[index] - w.SubtreeCentre[body.Root]
            w.Inertia[index] <- SpatialInertia.create w.CentreRotation[index] body.Inertia body.Mass offset

        for number in 0 .. model.Joints.Length - 1 do
            placeMotions w number

    /// The rows of the Jacobian of a point fixed to a body, times a direction and a factor, added to `row`.
    let addPointRow
        (w: Workspace)
        (body: int)
        (point: Vector3D)
        (direction: Vector3D)
        (factor: float)
        (row: System.Span<float>)
        =
        let model = w.Model
        let arm = point - w.SubtreeCentre[model.Bodies[body].Root]
        // direction · (v + ω × arm) = v · direction + ω · (arm × direction)
        let torque = factor * Vector3D.cross arm direction
        let force = factor * direction
        let mutable dof = model.Bodies[body].LastDof

        while dof >= 0 do
            let motion = w.Motion[dof]
            row[dof] <- row[dof] + Vector3D.dot motion.Linear force + Vector3D.dot motion.Angular torque
            dof <- model.Dofs[dof].Parent
