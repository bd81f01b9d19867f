/// What acts on the bodies of a robot after an evaluation: accelerations, forces between bodies, tendons.
namespace Rl.Core.Environments.Robots

/// Source: MuJoCo's documentation of `mj_rnePostConstraint`. All are com-based, like velocities.
[<RequireQualifiedAccess>]
module internal BodyForces =

    /// The accelerations of bodies under the solved acceleration; that of the world is gravity's opposite, as an
    /// accelerometer feels it.
    let accelerations (w: Workspace) =
        let model = w.Model
        w.BodyAcceleration[0] <- Spatial(Vector3D.zero, -model.Options.Gravity)

        for index in 1 .. model.Bodies.Length - 1 do
            let body = model.Bodies[index]
            let mutable acceleration = w.BodyAcceleration[body.Parent]

            for dof in body.FirstDof .. body.FirstDof + body.DofCount - 1 do
                acceleration <- acceleration + w.Velocity[dof] * w.MotionRate[dof] + w.Acceleration[dof] * w.Motion[dof]

            w.BodyAcceleration[index] <- acceleration

    /// The forces with which parents hold bodies, those of contacts left out; after `accelerations` and
    /// `ContactSearch.forces`. That of the world is what the whole robot rests with on it.
    let interactions (w: Workspace) =
        let model = w.Model
        w.BodyForce[0] <- Spatial.zero

        for index in 1 .. model.Bodies.Length - 1 do
            let momentum = SpatialInertia.apply w.Inertia[index] w.BodyVelocity[index]

            w.BodyForce[index] <-
                SpatialInertia.apply w.Inertia[index] w.BodyAcceleration[index]
                + Spatial.crossForce w.BodyVelocity[index] momentum
                + (-1.0) * w.ContactForce[index]

        for index in model.Bodies.Length - 1 .. -1 .. 1 do
            let parent = model.Bodies[index].Parent
            w.BodyForce[parent] <- w.BodyForce[parent] + w.BodyForce[index]

    /// The length of a tendon: the weighted sum of its joints' positions.
    let tendonLength (w: Workspace) (tendon: Tendon) =
        Array.fold2
            (fun sum joint coefficient -> sum + coefficient * w.Position[w.Model.Joints[joint].PositionIndex])
            0.0
            tendon.Joints
            tendon.Coefficients

    /// The rate at which a tendon lengthens.
    let tendonVelocity (w: Workspace) (tendon: Tendon) =
        Array.fold2
            (fun sum joint coefficient -> sum + coefficient * w.Velocity[w.Model.Joints[joint].DofIndex])
            0.0
            tendon.Joints
            tendon.Coefficients
