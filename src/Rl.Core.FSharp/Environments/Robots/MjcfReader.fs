/// Reads a robot from an MJCF text, as far as this engine goes; what it does not know is refused with its line.
namespace Rl.Core.Environments.Robots

open System
open System.IO
open System.Xml
open System.Xml.Linq

/// MJCF, MuJoCo's model format (mujoco.readthedocs.io, chapter "XML Reference"). Errors are `InvalidDataException`s
/// that begin with the line.
[<RequireQualifiedAccess>]
module internal MjcfReader =

    let private sections = [ "compiler"; "option"; "default"; "worldbody"; "actuator"; "tendon"; "contact" ]

    /// Sections that change nothing here: looks, sizes of memory, statistics for viewers, a user's numbers.
    let private decorative = [ "visual"; "asset"; "size"; "statistic"; "custom" ]

    let private parse (text: string) : XElement =
        try
            let settings = XmlReaderSettings(DtdProcessing = DtdProcessing.Prohibit)
            use reader = XmlReader.Create(new StringReader(text), settings)
            let document = XDocument.Load(reader, LoadOptions.SetLineInfo)

            match document.Root with
            | null -> raise (InvalidDataException "Line 1: the text has no element.")
            | root -> root
        with :? XmlException as error ->
            raise (InvalidDataException($"Line {max 1 error.LineNumber}: {error.Message}", error))

    let private single (element: XElement) =
        Mjcf.checkAttributes element
        MjcfElement(element, Map.empty)

    let private only (name: string) (value: float) (element: MjcfElement) =
        let given = element.Number(name, value)

        if given <> value then
            element.Fail $"{name} is {given}; only {value} is supported."

    let private options (elements: XElement list) : SimulationOptions =
        let standard =
            {
                Timestep = 0.002
                Integrator = Integrator.Euler
                Solver = ConstraintSolver.Newton
                Iterations = 100
                Tolerance = 1e-8
                Gravity = Vector3D(0.0, 0.0, -9.81)
                Wind = Vector3D.zero
                Density = 0.0
                Viscosity = 0.0
            }

        (standard, elements)
        ||> List.fold (fun options element ->
            let element = single element
            element.Choice("cone", [ "pyramidal", () ], "pyramidal")
            element.Choice("jacobian", [ "dense", (); "sparse", (); "auto", () ], "auto")
            only "impratio" 1.0 element
            only "noslip_iterations" 0.0 element

            for child in element.Element.Elements() do
                Mjcf.fail child $"{Mjcf.show child} within <option> is not supported."

            let integrators = [ "Euler", Integrator.Euler; "RK4", Integrator.RungeKutta4 ]
            let solvers = [ "Newton", ConstraintSolver.Newton; "PGS", ConstraintSolver.ProjectedGaussSeidel ]
            let timestep = element.Number("timestep", options.Timestep)

            if not (timestep > 0.0) then
                element.Fail $"timestep is {timestep}; it must be above 0."

            { options with
                Timestep = timestep
                Integrator =
                    if element.Has "integrator" then
                        element.Choice("integrator", integrators, "Euler")
                    else
                        options.Integrator
                Solver =
                    if element.Has "solver" then
                        element.Choice("solver", solvers, "Newton")
                    else
                        options.Solver
                Iterations = element.Whole("iterations", 1, 100000, options.Iterations)
                Tolerance = element.NotNegative("tolerance", options.Tolerance)
                Gravity = element.Vector("gravity", options.Gravity)
                Wind = element.Vector("wind", options.Wind)
                Density = element.NotNegative("density", options.Density)
                Viscosity = element.NotNegative("viscosity", options.Viscosity)
            })

    let private actuator (conventions: MjcfConventions) (element: XElement) : ActuatorDescription =
        let kind = element.Name.LocalName
        let element = MjcfBodies.withDefaults conventions "main" element
        let gear = element.LeadingNumbers("gear", [| 1.0; 0.0; 0.0; 0.0; 0.0; 0.0 |])

        let range (flag: string) (name: string) =
            let isLimited = MjcfBodies.isLimited conventions flag name element
            let range = element.Numbers(name, [| 0.0; 0.0 |])

            if isLimited && not (range[0] < range[1]) then
                element.Fail $"{name} is {range[0]} {range[1]}; the first number must be below the second."

            struct (isLimited, range)

        let struct (hasControlRange, control) = range "ctrllimited" "ctrlrange"
        let struct (hasForceRange, force) = range "forcelimited" "forcerange"

        let struct (gain, bias) =
            match kind with
            | "position" ->
                let stiffness, damping = element.NotNegative("kp", 1.0), element.NotNegative("kv", 0.0)
                struct (stiffness, Vector3D(0.0, -stiffness, -damping))
            | "velocity" ->
                let damping = element.NotNegative("kv", 1.0)
                struct (damping, Vector3D(0.0, 0.0, -damping))
            | _ -> struct (1.0, Vector3D.zero)

        {
            Actuator =
                {
                    Name = element.Text("name", "")
                    Joint = -1
                    Gear = gear[0]
                    Gain = gain
                    Bias = bias
                    HasControlRange = hasControlRange
                    ControlLow = control[0]
                    ControlHigh = control[1]
                    HasForceRange = hasForceRange
                    ForceLow = force[0]
                    ForceHigh = force[1]
                }
            JointName = element.Required "joint"
            ActuatorLine = Mjcf.line element.Element
        }

    let private tendon (element: XElement) : TendonDescription =
        Mjcf.checkAttributes element

        {
            TendonName = MjcfElement(element, Map.empty).Text("name", "")
            Terms =
                [
                    for term in Mjcf.children [ "joint" ] element do
                        let term = MjcfElement(term, Map.empty)
                        term.Required "joint", term.Number("coef", 1.0)
                ]
            TendonLine = Mjcf.line element
        }

    let private pair (conventions: MjcfConventions) (element: XElement) : PairDescription =
        let element = MjcfBodies.withDefaults conventions "main" element
        let given name value = if element.Has name then ValueSome(value ()) else ValueNone

        {
            Geom1 = element.Required "geom1"
            Geom2 = element.Required "geom2"
            PairDimension = given "condim" (fun () -> element.Choice("condim", [ "1", 1; "3", 3 ], "3"))
            PairFriction =
                given "friction" (fun () ->
                    element.LeadingNumbers("friction", [| 1.0; 1.0; 0.005; 0.0001; 0.0001 |])[0])
            PairMargin = given "margin" (fun () -> element.NotNegative("margin", 0.0))
            PairGap = given "gap" (fun () -> element.NotNegative("gap", 0.0))
            PairSoftness =
                if element.Has "solref" || element.Has "solimp" then
                    ValueSome(MjcfBodies.softness "solref" "solimp" element)
                else
                    ValueNone
            PairLine = Mjcf.line element.Element
        }

    /// A field of heights: the rows of its elevations go from the highest y to the lowest, and the lowest of them lies
    /// at 0, the highest at the given height, as in MuJoCo.
    let private heightField (element: XElement) : HeightField =
        Mjcf.checkAttributes element
        let element = MjcfElement(element, Map.empty)
        let name = element.Required "name"
        element.Required "size" |> ignore
        let size = element.Numbers("size", Array.zeroCreate 4)

        for index in 0..3 do
            if not (size[index] > 0.0) then
                element.Fail
                    $"size has {size[index]} at place {index + 1}; half sides, height and depth must be above 0."

        let count (what: string) =
            element.Required what |> ignore
            element.Whole(what, 2, 100000, 0)

        let rows, columns = count "nrow", count "ncol"

        if int64 rows * int64 columns > 10_000_000L then
            element.Fail $"it has {rows} rows of {columns} heights; at most 10,000,000 heights are supported."

        let given =
            element.TryNumbers "elevation"
            |> ValueOption.defaultWith (fun () -> Array.zeroCreate (rows * columns))

        if given.Length <> rows * columns then
            element.Fail $"elevation has {given.Length} numbers; {rows} rows of {columns} must have {rows * columns}."

        let low, high = Array.min given, Array.max given
        let scale = if high > low then size[2] / (high - low) else 0.0

        {
            Name = name
            Rows = rows
            Columns = columns
            HalfX = size[0]
            HalfY = size[1]
            Heights =
                Array.init given.Length (fun index ->
                    let row, column = index / columns, index % columns
                    scale * (given[(rows - 1 - row) * columns + column] - low))
        }

    let private eulerOrder (element: MjcfElement) =
        let order = element.Text("eulerseq", "xyz")

        if order.Length <> 3 || order |> Seq.exists (fun letter -> not ("xyzXYZ".Contains letter)) then
            element.Fail $"eulerseq is \"{order}\"; it must be three of the letters x, y, z, X, Y, Z."

        order

    /// What a text describes.
    let describe (text: string) : RobotDescription =
        let root = parse text

        if root.Name.LocalName <> "mujoco" then
            Mjcf.fail root $"the outermost element is {Mjcf.show root}; it must be <mujoco>."

        let children = Mjcf.children (sections @ decorative) root
        let named (name: string) = children |> List.filter (fun child -> child.Name.LocalName = name)

        let fields =
            named "asset"
            |> List.collect (Mjcf.children [ "texture"; "material"; "hfield" ])
            |> List.filter (fun child -> child.Name.LocalName = "hfield")
            |> List.map (fun element -> element, heightField element)

        for _, same in fields |> List.groupBy (fun (_, field) -> field.Name) do
            if same.Length > 1 then
                let element, field = same[1]
                Mjcf.fail element $"there is a field of heights \"{field.Name}\" already; names must differ."

        let fields = fields |> List.map snd

        // Later compiler elements add to earlier ones.
        let compiler =
            let merged = XElement "compiler"

            for element in named "compiler" do
                Mjcf.checkAttributes element

                for attribute in element.Attributes() do
                    merged.SetAttributeValue(attribute.Name, attribute.Value)

            MjcfElement(merged, Map.empty)

        compiler.Choice("coordinate", [ "local", () ], "local")
        only "boundmass" 0.0 compiler
        only "boundinertia" 0.0 compiler
        compiler.Choice("balanceinertia", [ "false", () ], "false")

        let conventions =
            {
                AngleUnit = compiler.Choice("angle", [ "degree", Math.PI / 180.0; "radian", 1.0 ], "degree")
                EulerOrder = eulerOrder compiler
                AutoLimits = compiler.Choice("autolimits", [ "true", true; "false", false ], "true")
                Classes = MjcfDefaults.read (named "default")
                HeightFields = fields
            }

        let worlds = named "worldbody"

        if worlds.IsEmpty then Mjcf.fail root "there is no <worldbody>."

        let contacts = named "contact" |> List.collect (Mjcf.children [ "pair"; "exclude" ])

        {
            ModelName =
                match root.Attribute "model" with
                | null -> "the model"
                | attribute -> attribute.Value
            Options = options (named "option")
            InertiaSource = compiler.Choice("inertiafromgeom", [ "auto", Auto; "true", Always; "false", Never ], "auto")
            TotalMass = compiler.Number("settotalmass", -1.0)
            HeightFields = fields
            Bodies = MjcfBodies.read conventions worlds
            Actuators =
                named "actuator"
                |> List.collect (Mjcf.children [ "motor"; "position"; "velocity" ])
                |> List.map (actuator conventions)
            Tendons = named "tendon" |> List.collect (Mjcf.children [ "fixed" ]) |> List.map tendon
            Pairs =
                contacts
                |> List.filter (fun element -> element.Name.LocalName = "pair")
                |> List.map (pair conventions)
            Excludes =
                [
                    for element in contacts do
                        if element.Name.LocalName = "exclude" then
                            let element = single element
                            element.Required "body1", element.Required "body2", Mjcf.line element.Element
                ]
        }
