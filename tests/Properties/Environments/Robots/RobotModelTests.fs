/// Compiled robots against MuJoCo's compiler.
module Rl.Tests.Environments.Robots.RobotModelTests

open System
open Rl.Core.Environments.Robots
open Rl.Tests.Golden
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

/// R diag(I) Rᵀ about the centre of mass: principal axes may come in another order.
let private tensor (axes: Quaternion) (inertia: Vector3D) =
    SpatialInertia.toArray (SpatialInertia.create (Quaternion.toRotation axes) inertia 0.0 Vector3D.zero)

let private node (node: GoldenNode) = node.AsArray.Values
let private vectorOf (v: float[]) = Vector3D(v[0], v[1], v[2])
let private quaternionOf (q: float[]) = Quaternion(q[0], q[1], q[2], q[3])

let private softness (s: Softness) = [| s.Minimum; s.Maximum; s.Width; s.Midpoint; s.Power |]
let private reference (s: Softness) = [| s.TimeConstant; s.DampingRatio |]

/// A rotation is two quaternions.
let private turned (q: Quaternion) = Rotation.rows (Quaternion.toRotation (Quaternion.normalise q))

let private checkBody (model: RobotModel) (index: int) (recorded: GoldenNode) =
    let body = model.Bodies[index]
    Assert.Equal(recorded.Int "parent", body.Parent)
    Assert.Equal(recorded.Int "rootid", body.Root)
    Assert.Equal(recorded.Int "weldid", body.Welded)
    close 1e-12 recorded "pos" (numbers body.Position)
    Golden.close 1e-12 0.0 recorded "quat" (turned (quaternionOf (recorded.Floats "quat"))) (turned body.Orientation)
    close 1e-12 recorded "ipos" (numbers body.Centre)
    close 1e-12 recorded "mass" [| body.Mass |]
    close 1e-12 recorded "subtreemass" [| body.SubtreeMass |]

    let expected = tensor (quaternionOf (recorded.Floats "iquat")) (vectorOf (recorded.Floats "inertia"))
    Golden.close 1e-13 1e-11 recorded "inertia" expected (tensor body.PrincipalAxes body.Inertia)

    // MuJoCo counts armature for bodies that only slide up to 2.3; since 3.0 it does not, nor do we.
    let joints = model.Joints[body.FirstJoint .. body.FirstJoint + body.JointCount - 1]

    let isSliding =
        joints.Length > 0
        && joints |> Array.forall (fun joint -> joint.Kind = JointKind.Slide)
        && not (model.Bodies |> Array.exists (fun other -> other.Parent = index))

    let weights =
        if isSliding then
            [| 1.0 / recorded.Float "mass"; 0.0 |]
        else
            recorded.Floats "invweight0"

    Golden.close 1e-12 1e-12 recorded "invweight0" weights [| body.TranslationalWeight; body.RotationalWeight |]
    isSliding

let private checkJoint (model: RobotModel) (isSliding: bool[]) (index: int) (recorded: GoldenNode) =
    let joint = model.Joints[index]
    Assert.Equal(recorded.Text "type", joint.Kind.ToString().ToLowerInvariant())
    Assert.Equal(recorded.Int "body", joint.Body)
    Assert.Equal(recorded.Int "qposadr", joint.PositionIndex)
    Assert.Equal(recorded.Int "dofadr", joint.DofIndex)
    Assert.Equal(recorded.Flag "limited", joint.IsLimited)
    close 1e-12 recorded "pos" (numbers joint.Anchor)
    close 1e-12 recorded "axis" (numbers joint.Axis)
    close 1e-12 recorded "range" [| joint.Low; joint.High |]
    // A margin of a joint without limits does nothing; ours has none then.
    if joint.IsLimited then close 0.0 recorded "margin" [| joint.Margin |]
    close 0.0 recorded "stiffness" [| joint.Stiffness |]
    close 0.0 recorded "solref" (reference joint.Softness)

    if joint.Kind <> JointKind.Free then
        close 0.0 recorded "solimp" (softness joint.Softness)

    for offset, dof in List.indexed recorded["dofs"].Items do
        let own = model.Dofs[joint.DofIndex + offset]
        close 0.0 dof "armature" [| own.Armature |]
        close 0.0 dof "damping" [| own.Damping |]
        close 0.0 dof "parent" [| float own.Parent |]

        let weight =
            if isSliding[joint.Body] then
                1.0 / model.Bodies[joint.Body].Mass
            else
                dof.Float "invweight0"

        Golden.close 1e-12 1e-12 dof "invweight0" [| weight |] [| own.InverseWeight |]

let private checkGeom (model: RobotModel) (index: int) (recorded: GoldenNode) =
    let geom = model.Geoms[index]

    let measures =
        match geom.Kind with
        | GeomKind.Sphere -> 1
        | GeomKind.Plane -> 0
        | _ -> 2

    Assert.Equal(recorded.Text "type", geom.Kind.ToString().ToLowerInvariant())
    Assert.Equal(recorded.Int "body", geom.Body)
    let size, own = recorded.Floats "size", numbers geom.Size
    Golden.close 1e-12 0.0 recorded "size" size[.. measures - 1] own[.. measures - 1]
    close 1e-12 recorded "pos" (numbers geom.Position)
    Golden.close 1e-12 0.0 recorded "quat" (turned (quaternionOf (recorded.Floats "quat"))) (turned geom.Orientation)
    // Spinning and rolling friction need contacts of more dimensions than 3.
    let friction = recorded.Floats "friction"
    Golden.closeNumber 0.0 0.0 recorded "friction" friction[0] geom.Friction.X
    Assert.Equal(recorded.Int "condim", geom.Dimension)
    Assert.Equal(recorded.Int "contype", geom.ContactType)
    Assert.Equal(recorded.Int "conaffinity", geom.ContactAffinity)
    close 0.0 recorded "margin" [| geom.Margin |]
    close 0.0 recorded "gap" [| geom.Gap |]
    close 0.0 recorded "solref" (reference geom.Softness)
    close 0.0 recorded "solimp" (softness geom.Softness)

let private checkModel (case: GoldenNode) =
    let model = model case.Id
    let options = case["options"]
    close 0.0 options "timestep" [| model.Options.Timestep |]
    close 0.0 options "gravity" (numbers model.Options.Gravity)
    close 0.0 options "density" [| model.Options.Density |]
    close 0.0 options "viscosity" [| model.Options.Viscosity |]
    Assert.Equal(options.Int "integrator", int model.Options.Integrator)
    Assert.Equal(options.Int "solver", int model.Options.Solver)
    Assert.Equal(options.Int "iterations", model.Options.Iterations)
    close 0.0 options "tolerance" [| model.Options.Tolerance |]
    close 1e-12 case "totalmass" [| model.TotalMass |]
    close 1e-12 case["stat"] "meaninertia" [| model.MeanInertia |]
    close 1e-12 case "qpos0" model.Positions0
    close 1e-12 case "qpos_spring" model.SpringPositions
    Assert.Equal(case["bodies"].Items.Length, model.Bodies.Length)
    Assert.Equal(case["joints"].Items.Length, model.Joints.Length)
    Assert.Equal(case["geoms"].Items.Length, model.Geoms.Length)
    Assert.Equal(case["actuators"].Items.Length, model.Actuators.Length)
    Assert.Equal(case["tendons"].Items.Length, model.Tendons.Length)
    let isSliding = case["bodies"].Items |> List.mapi (checkBody model) |> Array.ofList
    case["joints"].Items |> List.iteri (checkJoint model isSliding)
    case["geoms"].Items |> List.iteri (checkGeom model)

    for index, recorded in List.indexed case["actuators"].Items do
        let actuator = model.Actuators[index]
        Assert.Equal(recorded.Int "trnid", actuator.Joint)
        let gear = recorded.Floats "gear"
        Golden.closeNumber 0.0 0.0 recorded "gear" gear[0] actuator.Gear
        close 0.0 recorded "ctrlrange" [| actuator.ControlLow; actuator.ControlHigh |]
        Assert.Equal(recorded.Flag "ctrllimited", actuator.HasControlRange)

    for index, recorded in List.indexed case["tendons"].Items do
        Assert.Equal<int[]>(recorded.Ints "joints", model.Tendons[index].Joints)
        close 0.0 recorded "coef" model.Tendons[index].Coefficients

    let pairs =
        [
            for pair in model.Pairs ->
                let kind (index: int) = model.Geoms[index].Kind.ToString().ToLowerInvariant()
                let low, high = min pair.First pair.Second, max pair.First pair.Second
                $"{low} {high} {kind low}-{kind high}"
        ]

    let recorded =
        [
            for pair in case["possible_pairs"].Items ->
                let parts = pair.Items
                $"{int parts[0].AsFloat} {int parts[1].AsFloat} {parts[2].Element.GetString()}"
        ]

    // The recorded list is by geoms; the order by bodies, which ours has, shows in the contacts of the stages.
    Assert.Equal<string list>([], List.except pairs recorded)
    Assert.Equal<string list>([], List.except recorded pairs)

[<Theory>]
[<InlineData "inverted_pendulum">]
[<InlineData "inverted_double_pendulum">]
[<InlineData "reacher">]
[<InlineData "swimmer">]
[<InlineData "hopper">]
[<InlineData "half_cheetah">]
[<InlineData "walker2d">]
[<InlineData "walker2d_v4">]
[<InlineData "ant">]
[<InlineData "humanoid">]
[<InlineData "humanoidstandup">]
[<InlineData "pusher">]
[<InlineData "pusher_v4">]
let ``a robot compiles to the numbers that MuJoCo compiles`` (name: string) = Golden.verify $"model_{name}" checkModel
