/// Bodies, joints, shapes and sites of an MJCF text.
namespace Rl.Core.Environments.Robots

open System
open System.Xml.Linq

/// What `<compiler>` says of the units and conventions of the text.
type internal MjcfConventions =
    {
        /// How many rad an angle of 1 is.
        AngleUnit: float
        /// The order of Euler angles: lower case about axes that turn along, upper case about fixed ones.
        EulerOrder: string
        /// A range alone limits what it stands at.
        AutoLimits: bool
        Classes: Map<string, MjcfClass>
        /// The fields of heights of the text, to which geoms refer by name.
        HeightFields: HeightField list
    }

/// Reads what stands in `<worldbody>`.
[<RequireQualifiedAccess>]
module internal MjcfBodies =

    /// An element with the defaults of its class, or of the class of the bodies around it.
    let withDefaults (conventions: MjcfConventions) (surrounding: string) (element: XElement) : MjcfElement =
        Mjcf.checkAttributes element

        let name =
            match element.Attribute "class" with
            | null -> surrounding
            | attribute -> attribute.Value

        match conventions.Classes.TryFind name with
        | Some found -> MjcfElement(element, found.Of element.Name.LocalName)
        | None ->
            let known = String.Join(", ", conventions.Classes |> Map.keys)
            Mjcf.fail element $"{Mjcf.show element}: there is no class \"{name}\"; there are {known}."

    /// `solref` and `solimp` under the given names.
    let softness (reference: string) (impedance: string) (element: MjcfElement) : Softness =
        let r = element.LeadingNumbers(reference, [| 0.02; 1.0 |])
        let i = element.LeadingNumbers(impedance, [| 0.9; 0.95; 0.001; 0.5; 2.0 |])

        if r[0] <= 0.0 || r[1] <= 0.0 then
            element.Fail
                $"{reference} is {r[0]} {r[1]}; only a time constant and a damping ratio above 0 are supported."

        {
            TimeConstant = r[0]
            DampingRatio = r[1]
            Minimum = i[0]
            Maximum = i[1]
            Width = i[2]
            Midpoint = i[3]
            Power = i[4]
        }

    /// Whether something with a range is limited.
    let isLimited (conventions: MjcfConventions) (flag: string) (range: string) (element: MjcfElement) =
        let automatic = conventions.AutoLimits && element.Has range
        let choices = [ "true", true; "false", false; "auto", automatic ]
        element.Choice(flag, choices, "auto")

    let private axes = "pos quat axisangle euler xyaxes zaxis".Split ' '

    let private euler (conventions: MjcfConventions) (angles: float[]) =
        (Quaternion.identity, Seq.zip conventions.EulerOrder angles)
        ||> Seq.fold (fun turned (letter, angle) ->
            let axis = Vector3D.unit ("xyz".IndexOf(Char.ToLowerInvariant letter))
            let turn = Quaternion.ofAxis axis (conventions.AngleUnit * angle)
            if Char.IsLower letter then turned * turn else turn * turned)

    /// The orientation of an element, given in one of five ways.
    let orientation (conventions: MjcfConventions) (element: MjcfElement) : Quaternion =
        let given =
            axes[1..]
            |> Array.filter element.HasOwn
            |> Array.toList
            |> function
                | [] -> axes[1..] |> Array.filter element.Has |> Array.toList
                | own -> own

        match given with
        | [] -> Quaternion.identity
        | [ "quat" ] ->
            let q = element.Numbers("quat", [| 1.0; 0.0; 0.0; 0.0 |])

            if Array.forall (fun number -> number = 0.0) q then
                element.Fail "quat is 0 0 0 0; it must not be zero."

            Quaternion.normalise (Quaternion(q[0], q[1], q[2], q[3]))
        | [ "axisangle" ] ->
            let a = element.Numbers("axisangle", Array.zeroCreate 4)
            let axis = Vector3D(a[0], a[1], a[2])

            if Vector3D.length axis < 1e-15 then
                element.Fail "axisangle has the axis 0 0 0; it must have a direction."

            Quaternion.ofAxis (Vector3D.normaliseOr axis axis) (conventions.AngleUnit * a[3])
        | [ "euler" ] -> euler conventions (element.Numbers("euler", Array.zeroCreate 3))
        | [ "zaxis" ] -> Quaternion.ofDirection (element.Vector("zaxis", Vector3D.unit 2))
        | [ "xyaxes" ] ->
            let a = element.Numbers("xyaxes", Array.zeroCreate 6)
            let x = Vector3D.normaliseOr Vector3D.zero (Vector3D(a[0], a[1], a[2]))
            let y = Vector3D(a[3], a[4], a[5])
            let y = Vector3D.normaliseOr Vector3D.zero (y - Vector3D.dot x y * x)

            if Vector3D.length x < 0.5 || Vector3D.length y < 0.5 then
                element.Fail "xyaxes must be two directions that are not parallel."

            Quaternion.ofRotation (Rotation(x, y, Vector3D.cross x y))
        | several ->
            let list = String.Join(", ", several)
            element.Fail $"its orientation is given by {list}; use one of these."

    let private geomKinds =
        [
            "plane", GeomKind.Plane
            "hfield", GeomKind.HeightField
            "sphere", GeomKind.Sphere
            "capsule", GeomKind.Capsule
            "ellipsoid", GeomKind.Ellipsoid
            "cylinder", GeomKind.Cylinder
            "box", GeomKind.Box
        ]

    /// Centre, half length and direction between two points; the z axis points from the second to the first.
    let private between (element: MjcfElement) =
        let ends = element.Numbers("fromto", Array.zeroCreate 6)
        let first, second = Vector3D(ends[0], ends[1], ends[2]), Vector3D(ends[3], ends[4], ends[5])
        let axis = first - second

        if Vector3D.length axis < 1e-15 then
            element.Fail "fromto has two points at the same place; they must differ."

        struct (0.5 * (first + second), 0.5 * Vector3D.length axis, Quaternion.ofDirection axis)

    let private geom conventions surrounding (element: XElement) : GeomDescription =
        let element = withDefaults conventions surrounding element
        let kind = element.Choice("type", geomKinds, "sphere")
        let size = element.LeadingNumbers("size", Array.zeroCreate 3)

        let struct (position, orientation, size) =
            if element.Has "fromto" then
                let struct (centre, half, turn) = between element

                match kind with
                | GeomKind.Capsule
                | GeomKind.Cylinder -> struct (centre, turn, [| size[0]; half; 0.0 |])
                | _ -> element.Fail "fromto is supported for capsules and cylinders."
            else
                struct (element.Vector("pos", Vector3D.zero), orientation conventions element, size)

        let field =
            match kind, element.Has "hfield" with
            | GeomKind.HeightField, _ ->
                let name = element.Required "hfield"

                match conventions.HeightFields |> List.tryFindIndex (fun field -> field.Name = name) with
                | Some index -> index
                | None ->
                    let known = String.Join(", ", conventions.HeightFields |> List.map _.Name)
                    let known = if known = "" then "there is none" else $"there are {known}"
                    element.Fail $"hfield names \"{name}\", which is no <hfield> in <asset>; {known}."
            | _, true -> element.Fail "hfield belongs to a geom of type hfield."
            | _ -> -1

        let size =
            match kind with
            | GeomKind.HeightField ->
                let field = conventions.HeightFields[field]
                [| field.HalfX; field.HalfY; Array.max field.Heights |]
            | _ -> size

        let needed =
            match kind with
            | GeomKind.HeightField
            | GeomKind.Plane -> 0
            | GeomKind.Sphere -> 1
            | GeomKind.Capsule
            | GeomKind.Cylinder -> 2
            | _ -> 3

        for index in 0 .. needed - 1 do
            if not (size[index] > 0.0) then
                element.Fail $"size has {size[index]} at place {index + 1}; sizes must be above 0."

        let friction = element.LeadingNumbers("friction", [| 1.0; 0.005; 0.0001 |])

        let dimension =
            match element.Whole("condim", 1, 6, 3) with
            | 1 -> 1
            | 3 -> 3
            | other -> element.Fail $"condim is {other}; 1 (no friction) and 3 (sliding friction) are supported."

        {
            Geom =
                {
                    Name = element.Text("name", "")
                    Kind = kind
                    Body = -1
                    Position = position
                    Orientation = orientation
                    Size = Vector3D(size[0], size[1], size[2])
                    Field = field
                    Friction = Vector3D(friction[0], friction[1], friction[2])
                    Dimension = dimension
                    ContactType = element.Whole("contype", 0, Int32.MaxValue, 1)
                    ContactAffinity = element.Whole("conaffinity", 0, Int32.MaxValue, 1)
                    Margin = element.NotNegative("margin", 0.0)
                    Gap = element.NotNegative("gap", 0.0)
                    Softness = softness "solref" "solimp" element
                    MixingWeight = element.NotNegative("solmix", 1.0)
                    Priority = element.Whole("priority", -1000, 1000, 0)
                }
            Density = element.NotNegative("density", 1000.0)
            GivenMass =
                if element.Has "mass" then
                    ValueSome(element.NotNegative("mass", 0.0))
                else
                    ValueNone
            Line = Mjcf.line element.Element
        }

    let private jointKinds =
        [ "free", JointKind.Free; "ball", JointKind.Ball; "slide", JointKind.Slide; "hinge", JointKind.Hinge ]

    let private joint conventions surrounding (element: XElement) : JointDescription =
        let isFreeJoint = element.Name.LocalName = "freejoint"
        let element = withDefaults conventions surrounding element

        let kind =
            if isFreeJoint then
                JointKind.Free
            else
                element.Choice("type", jointKinds, "hinge")

        let unit = if kind = JointKind.Hinge then conventions.AngleUnit else 1.0
        let range = element.Numbers("range", [| 0.0; 0.0 |])
        let isScalar = kind = JointKind.Slide || kind = JointKind.Hinge
        let limited = isScalar && isLimited conventions "limited" "range" element

        if not isScalar && element.HasOwn "range" && isLimited conventions "limited" "range" element then
            element.Fail "limits of free and ball joints are not supported."

        if limited && not (range[0] < range[1]) then
            element.Fail $"range is {range[0]} {range[1]}; the first number must be below the second."

        let axis = element.Vector("axis", Vector3D.unit 2)

        if isScalar && Vector3D.length axis < 1e-15 then
            element.Fail "axis is 0 0 0; it must have a direction."

        let stiffness = if isFreeJoint then 0.0 else element.NotNegative("stiffness", 0.0)

        if not isScalar && stiffness > 0.0 then
            element.Fail $"stiffness is {stiffness}; springs of free and ball joints are not supported."

        {
            Joint =
                {
                    Name = element.Text("name", "")
                    Kind = kind
                    Body = -1
                    PositionIndex = -1
                    DofIndex = -1
                    Anchor =
                        if kind = JointKind.Free then
                            Vector3D.zero
                        else
                            element.Vector("pos", Vector3D.zero)
                    Axis = if isScalar then Vector3D.normaliseOr axis axis else Vector3D.unit 2
                    IsLimited = limited
                    Low = unit * range[0]
                    High = unit * range[1]
                    Margin = element.Number("margin", 0.0)
                    Softness = softness "solreflimit" "solimplimit" element
                    Stiffness = stiffness
                }
            Reference = unit * element.Number("ref", 0.0)
            SpringReference = unit * element.Number("springref", 0.0)
            Armature = element.NotNegative("armature", 0.0)
            Damping = element.NotNegative("damping", 0.0)
        }

    let private site conventions surrounding (element: XElement) : Site =
        let element = withDefaults conventions surrounding element

        let struct (position, orientation) =
            if element.Has "fromto" then
                let struct (centre, _, turn) = between element
                struct (centre, turn)
            else
                struct (element.Vector("pos", Vector3D.zero), orientation conventions element)

        { Name = element.Text("name", ""); Body = -1; Position = position; Orientation = orientation }

    let private inertial conventions (element: XElement) : MassPart =
        Mjcf.checkAttributes element
        let element = MjcfElement(element, Map.empty)
        let turn = orientation conventions element
        element.Required "mass" |> ignore
        let mass = element.NotNegative("mass", 0.0)
        let position = element.Vector("pos", Vector3D.zero)

        let part =
            match element.Has "diaginertia", element.Has "fullinertia" with
            | true, false ->
                let moments = element.Vector("diaginertia", Vector3D.zero)
                { Mass = mass; Position = position; Orientation = turn; Inertia = moments }
            | false, true ->
                let i = element.Numbers("fullinertia", Array.zeroCreate 6)
                let matrix = array2D [ [ i[0]; i[3]; i[4] ]; [ i[3]; i[1]; i[5] ]; [ i[4]; i[5]; i[2] ] ]
                let struct (axes, moments) = GeomMass.principalAxes matrix
                { Mass = mass; Position = position; Orientation = turn * axes; Inertia = moments }
            | _ -> element.Fail "it must have either diaginertia or fullinertia."

        let a, b, c = part.Inertia.X, part.Inertia.Y, part.Inertia.Z

        if min a (min b c) < 0.0 || a + b < c || a + c < b || b + c < a then
            element.Fail
                $"the moments of inertia are {a}, {b}, {c}; none may be negative or above the sum of the others."

        part

    let private within = [ "body"; "geom"; "joint"; "freejoint"; "inertial"; "site"; "light"; "camera" ]

    /// The world and the bodies within it, parents first.
    let read (conventions: MjcfConventions) (worlds: XElement list) : BodyDescription list =
        let bodies = Collections.Generic.List<BodyDescription>()

        let rec add (parent: int) (surrounding: string) (elements: XElement list) =
            let index = bodies.Count
            let element = elements.Head
            let children = elements |> List.collect (Mjcf.children within)
            let named (name: string) = children |> List.filter (fun child -> child.Name.LocalName = name)
            let isWorld = parent < 0

            let surrounding =
                match element.Attribute "childclass" with
                | null -> surrounding
                | attribute -> attribute.Value

            let placed = MjcfElement(element, Map.empty)
            if not isWorld then Mjcf.checkAttributes element

            let joints =
                children
                |> List.filter (fun child -> child.Name.LocalName = "joint" || child.Name.LocalName = "freejoint")

            if isWorld then
                for wrong in joints @ named "inertial" do
                    Mjcf.fail wrong $"{Mjcf.show wrong} belongs in a <body>; the world does not move."

            let joints = joints |> List.map (joint conventions surrounding)

            if
                joints |> List.exists (fun joint -> joint.Joint.Kind = JointKind.Free)
                && (joints.Length > 1 || parent > 0)
            then
                Mjcf.fail
                    element
                    $"{Mjcf.show element}: a free joint must be the only joint of a body that stands in <worldbody>."

            bodies.Add
                {
                    Name = if isWorld then "world" else placed.Text("name", "")
                    Parent = parent
                    Position = if isWorld then Vector3D.zero else placed.Vector("pos", Vector3D.zero)
                    Orientation = if isWorld then Quaternion.identity else orientation conventions placed
                    Inertial =
                        match named "inertial" with
                        | [] -> ValueNone
                        | [ only ] -> ValueSome(inertial conventions only)
                        | _ :: second :: _ -> Mjcf.fail second "a body can have one <inertial>."
                    Joints = joints
                    Geoms = named "geom" |> List.map (geom conventions surrounding)
                    Sites = named "site" |> List.map (site conventions surrounding)
                    Line = Mjcf.line element
                }

            for child in named "body" do
                add index surrounding [ child ]

        add -1 "main" worlds
        List.ofSeq bodies
