/// From the description of a robot to its numbers: masses, inertias, indices, and what holds in the reference pose.
namespace Rl.Core.Environments.Robots

open System
open System.IO

/// Compiles descriptions. Errors are `InvalidDataException`s.
[<RequireQualifiedAccess>]
module internal ModelCompiler =

    let private fail (line: int) (message: string) : 'T = raise (InvalidDataException $"Line {line}: {message}")

    let private show (body: BodyDescription) = if body.Name = "" then "the body" else $"the body \"{body.Name}\""

    let private checkNames (what: string) (names: seq<string>) =
        for name, count in names |> Seq.filter (fun name -> name <> "") |> Seq.countBy id do
            if count > 1 then
                raise (InvalidDataException $"There are {count} {what} with the name \"{name}\"; names must differ.")

    let private massOf (source: InertiaSource) (body: BodyDescription) : MassPart =
        let ofGeoms () =
            GeomMass.combine
                [
                    for part in body.Geoms do
                        let geom = part.Geom
                        let volume = GeomMass.volume geom.Kind geom.Size
                        let mass = part.GivenMass |> ValueOption.defaultValue (part.Density * volume)

                        if mass > 0.0 && volume > 0.0 then
                            {
                                Mass = mass
                                Position = geom.Position
                                Orientation = geom.Orientation
                                Inertia = GeomMass.inertia geom.Kind geom.Size mass
                            }
                ]

        match source, body.Inertial with
        | Auto, ValueSome given
        | Never, ValueSome given -> given
        | Never, ValueNone -> GeomMass.combine []
        | _ -> ofGeoms ()

    /// Bodies without what follows from the reference pose.
    let private bodies (description: RobotDescription) : Body[] =
        let described = Array.ofList description.Bodies
        let parts = described |> Array.map (massOf description.InertiaSource)
        let worldless = Array.sumBy _.Mass parts[1..]

        let scale =
            if description.TotalMass > 0.0 && worldless > 0.0 then
                description.TotalMass / worldless
            else
                1.0

        let bodies = Array.zeroCreate<Body> described.Length
        let mutable joint, dof = 0, 0

        for index in 0 .. described.Length - 1 do
            let body = described[index]
            let part = parts[index]
            let isWorld = index = 0

            let dofs =
                body.Joints
                |> List.sumBy (fun joint ->
                    match joint.Joint.Kind with
                    | JointKind.Free -> 6
                    | JointKind.Ball -> 3
                    | _ -> 1)

            let isMoving = not body.Joints.IsEmpty

            bodies[index] <-
                {
                    Name = body.Name
                    Parent = max body.Parent 0
                    Root = if body.Parent <= 0 then index else bodies[body.Parent].Root
                    Welded = if isMoving || isWorld then index else bodies[body.Parent].Welded
                    Position = body.Position
                    Orientation = body.Orientation
                    Centre = if isWorld then Vector3D.zero else part.Position
                    PrincipalAxes = if isWorld then Quaternion.identity else part.Orientation
                    Mass = if isWorld then 0.0 else scale * part.Mass
                    Inertia = if isWorld then Vector3D.zero else scale * part.Inertia
                    SubtreeMass = 0.0
                    TranslationalWeight = 0.0
                    RotationalWeight = 0.0
                    FirstJoint = joint
                    JointCount = body.Joints.Length
                    FirstDof = dof
                    DofCount = dofs
                    LastDof =
                        if dofs > 0 then dof + dofs - 1
                        elif isWorld then -1
                        else bodies[body.Parent].LastDof
                }

            joint <- joint + body.Joints.Length
            dof <- dof + dofs

        let subtree = bodies |> Array.map _.Mass

        for index in bodies.Length - 1 .. -1 .. 1 do
            subtree[bodies[index].Parent] <- subtree[bodies[index].Parent] + subtree[index]

        bodies |> Array.mapi (fun index body -> { body with SubtreeMass = subtree[index] })

    /// A moving body must have mass, itself or in a part that is rigidly on it.
    let private checkMasses (description: RobotDescription) (bodies: Body[]) (dofs: Dof[]) =
        List.iteri
            (fun index (body: BodyDescription) ->
                let rigid = bodies |> Array.filter (fun other -> other.Welded = index)
                let mass = rigid |> Array.sumBy _.Mass
                let size = rigid |> Array.sumBy (fun part -> part.Inertia.X + part.Inertia.Y + part.Inertia.Z)
                let own = bodies[index]
                let dofs = dofs[own.FirstDof .. own.FirstDof + own.DofCount - 1]
                let carries = bodies |> Array.exists (fun other -> other.Parent = index && other.SubtreeMass > 0.0)
                let held = dofs |> Array.forall (fun dof -> dof.Armature > 0.0)

                if index > 0 && own.DofCount > 0 && (mass < 1e-15 || size < 1e-15) && not (carries || held) then
                    fail
                        body.Line
                        $"{show body} moves but has no mass; give it a geom with volume and density, or <inertial>.")
            description.Bodies

    let private jointsAndDofs (description: RobotDescription) (bodies: Body[]) =
        let joints = Collections.Generic.List<Joint>()
        let dofs = Collections.Generic.List<Dof>()
        let positions = Collections.Generic.List<float>()
        let springs = Collections.Generic.List<float>()

        description.Bodies
        |> List.iteri (fun index body ->
            for part in body.Joints do
                let joint = { part.Joint with Body = index; PositionIndex = positions.Count; DofIndex = dofs.Count }

                let count =
                    match joint.Kind with
                    | JointKind.Free ->
                        let p, q = body.Position, body.Orientation
                        let numbers = [| p.X; p.Y; p.Z; q.W; q.X; q.Y; q.Z |]
                        positions.AddRange numbers
                        springs.AddRange numbers
                        6
                    | JointKind.Ball ->
                        positions.AddRange [| 1.0; 0.0; 0.0; 0.0 |]
                        springs.AddRange [| 1.0; 0.0; 0.0; 0.0 |]
                        3
                    | _ ->
                        positions.Add part.Reference
                        springs.Add part.SpringReference
                        1

                for _ in 1..count do
                    let isFirst = dofs.Count = bodies[index].FirstDof

                    dofs.Add
                        {
                            Joint = joints.Count
                            Body = index
                            Parent = if isFirst then bodies[bodies[index].Parent].LastDof else dofs.Count - 1
                            Armature = part.Armature
                            Damping = part.Damping
                            InverseWeight = 0.0
                        }

                joints.Add joint)

        struct (joints.ToArray(), dofs.ToArray(), positions.ToArray(), springs.ToArray())

    /// Whether a body is a point on slides alone, with nothing on it: its inverse weight then is 1/mass, without
    /// armature, as since MuJoCo 3.0.
    let private isSliding (model: RobotModel) (index: int) =
        let body = model.Bodies[index]
        let joints = model.Joints[body.FirstJoint .. body.FirstJoint + body.JointCount - 1]
        let parent = model.Bodies[body.Parent]

        body.JointCount > 0
        && joints |> Array.forall (fun joint -> joint.Kind = JointKind.Slide)
        && parent.LastDof < 0
        && not (model.Bodies |> Array.exists (fun other -> other.Parent = index && index > 0))
        && body.Mass > 0.0

    /// Weights and the mean inertia in the reference pose.
    let private finish (model: RobotModel) : RobotModel =
        let w = Workspace model
        let size = model.DofCount
        Kinematics.place w
        MassMatrix.compute w
        let row = Array.zeroCreate<float> size
        let solved = Array.zeroCreate<float> size

        /// x M⁻¹ xᵀ of the row.
        let weight () =
            Array.Copy(row, solved, size)
            MassMatrix.solve model (ReadOnlySpan w.Factor) (ReadOnlySpan w.InverseDiagonal) (Span solved)
            Array.fold2 (fun sum a b -> sum + a * b) 0.0 row solved

        let bodies =
            model.Bodies
            |> Array.mapi (fun index body ->
                let translations =
                    [|
                        for axis in 0..2 do
                            Array.Clear row
                            Kinematics.addPointRow w index w.CentrePosition[index] (Vector3D.unit axis) 1.0 (Span row)
                            weight ()
                    |]

                let rotations =
                    [|
                        for axis in 0..2 do
                            Array.Clear row
                            let mutable dof = body.LastDof

                            while dof >= 0 do
                                row[dof] <- w.Motion[dof].Angular[axis]
                                dof <- model.Dofs[dof].Parent

                            weight ()
                    |]

                if isSliding model index then
                    { body with TranslationalWeight = 1.0 / body.Mass; RotationalWeight = 0.0 }
                else
                    { body with
                        TranslationalWeight = Array.average translations
                        RotationalWeight = Array.average rotations
                    })

        let inverse =
            Array.init size (fun dof ->
                Array.Clear row
                row[dof] <- 1.0
                weight ())

        let dofs =
            model.Dofs
            |> Array.mapi (fun index dof ->
                let joint = model.Joints[dof.Joint]

                let first, last =
                    match joint.Kind with
                    | JointKind.Free when index < joint.DofIndex + 3 -> joint.DofIndex, joint.DofIndex + 2
                    | JointKind.Free -> joint.DofIndex + 3, joint.DofIndex + 5
                    | JointKind.Ball -> joint.DofIndex, joint.DofIndex + 2
                    | _ -> index, index

                { dof with
                    InverseWeight =
                        if isSliding model dof.Body then
                            1.0 / model.Bodies[dof.Body].Mass
                        else
                            Array.average inverse[first..last]
                })

        let meanInertia =
            if size = 0 then
                1.0
            else
                Seq.average (Seq.init size (fun dof -> w.MassMatrix[dof * size + dof]))

        { model with Bodies = bodies; Dofs = dofs; MeanInertia = meanInertia }

    let private scalarJoint (joints: Joint[]) (line: int) (what: string) (name: string) =
        match joints |> Array.tryFindIndex (fun joint -> joint.Name = name) with
        | None -> fail line $"{what} names the joint \"{name}\", which there is not."
        | Some index when joints[index].Kind = JointKind.Free || joints[index].Kind = JointKind.Ball ->
            fail line $"{what} acts on \"{name}\", a free or ball joint; only slides and hinges are supported."
        | Some index -> index

    /// The numbers of a description.
    let compile (description: RobotDescription) : RobotModel =
        let bodies = bodies description
        let struct (joints, dofs, positions, springs) = jointsAndDofs description bodies

        let geoms =
            [|
                for index, body in List.indexed description.Bodies do
                    for part in body.Geoms do
                        if part.Geom.Kind <= GeomKind.HeightField && bodies[index].LastDof >= 0 then
                            let what = if part.Geom.Kind = GeomKind.Plane then "plane" else "field of heights"
                            fail part.Line $"{show body} moves and has a {what}; {what}s belong to what stands still."

                        { part.Geom with Body = index }
            |]

        let sites =
            [|
                for index, body in List.indexed description.Bodies do
                    for site in body.Sites -> { site with Body = index }
            |]

        checkNames "bodies" (bodies |> Seq.map _.Name)
        checkNames "joints" (joints |> Seq.map _.Name)
        checkNames "geoms" (geoms |> Seq.map _.Name)
        checkNames "sites" (sites |> Seq.map _.Name)
        checkMasses description bodies dofs

        finish
            {
                Name = description.ModelName
                Options = description.Options
                Bodies = bodies
                Joints = joints
                Dofs = dofs
                Geoms = geoms
                HeightFields = Array.ofList description.HeightFields
                Sites = sites
                Actuators =
                    [|
                        for actuator in description.Actuators do
                            let joint = scalarJoint joints actuator.ActuatorLine "an actuator" actuator.JointName
                            { actuator.Actuator with Joint = joint }
                    |]
                Tendons =
                    [|
                        for tendon in description.Tendons do
                            {
                                Name = tendon.TendonName
                                Joints =
                                    [|
                                        for name, _ in tendon.Terms ->
                                            scalarJoint joints tendon.TendonLine "a tendon" name
                                    |]
                                Coefficients = tendon.Terms |> List.map snd |> Array.ofList
                            }
                    |]
                Pairs = PairMixing.pairs description bodies geoms
                Positions0 = positions
                SpringPositions = springs
                TotalMass = bodies |> Array.sumBy _.Mass
                MeanInertia = 1.0
                HasDamping = dofs |> Array.exists (fun dof -> dof.Damping > 0.0)
            }

    /// The numbers of an MJCF text.
    let ofText (text: string) : RobotModel = compile (MjcfReader.describe text)
